"""Known vulnerabilities of what the lock names: a finding fails; what could not be verified is said aloud.

A checkout where nothing could be verified for seven days fails; a new one has no memory, and has them before it. Where
this very lock must be verified (``ODA_AUDIT=required``), it fails at once unless it was within seven days.
``ODA_AUDIT_OSV`` names an export of the OSV data, which a server without the network is given as a file, to read
instead of asking the index: it must be verified then too, and an export older than seven days verifies nothing
(docs/adr/0033).
"""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT: Final = Path(__file__).resolve().parents[1]
OURSELVES: Final = "oda-delegations"
FRESH: Final = timedelta(days=7)
"""How long what was verified, or an export, counts."""

PATIENCE: Final = 300
"""Seconds that the index has to answer for all packages."""

EXPORT: Final = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"

Finding = tuple[str, str, str]
"""A package, its version, the number of a vulnerability."""


class Unverified(Exception):
    """Some packages could not be verified; its argument says why, in French."""


@dataclass
class Audit:
    """What was found, and what it could not say: ``unverified`` is a sentence, empty when all was verified."""

    verified: int = 0
    findings: list[Finding] = field(default_factory=list)
    unverified: str = ""


def main(environment: Mapping[str, str], lock: Path, stamp: Path, now: datetime) -> int:
    """Audit, say it, and return the exit code. ``stamp`` keeps when all that is in ``lock`` was last verified."""
    export = environment.get("ODA_AUDIT_OSV", "")
    try:
        audit = audit_by_export(Path(export), packages_of(lock), now) if export else audit_by_index()
    except Unverified as failed:
        audit = Audit(unverified=str(failed))
    for name, version, identifier in audit.findings:
        print(f"{name} {version} : {identifier}")
    source = "l'export OSV" if export else "l'index"
    if audit.verified:
        print(f"{audit.verified} paquets vérifiés d'après {source}, {len(audit.findings)} vulnérabilités connues")
    if audit.findings:
        return 1
    if not audit.unverified:
        remember(stamp, lock, now)
        return 0
    last = verified_at(stamp, lock)
    print(f"NON VÉRIFIÉ : {audit.unverified}")
    print(f"Dernière vérification entière de ce verrou : {last.date().isoformat() if last else 'aucune, ici'}")
    since = unverified_since(stamp, now)
    if last and timedelta() <= now - last <= FRESH:
        return 0
    if not export and environment.get("ODA_AUDIT") != "required" and now - since <= FRESH:
        print(f"Échouera ici à partir du {(since + FRESH).date().isoformat()}, si rien n'est vérifié d'ici là.")
        return 0
    print(f"Que faire : donner un export de moins de {FRESH.days} jours, ODA_AUDIT_OSV=all.zip ({EXPORT})")
    return 1


def packages_of(lock: Path) -> dict[str, str]:
    """The version of every package of the lock but ourselves, by its name in the index's form."""
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    return {canonicalize_name(p["name"]): p["version"] for p in packages if p["name"] != OURSELVES}


def remember(stamp: Path, lock: Path, now: datetime) -> None:
    """Keep that all of this lock was verified."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(json.dumps({"lock": _digest(lock), "verified_at": now.isoformat()}), encoding="utf-8")


def verified_at(stamp: Path, lock: Path) -> datetime | None:
    """When all of this lock was last verified here; None when it never was, or was another lock."""
    try:
        kept = json.loads(stamp.read_text(encoding="utf-8"))
        return datetime.fromisoformat(kept["verified_at"]) if kept["lock"] == _digest(lock) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def unverified_since(stamp: Path, now: datetime) -> datetime:
    """When a lock was last verified here, else when this was first tried in vain, which is kept; now at the latest."""
    try:
        kept = json.loads(stamp.read_text(encoding="utf-8"))
        return min(datetime.fromisoformat(kept.get("verified_at") or kept["unverified_since"]), now)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(json.dumps({"unverified_since": now.isoformat()}), encoding="utf-8")
        return now


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


# --- the index


def audit_by_index() -> Audit:
    """Ask the index of every installed package. Raises Unverified when it does not answer at all."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json"]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        dependencies = [d for d in json.loads(done.stdout)["dependencies"] if d["name"] != OURSELVES]
    except subprocess.TimeoutExpired:
        raise Unverified(f"l'index n'a pas fini de répondre en {PATIENCE} secondes") from None
    except (ValueError, KeyError):
        raise Unverified(f"l'index n'a pas répondu ({done.stderr.strip().splitlines()[-1:]})") from None
    findings = [(d["name"], d["version"], v["id"]) for d in dependencies for v in d.get("vulns", [])]
    if not dependencies:
        raise Unverified("aucun paquet n'a été trouvé")
    skipped = sum("skip_reason" in d for d in dependencies)
    unverified = f"{skipped} paquets sur {len(dependencies)}, l'index n'a pas répondu pour eux" if skipped else ""
    return Audit(len(dependencies) - skipped, findings, unverified)


# --- an export of the OSV data


def audit_by_export(export: Path, packages: Mapping[str, str], now: datetime) -> Audit:
    """Read every record of an export on these packages. Raises Unverified when it cannot be read or is too old.

    Its date is its newest record's, some of which change every day: a file's own date changes with each copy.
    """
    findings: list[Finding] = []
    newest = datetime.min.replace(tzinfo=UTC)
    try:
        for record in _records(export):
            newest = max(newest, datetime.fromisoformat(record["modified"]).astimezone(UTC))
            if "withdrawn" not in record:
                findings += [(name, packages[name], record["id"]) for name in sorted(_hit(record, packages))]
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unverified(f"l'export {export} ne peut pas être lu ({type(error).__name__})") from None
    if not timedelta(days=-1) <= now - newest <= FRESH:
        when = "vide" if newest.year == 1 else f"du {newest.date().isoformat()}"
        return Audit(0, findings, f"l'export {export} est {when}, il en faut un de moins de {FRESH.days} jours")
    return Audit(len(packages), findings)


def _records(export: Path) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(export) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def _hit(record: dict[str, Any], packages: Mapping[str, str]) -> set[str]:
    """The packages whose version this record says is vulnerable."""
    hit: set[str] = set()
    for affected in record.get("affected", []):
        package = affected.get("package", {})
        name = canonicalize_name(package.get("name", ""))
        if package.get("ecosystem") == "PyPI" and name in packages and is_affected(packages[name], affected):
            hit.add(name)
    return hit


def is_affected(version: str, affected: dict[str, Any]) -> bool:
    """Whether a version is in one of the ranges, or in the list; a range that cannot be read counts as one it is in."""
    if version in affected.get("versions", []):
        return True
    ranges = [r for r in affected.get("ranges", []) if r.get("type") == "ECOSYSTEM"]
    return any(_is_within(version, r["events"]) for r in ranges)


def _is_within(version: str, events: list[dict[str, str]]) -> bool:
    try:
        ours = Version(version)
        bounds = [(_bound(text), kind) for event in events for kind, text in event.items()]
    except InvalidVersion:
        return True
    inside = False
    for bound, kind in sorted(bounds, key=lambda pair: (pair[0], pair[1] == "introduced")):
        if kind == "introduced" and ours >= bound:
            inside = True
        elif (kind == "fixed" and ours >= bound) or (kind == "last_affected" and ours > bound):
            inside = False
    return inside


def _bound(text: str) -> Version:
    """The version of an event; « 0 » is before any other, pre-releases too."""
    return Version("0.dev0" if text == "0" else text)


if __name__ == "__main__":
    sys.exit(main(os.environ, ROOT / "uv.lock", ROOT / ".tools" / "audit.json", datetime.now(UTC)))
