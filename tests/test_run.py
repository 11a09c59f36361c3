"""The first run of a checkout: without a network it says one sentence, and with one it heals itself."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNREACHABLE = {"PIP_INDEX_URL": "http://127.0.0.1:9"}
UV = """#!/bin/sh
[ "$1" = sync ] || { echo "called: $*"; exit 0; }
[ -z "${NO_PACKAGES:-}" ] || { echo "error: Request failed after 3 retries" >&2; exit 2; }
"""
"""A uv that can be installed without a network, and that fails to bring the packages when it is told to."""


def uv_version() -> str:
    line = next(line for line in (ROOT / "run").read_text().splitlines() if line.startswith("UV_PINNED="))
    return line.removeprefix("UV_PINNED=")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy2(ROOT / "run", tmp_path / "run")
    return tmp_path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder of wheels, with that uv alone."""
    folder, version = tmp_path / "wheels", uv_version()
    folder.mkdir()
    script = zipfile.ZipInfo(f"uv-{version}.data/scripts/uv")
    script.external_attr = 0o100755 << 16
    with zipfile.ZipFile(folder / f"uv-{version}-py3-none-any.whl", "w") as wheel:
        info = f"uv-{version}.dist-info"
        wheel.writestr(script, UV)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: uv\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def run(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    return subprocess.run(
        [checkout / "run", "oda", "--version"],
        env={**environment, "PIP_CONFIG_FILE": os.devnull, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_first_run__without_a_network_is_one_sentence_and_heals_itself(checkout: Path, index: Path) -> None:
    online, made_at = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}, set[int]()
    for variables in (UNREACHABLE, {**online, "NO_PACKAGES": "1"}):
        refused = run(checkout, **variables)
        assert refused.returncode == 69
        assert refused.stdout == ""
        first, sentence = refused.stderr.splitlines()
        assert first == "oda : première exécution, préparation de l'environnement…"
        assert "PyPI n'a pas répondu" in sentence
        assert "relancer la même commande" in sentence
        assert (checkout / ".tools" / "preparation.log").read_text().strip()
        made_at.add(next((checkout / ".tools").glob("uv-*/pyvenv.cfg")).stat().st_mtime_ns)
    assert len(made_at) == 1  # what was whole already is not made anew

    healed = run(checkout, **online)
    assert (healed.returncode, healed.stderr) == (0, "")
    assert healed.stdout.startswith("called: run ")
    assert healed.stdout.endswith("oda --version\n")
