"""``oidc-provider-mock`` on a port: a provider that nobody of us wrote, in a process of its own.

It imports a module that warns of its end: in this process, where every warning is an error, it would not start.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tests.kit.installation import OPERATOR
from tests.kit.ports import free_port

STARTS_IN_S = 30


@contextmanager
def running_provider() -> Iterator[str]:
    """The address (issuer) of a provider that knows the operator, and identifies whoever its page is told."""
    port = free_port()
    person = {"sub": OPERATOR, "email": OPERATOR, "email_verified": True}
    command = [
        sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true",
        "--user-claims", json.dumps(person),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://localhost:{port}"
    try:
        _wait_for(issuer, process)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(issuer: str, process: "subprocess.Popen[bytes]") -> None:
    ends_at = time.monotonic() + STARTS_IN_S
    while True:
        try:
            httpx2.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).raise_for_status()
        except httpx2.HTTPError:
            assert process.poll() is None, "oidc-provider-mock has ended"
            assert time.monotonic() < ends_at, "oidc-provider-mock does not answer"
            time.sleep(0.05)
        else:
            return
