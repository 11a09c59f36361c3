"""The wheel as the DSI installs it: everything is in it, it serves a page, and Django is never imported."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.kit.ports import free_port

ROOT = Path(__file__).parents[2]
TRAP = 'raise ImportError("nothing imports Django")\n'
SITE = """\
import atexit, os, sys
def tell():
    with open(os.environ["ODA_LOADED"], "a") as file:
        file.write(" ".join(sys.modules) + "\\n")
atexit.register(tell)
"""


def uv() -> str:
    """The uv of ``./run``, or the machine's."""
    candidates = [*(ROOT / ".tools").glob("uv-*/bin/uv"), shutil.which("uv")]
    path = next((str(path) for path in candidates if path), None)
    if path is None:
        pytest.skip("uv n'est pas installé (./run l'apporte)")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout, as for a release."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [uv(), "build", "--wheel", "--quiet", "--python", sys.executable, "--out-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, env=os.environ | {"UV_SYSTEM_CERTS": "1"})
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone of its own, the dependencies being those of the tests; its folder.

    Plain pip installs Django beside the design system: here, a Django that cannot be imported.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    place = next(folder.glob("lib/python*/site-packages"))
    (place / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (place / "django").mkdir()
    (place / "django" / "__init__.py").write_text(TRAP)
    (place / "tell_what_is_loaded.py").write_text(SITE)  # not a sitecustomize: Debian's own python has one already
    (place / "tell.pth").write_text("import tell_what_is_loaded\n")
    command = [uv(), "pip", "install", "--quiet", "--no-deps", "--offline", "--python", str(folder / "bin" / "python"),
               str(wheel)]  # fmt: skip
    subprocess.run(command, check=True)
    check: list[str | Path] = [folder / "bin" / "python", "-c", "import portal; print(portal.__file__)"]
    where = subprocess.run(
        check, check=True, cwd=folder, capture_output=True, text=True, env={"ODA_LOADED": os.devnull}
    )
    assert Path(where.stdout.strip()).is_relative_to(folder)
    return folder


def test_wheel__holds_what_is_not_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for mail_processes in ("states", "notifications", "workflow", "portal"):
        for path in (ROOT / mail_processes).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in name:
                assert name in names, name
    assert "workflow/settings/starter.yaml" in names
    assert not [name for name in names if name.startswith(("tests/", "bench/"))]


def test_wheel__serves_a_page_without_django(installed: Path, tmp_path: Path) -> None:
    oda, home, loaded = installed / "bin" / "oda", tmp_path / "srv", tmp_path / "loaded"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ODA_"))}
    environ |= {"ODA_CONFIG": str(home / "config.yaml"), "ODA_LOADED": str(loaded)}
    subprocess.run([oda, "init", home], check=True, env=environ, cwd=tmp_path, capture_output=True)
    port = free_port()
    with subprocess.Popen(
        [oda, "serve", "--port", str(port)], env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            page = _answer(f"http://127.0.0.1:{port}/")
            assert "<h1" in page
            for address in sorted(set(_stylesheets(page))):
                assert len(_answer(f"http://127.0.0.1:{port}{address}")) > 500, address
            assert _answer(f"http://127.0.0.1:{port}/sante").startswith("ok\n")
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            log = process.stderr.read()
            assert process.wait(30) == 0, log
        finally:
            process.kill()
    assert log.splitlines()[-1].endswith("arrêté proprement")
    modules = loaded.read_text().splitlines()[-1].split()
    assert "portal.app" in modules
    assert not [name for name in modules if name.split(".")[0] == "django"]
    assert not [name for name in modules if name.startswith("portal.demo")]


def _stylesheets(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('rel="stylesheet" href="')[1:]]


def _answer(address: str) -> str:
    """What a GET answers; asked again while nobody listens yet."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(address, timeout=20) as response:
                content: bytes = response.read()
                return content.decode()
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"nobody answers at {address}")
