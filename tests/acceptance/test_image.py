"""The image, built by a container engine and run as ``compose.yaml`` runs it, where no shell is left to start.

By ``ODA_IMAGE=1 pytest tests/acceptance/test_image.py``, as root with podman, crun and debootstrap, in six minutes. The
image ``python:3.13-slim``, which is fetched from elsewhere, is stood in for by a bare Debian that has the same Python.
"""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kit.ports import free_port

ROOT = Path(__file__).parents[2]
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
PYTHON = "docker.io/library/python:3.13-slim"
WITHOUT_SHELL = """\
FROM localhost/oda-delegations
USER 0
RUN ["python", "-c", "import os; [os.unlink(p) for p in ('/bin/sh', '/bin/bash', '/bin/dash') if os.path.lexists(p)]"]
USER 10001:10001
"""
HYBRID = 'mount --make-rprivate / && ! grep -q cgroup2 /proc/mounts || umount -t cgroup2 -a; exec "$@"'
"""crun wants one kind of control groups; what a machine mounts beside is hidden from it."""

pytestmark = pytest.mark.skipif(
    os.environ.get("ODA_IMAGE") != "1" or os.geteuid() != 0, reason="par ODA_IMAGE=1, en root"
)


class Engine:
    """podman with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = ["--root", str(folder / "store"), "--runroot", str(folder / "run"), "--cgroup-manager", "cgroupfs"]

    def __call__(self, *words: object, fails: bool = False) -> str:
        command = ["unshare", "--mount", "sh", "-c", HYBRID, "sh", "podman", *self.store, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert (done.returncode != 0) is fails, done.stderr[-3000:]
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("image")
    base = folder / "base"
    packages = "--include=python3,python3-pip,python3-venv,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", packages, "trixie", base], check=True, capture_output=True)
    next(base.glob("usr/lib/python3.*/EXTERNALLY-MANAGED")).unlink()
    (base / "usr/bin/python").symlink_to("python3")
    shutil.copy(AUTHORITIES, base / AUTHORITIES.removeprefix("/"))
    subprocess.run(["tar", "-C", base, "-cf", folder / "base.tar", "."], check=True)
    podman = Engine(folder)
    known = [f"--change=ENV {name}={AUTHORITIES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
    podman("import", *known, "--change=ENV PATH=/usr/local/bin:/usr/bin:/bin", folder / "base.tar", PYTHON)
    build = ("build", "--format=docker", "--network=host", "--isolation=chroot", "--pull=never")
    podman(*build, "-f", ROOT / "deploy" / "Dockerfile", "-t", "oda-delegations", ROOT)
    (folder / "Dockerfile").write_text(WITHOUT_SHELL, encoding="utf-8")
    podman(*build, "-f", folder / "Dockerfile", "-t", "oda-without-shell", folder)
    try:
        yield podman
    finally:
        podman("stop", "--all", "--time", 30)
        podman("system", "reset", "--force")


def options(folder: Path, port: int) -> list[str]:
    """What ``compose.yaml`` says of the service, but for its database and its networks."""
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]["oda"]
    assert service["read_only"]
    return [
        "--rm", "--no-healthcheck", "--cgroups=disabled", "--network=host", "--read-only", "--read-only-tmpfs=false",
        *(f"--cap-drop={name}" for name in service["cap_drop"]),
        *(f"--security-opt={option.removesuffix(':true')}" for option in service["security_opt"]),
        *(f"--tmpfs={place}" for place in service["tmpfs"]),
        "--ulimit=nofile=4096:4096", "--ulimit=nproc=2048:2048", f"--ulimit=core={service['ulimits']['core']}",
        f"--volume={folder}:/srv/oda", "--env=ODA__PORTAL__ADDRESS=https://oda.ac-toulouse.fr",
        f"--env=ODA__PORTAL__PORT={port}",
    ]  # fmt: skip


def answer(port: int, path: str) -> str:
    """What the service answers, once it does."""
    last_try = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
                return str(response.read().decode())
        except urllib.error.URLError:
            if time.monotonic() > last_try:
                raise
            time.sleep(0.2)


def test_image__serves_without_rights_nor_shell_on_a_read_only_root(engine: Engine, tmp_path: Path) -> None:
    folder, port = tmp_path / "oda", free_port()
    folder.mkdir(mode=0o700)
    os.chown(folder, 10001, 10001)
    with_rights = options(folder, port)
    assert "/srv/oda/config.yaml" in engine("run", *with_rights, "oda-without-shell", "init", "/srv/oda")
    assert "ODA__PORTAL__PORT" in engine("run", *with_rights, "oda-without-shell", "check-config")
    engine("run", "--detach", "--name=oda", *with_rights, "oda-without-shell")
    assert answer(port, "/pret") == "ok\n"
    assert answer(port, "/sante").startswith("ok\n")
    assert "not found" in engine("exec", "oda", "sh", "-c", "true", fails=True)
    status = engine("exec", "oda", "cat", "/proc/1/status")
    for line in ("Uid:\t10001\t10001", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"):
        assert line in status
    assert "Read-only file system" in engine("exec", "oda", "python", "-c", "open('/x', 'w')", fails=True)
    engine(
        "exec",
        "oda",
        "oda",
        "--as=operator:operateur.oda@ac-toulouse.fr",
        "paper",
        "charter",
        "--blank",
        "-o",
        "/tmp/charte.pdf",
    )
    engine("stop", "--time", 60, "oda")
