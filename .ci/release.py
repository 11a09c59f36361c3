"""Make in dist/ what a release is: the packages, the tested versions, what they are made of, their checksums.

It makes nothing of a tree that has changes, of a version without its dated section of the changelog, nor of one that
has its tag already, and says all that is missing at once. It neither tags nor pushes: a person does, having looked.
The same commit gives the same bytes: every date is the commit's.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from audit import verified_at

from states.transitions import definition_fingerprint

NAME: Final = "oda-delegations"
MONTHS: Final = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
NOTES: Final = "docs/mise-a-jour.md"
"""Where each version's fingerprint of the definition stands, with what the DSI must do."""

COMING: Final = "## À paraître"
"""The heading of the changelog under which the lines of the next version stand."""

UNWANTED: Final = ("django", "django-widget-tweaks")
"""What django-dsfr asks for and nothing imports."""

REQUIREMENTS_HEADING: Final = """\
# Les versions avec lesquelles {name} {version} a été essayé, et l'empreinte de chaque fichier.
# Toutes sont dites ici : --no-deps, et django-dsfr ne fait pas venir Django, que rien n'emploie.
#   pip install --no-deps --require-hashes -r requirements.txt
#   pip install --no-deps {wheel}
"""

UV: Final = os.environ.get("UV", "uv")
"""The lock's own program, as ./run installs it."""

SUMS: Final = "SHA256SUMS"


class NotReleasable(Exception):
    """Nothing was made; its arguments are sentences that say what to do, all of them."""


def main(root: Path) -> None:
    """Make the release of the work tree ``root``. Raises NotReleasable."""
    version = version_of(root)
    if reasons := [
        *tree_reasons(root, version),
        *changelog_reasons(root, version),
        *lock_reasons(root, version),
        *note_reasons(root, version),
    ]:
        raise NotReleasable(*reasons)
    dist = root / "dist"
    dist.mkdir(exist_ok=True)
    for former in (
        *dist.glob("oda_delegations-*"),
        *(dist / name for name in ("requirements.txt", "sbom.cdx.json", SUMS)),
    ):
        former.unlink(missing_ok=True)
    made_at = datetime.fromtimestamp(int(git(root, "log", "-1", "--format=%ct")), UTC)
    wheel = build(root, dist, made_at)
    files = [*sorted(dist.glob("oda_delegations-*")), dist / "requirements.txt", dist / "sbom.cdx.json"]
    files[-2].write_text(requirements(root, version, wheel), encoding="utf-8")
    files[-1].write_text(bill_of_materials(root, version, made_at), encoding="utf-8")
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    (dist / SUMS).write_text(sums, encoding="utf-8")
    fingerprint = noted_fingerprints(root)[version]
    print(f"{NAME} {version}, du {french_day(made_at)}, définition {fingerprint}, dans dist/ :")
    for file in (*files, dist / SUMS):
        print(f"  {file.name}")
    audited = verified_at(root / ".tools" / "audit.json", root / "uv.lock")
    if audited:
        print(f"Vulnérabilités publiées : aucune, vérifiées le {french_day(audited)}.")
    else:
        print("Vulnérabilités publiées : ce verrou n'a pas été vérifié en entier ici (voir docs/dependances.md).")
    print("Rien n'est encore publié. Pour poser l'étiquette et l'envoyer :")
    print(f"  git tag -a v{version} -m '{NAME} {version}'\n  git push origin v{version}")


def version_of(root: Path) -> str:
    """The only place where the version is written."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def tree_reasons(root: Path, version: str) -> list[str]:
    """What speaks against releasing this work tree."""
    reasons = []
    if changed := git(root, "status", "--porcelain").splitlines():
        reasons.append(
            f"Des fichiers ont changé depuis le dernier commit ({len(changed)}) : les valider, ou les défaire."
        )
    if git(root, "tag", "--list", f"v{version}"):
        reasons.append(
            f"L'étiquette v{version} existe déjà : donner une autre version dans pyproject.toml, puis « {UV} lock »."
        )
    return reasons


def changelog_reasons(root: Path, version: str) -> list[str]:
    """What the changelog lacks: a dated section of this version, and no line that waits for a later one."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    coming = re.search(rf"^{COMING}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    waits = bool(coming and coming[1].strip())
    heading = re.search(rf"^## {re.escape(version)} — (\d+)(?:er)? (\w+) \d{{4}}$", text, re.MULTILINE)
    if heading is None or heading[2] not in MONTHS:
        wanted = f"## {version} — {french_day(datetime.now(UTC))}"
        remedy = f"y renommer « {COMING} » en « {wanted} »" if waits else f"y écrire une section « {wanted} »"
        return [f"CHANGELOG.md n'a pas de section datée pour {version} : {remedy}, puis valider."]
    if waits:
        return [f"CHANGELOG.md a des lignes sous « {COMING} » : les mettre sous « {version} », ou changer de version."]
    return []


def noted_fingerprints(root: Path, at: str = "") -> dict[str, str]:
    """The definition's fingerprint of each version, as the upgrade notes have it now, or had it ``at`` a tag."""
    notes = git(root, "show", f"{at}:{NOTES}") if at else (root / NOTES).read_text(encoding="utf-8")
    return dict(re.findall(r"^\| (\d[\d.]*) \| `([0-9a-f]+)` \|", notes, re.MULTILINE))


def note_reasons(root: Path, version: str) -> list[str]:
    """What the upgrade notes lack: this version's section and fingerprint; those of a version that went out stay."""
    reasons = []
    noted = noted_fingerprints(root)
    if not re.search(rf"^## {re.escape(version)}$", (root / NOTES).read_text(encoding="utf-8"), re.MULTILINE):
        reasons.append(f"{NOTES} n'a pas de section « ## {version} » : y dire ce que la DSI doit faire.")
    if noted.get(version) != definition_fingerprint():
        reasons.append(f"{NOTES} ne donne pas l'empreinte de {version} : une ligne « {definition_fingerprint()} ».")
    for tag in git(root, "tag", "--list", "v*").split():
        former = tag.removeprefix("v")
        if git(root, "ls-tree", tag, NOTES) and noted_fingerprints(root, tag).get(former) != noted.get(former):
            reasons.append(f"{NOTES} : l'empreinte de {former}, déjà publiée, a changé ; la remettre.")
    return reasons


def lock_reasons(root: Path, version: str) -> list[str]:
    """What speaks against taking the tested versions from the lock."""
    packages = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    locked = {package["name"]: package["version"] for package in packages}
    reasons = [f"uv.lock contient {name}, que rien n'emploie : l'exclure." for name in UNWANTED if name in locked]
    if locked.get(NAME) != version:
        reasons.append(f"uv.lock est d'une autre version que {version} : « {UV} lock », puis valider.")
    return reasons


def build(root: Path, dist: Path, made_at: datetime) -> str:
    """Build the source archive and the wheel with the locked builder, without the network. Return the wheel's name."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(dist), "-t", "sdist", "-t", "wheel"],
        cwd=root, check=False, capture_output=True, text=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(int(made_at.timestamp()))},
    )  # fmt: skip
    if done.returncode:
        raise NotReleasable(f"Les paquets n'ont pas pu être faits : {done.stderr.strip()}")
    return next(dist.glob("oda_delegations-*.whl")).name


def requirements(root: Path, version: str, wheel: str) -> str:
    """The tested versions with the hash of every file of each, as pip takes them."""
    listed = export(root, "requirements.txt", "--no-header")
    for name in UNWANTED:
        if re.search(rf"^{name}==", listed, re.MULTILINE):
            raise NotReleasable(f"requirements.txt contiendrait {name}, que rien n'emploie.")
    return REQUIREMENTS_HEADING.format(name=NAME, version=version, wheel=wheel) + listed


def bill_of_materials(root: Path, version: str, made_at: datetime) -> str:
    """What the release is made of, in CycloneDX; its number follows from its content, not from chance."""
    bill = json.loads(export(root, "cyclonedx1.5", "--preview-features", "sbom-export"))
    bill["metadata"]["timestamp"] = made_at.isoformat().replace("+00:00", "Z")
    bill["metadata"]["component"] |= {
        "type": "application", "purl": f"pkg:pypi/{NAME}@{version}", "licenses": [{"license": {"id": "MIT"}}],
        "properties": [{"name": "oda:definition", "value": definition_fingerprint()}],
    }  # fmt: skip
    del bill["serialNumber"]
    content = json.dumps(bill, sort_keys=True)
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, content).urn
    return json.dumps(bill, ensure_ascii=False, indent=2) + "\n"


def export(root: Path, form: str, *options: str) -> str:
    """What the lock says of the software without its development tools, in a form of uv's."""
    command = [
        UV,
        "export",
        "--frozen",
        "--offline",
        "--no-dev",
        "--no-emit-project",
        "--quiet",
    ]
    done = subprocess.run(
        [*command, "--project", str(root), "--format", form, *options], check=True, capture_output=True, text=True
    )
    return done.stdout


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def french_day(instant: datetime) -> str:
    number = "1er" if instant.day == 1 else instant.day
    return f"{number} {MONTHS[instant.month - 1]} {instant.year}"


if __name__ == "__main__":
    try:
        main(Path(__file__).resolve().parents[1])
    except NotReleasable as refused:
        print("Pas de version : rien n'a été fait.", file=sys.stderr)
        for reason in refused.args:
            print(f"  — {reason}", file=sys.stderr)
        sys.exit(1)
