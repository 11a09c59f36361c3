"""What the tests need beside Python, from Debian's packages: a Postfix, a pgbouncer and a Chromium.

The Chromium is the one without a screen: half the work of the other.

``python -m tests.kit.debian`` installs what is missing on Debian and its kin, as root; an integration server (CI=true)
does it before the tests, and there a test that lacks its program fails instead of being skipped.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

_POLICY = Path("/usr/sbin/policy-rc.d")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Unable(Exception):
    """A package cannot be installed here, and why, in French."""


def find(*names: str) -> str | None:
    """The first of these programs that the machine has; None when it has none."""
    return next((path for name in names if (path := shutil.which(name, path=PATH))), None)


def without(why: str) -> NoReturn:
    """End a test that lacks its program: a failure where it had to be there, else a skip that says why."""
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def install(*packages: str) -> None:
    """Install packages, quietly, their services left alone. Raises Unable with what apt-get said."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Unable(f"il faut être root et disposer d'apt-get pour installer {' et '.join(packages)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(["apt-get", "-q", *words], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unable(f"apt-get n'a pas pu installer {' et '.join(packages)} : {done.stderr.strip()[-300:]}")
    finally:
        if ours:
            _POLICY.unlink()


def missing() -> list[str]:
    """The packages that this machine lacks."""
    from tests.kit import browser, pgbouncer, postfix

    paths = {
        "postfix": postfix.program(), "pgbouncer": pgbouncer.program(), "chromium-headless-shell": browser.executable(),
    }  # fmt: skip
    return [package for package, program in paths.items() if program is None]


if __name__ == "__main__":
    wanted = missing()
    try:
        if wanted:
            print(f"oda : installation de {' et '.join(wanted)} pour les tests…", file=sys.stderr)
            install(*wanted)
    except Unable as error:
        sys.exit(f"oda : {error}")
