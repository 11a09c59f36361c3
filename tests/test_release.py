"""``./run release``: what it makes, byte for byte twice, and what it refuses with what to do (R117)."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.rule("R117"), pytest.mark.xdist_group("release")]


def load_release() -> ModuleType:
    sys.path.insert(0, str(ROOT / ".ci"))  # as python does for a script: it imports the audit beside it
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


os.environ.setdefault("UV", str(next((ROOT / ".tools").glob("uv-*/bin/uv"), "uv")))
release: Any = load_release()
VERSION: str = release.version_of(ROOT)
DATED = f"## {VERSION} — 30 novembre 2026"
WHEEL = f"oda_delegations-{VERSION}-py3-none-any.whl"


def git(root: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *arguments],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed copy of the files of this repository that are not tests, its version dated in the changelog."""
    root = tmp_path_factory.mktemp("release") / "checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0"):
        if name and not name.startswith(("tests/", "bench/")) and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    if re.search(rf"^## {re.escape(VERSION)} — ", text, re.MULTILINE):  # what waits then is another version's
        text = re.sub(r"^## À paraître\n.*?(?=^## )", "", text, flags=re.MULTILINE | re.DOTALL)
    dated, times = re.subn(rf"^## (À paraître|{re.escape(VERSION)} — .*)$", DATED, text, count=1, flags=re.MULTILINE)
    assert times == 1
    changelog.write_text(dated, encoding="utf-8")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "The version", "--date", "2026-11-30T12:00:00Z")
    return root


@pytest.fixture
def dist(checkout: Path) -> Path:
    if not (checkout / "dist" / release.SUMS).exists():
        release.main(checkout)
    return checkout / "dist"


def reasons(root: Path) -> str:
    with pytest.raises(release.NotReleasable) as refused:
        release.main(root)
    return "\n".join(refused.value.args)


# --- what it makes


def test_release__makes_its_files_and_says_the_two_commands(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release.main(checkout)
    first = {file.name: file.read_bytes() for file in (checkout / "dist").iterdir()}
    assert set(first) == {
        WHEEL, f"oda_delegations-{VERSION}.tar.gz", "requirements.txt", "sbom.cdx.json", "SHA256SUMS",
    }  # fmt: skip
    output = capsys.readouterr().out
    assert f"git tag -a v{VERSION} -m 'oda-delegations {VERSION}'" in output
    assert f"git push origin v{VERSION}" in output
    assert "ce verrou n'a pas été vérifié" in output
    release.main(checkout)
    assert {file.name: file.read_bytes() for file in (checkout / "dist").iterdir()} == first


def test_release__sums_are_those_of_the_files(dist: Path) -> None:
    lines = (dist / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest


def test_requirements__are_the_versions_of_the_lock_hashed_without_django(dist: Path) -> None:
    text = (dist / "requirements.txt").read_text(encoding="utf-8")
    named = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    locked = {package["name"]: package["version"] for package in packages}
    assert named.items() <= locked.items()
    assert {"sqlalchemy", "fastapi", "django-dsfr", "cryptography"} <= named.keys()
    assert not named.keys() & {"django", "django-widget-tweaks", "pytest", "oda-delegations"}
    for block in re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block


def test_bill_of_materials__names_what_is_installed_and_the_definition(dist: Path) -> None:
    bill = json.loads((dist / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/oda-delegations@{VERSION}"
    properties = bill["metadata"]["component"]["properties"]
    assert {"name": "oda:definition", "value": release.definition_fingerprint()} in properties
    assert "timestamp" in bill["metadata"]
    components = {component["name"] for component in bill["components"]}
    required = set(
        re.findall(r"^([a-z0-9-]+)==", (dist / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert components == required


def test_packages__hold_the_software_its_settings_and_its_documentation(dist: Path) -> None:
    with zipfile.ZipFile(dist / WHEEL) as wheel:
        names = wheel.namelist()
    assert {"states/transitions.py", "workflow/settings/starter.yaml", "portal/cli/main.py"} <= set(names)
    assert not [name for name in names if name.startswith("tests/")]
    with tarfile.open(dist / f"oda_delegations-{VERSION}.tar.gz") as archive:
        stems = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CHANGELOG.md", "docs/mise-a-jour.md", "uv.lock", "config.yaml", "deploy/oda.service"} <= stems


# --- what it refuses


@pytest.fixture
def damaged(checkout: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkout, tmp_path / "damaged", ignore=shutil.ignore_patterns("dist")))


def edit(root: Path, name: str, old: str, new: str) -> None:
    file = root / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_release__refuses_a_changed_tree_and_makes_nothing(damaged: Path) -> None:
    edit(damaged, "README.md", "\n", "\n\n")
    assert "(1)" in reasons(damaged)
    assert not (damaged / "dist").exists()


def test_release__refuses_a_version_that_is_tagged(damaged: Path) -> None:
    git(damaged, "tag", f"v{VERSION}")
    assert f"L'étiquette v{VERSION} existe déjà" in reasons(damaged)


def test_release__says_which_heading_of_the_changelog_to_rename(damaged: Path) -> None:
    edit(damaged, "CHANGELOG.md", DATED, "## À paraître")
    assert f"y renommer « ## À paraître » en « ## {VERSION} — " in reasons(damaged)
    edit(damaged, "CHANGELOG.md", "## À paraître", f"## À paraître\n\n- Encore une ligne.\n\n{DATED}")
    assert "des lignes sous « ## À paraître »" in reasons(damaged)
    edit(damaged, "CHANGELOG.md", "- Encore une ligne.\n\n", "")
    assert "CHANGELOG" not in reasons(damaged)


def test_release__refuses_a_lock_of_another_version(damaged: Path) -> None:
    edit(damaged, "pyproject.toml", f'version = "{VERSION}"', 'version = "9.9.9"')
    problems = reasons(damaged)
    for expected in (
        "uv.lock est d'une autre version",
        "section datée pour 9.9.9",
        "« ## 9.9.9 »",
        "l'empreinte de 9.9.9",
    ):
        assert expected in problems


def test_release__keeps_the_fingerprint_of_a_version_that_went_out(damaged: Path) -> None:
    git(damaged, "tag", f"v{VERSION}")
    edit(damaged, "docs/mise-a-jour.md", release.definition_fingerprint(), "0" * 12)
    assert f"l'empreinte de {VERSION}, déjà publiée, a changé" in reasons(damaged)
