"""The audit of known vulnerabilities: what it reads in an export, and when what is not verified fails."""

import importlib.util
import json
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LOCK = """\
[[package]]
name = "jinja2"
version = "3.1.6"

[[package]]
name = "oda-delegations"
version = "0.2.0"
"""


def load() -> Any:
    spec = importlib.util.spec_from_file_location("audit_of_ci", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = load()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "uv.lock"
    file.write_text(LOCK, encoding="utf-8")
    return file


def record(*events: dict[str, str], name: str = "Jinja2", modified: datetime = NOW, **changes: Any) -> dict[str, Any]:
    ranges = [{"type": "GIT", "events": [{"introduced": "0"}]}, {"type": "ECOSYSTEM", "events": list(events)}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges, "versions": []} | changes
    return {"id": "PYSEC-2026-1", "modified": modified.isoformat().replace("+00:00", "Z"), "affected": [affected]}


def run(lock: Path, *records: dict[str, Any], days: int = 0, required: bool = False) -> int:
    """Audit by an export of these records, or by the index when there are none; ``days`` after now."""
    environment = {"ODA_AUDIT": "required"} if required else {}
    if records:
        export = lock.with_name("all.zip")
        with zipfile.ZipFile(export, "w") as archive:
            for number, content in enumerate(records):
                archive.writestr(f"{number}.json", json.dumps(content))
        environment["ODA_AUDIT_OSV"] = str(export)
    code: int = audit.main(environment, lock, lock.with_name("audit.json"), NOW + timedelta(days=days))
    return code


@pytest.mark.parametrize(
    ("events", "vulnerable"),
    [
        ([{"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "3.1.6"}], False),
        ([{"introduced": "0"}, {"fixed": "3.1.7"}], True),
        ([{"introduced": "3.1.6"}, {"fixed": "3.2"}], True),
        ([{"introduced": "3.1.7"}], False),
        ([{"introduced": "0"}, {"last_affected": "3.1.6"}], True),
        ([{"introduced": "0"}, {"last_affected": "3.1.5"}], False),
        ([{"introduced": "0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"fixed": "3.1.10"}], True),
        ([{"fixed": "2.0"}, {"introduced": "3.2"}, {"introduced": "0"}], False),
        ([{"introduced": "0"}, {"fixed": "not a version"}], True),
    ],
)
def test_export__ranges_are_read_as_osv_says(lock: Path, events: list[dict[str, str]], vulnerable: bool) -> None:
    assert run(lock, record(*events)) == int(vulnerable)


def test_export__a_listed_version_is_vulnerable_whatever_the_ranges(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lock, record({"introduced": "9"}, versions=["3.1.6"])) == 1
    assert "jinja2 3.1.6 : PYSEC-2026-1" in capsys.readouterr().out


def test_export__what_concerns_others_or_was_withdrawn_is_passed_over(lock: Path) -> None:
    withdrawn = record({"introduced": "0"}) | {"withdrawn": "2026-01-01T00:00:00Z"}
    assert run(lock, withdrawn, record({"introduced": "0"}, name="django")) == 0


def test_export__an_old_one_verifies_nothing_once_seven_days_have_passed(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    safe = record({"introduced": "9"})
    assert run(lock, safe, days=8) == 1
    assert "est du 2026-11-30" in capsys.readouterr().out
    assert run(lock, safe, days=6) == 0  # verified on that day
    assert run(lock, safe, days=13) == 0  # seven days ago
    assert run(lock, safe, days=14) == 1
    lock.write_text(LOCK.replace("3.1.6", "3.1.7"), encoding="utf-8")
    assert run(lock, safe, days=8) == 1  # another lock was never verified


@pytest.mark.parametrize("content", [b"", b"not a zip"])
def test_export__one_that_cannot_be_read_fails(lock: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    export = lock.with_name("all.zip")
    export.write_bytes(content)
    assert audit.main({"ODA_AUDIT_OSV": str(export)}, lock, lock.with_name("audit.json"), NOW) == 1
    assert "ne peut pas être lu" in capsys.readouterr().out


def answer(monkeypatch: pytest.MonkeyPatch, stdout: str) -> None:
    """What the index is made to answer."""

    def done(command: list[str], **_: Any) -> Any:
        return subprocess.CompletedProcess(command, 0, stdout, "")

    monkeypatch.setattr(audit.subprocess, "run", done)


SKIPPED = json.dumps({"dependencies": [{"name": "jinja2", "skip_reason": "no answer"}]})
VERIFIED = json.dumps({"dependencies": [{"name": "jinja2", "version": "3.1.6", "vulns": []}]})
VULNERABLE = VERIFIED.replace("[]}]", '[{"id": "PYSEC-1"}]}]')


@pytest.mark.parametrize("stdout", [SKIPPED, "", '{"dependencies": []}'])
def test_index__that_does_not_answer_fails_only_where_it_must_be_verified(
    lock: Path, stdout: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, stdout)
    assert run(lock) == 0
    output = capsys.readouterr().out
    assert "NON VÉRIFIÉ" in output
    assert "0 vulnérabilités" not in output
    assert run(lock, required=True) == 1
    answer(monkeypatch, VERIFIED)
    assert run(lock, required=True) == 0
    answer(monkeypatch, stdout)
    assert run(lock, required=True, days=7) == 0
    assert run(lock, required=True, days=8) == 1


def test_index__that_does_not_answer_for_seven_days_fails_wherever_it_is_asked(
    lock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted from the first time, whatever the lock has become; a new checkout has seven days before it."""
    answer(monkeypatch, SKIPPED)
    assert run(lock) == 0
    assert "Échouera ici à partir du 2026-12-07" in capsys.readouterr().out
    lock.write_text(LOCK.replace("3.1.6", "3.1.7"), encoding="utf-8")
    assert (run(lock, days=7), run(lock, days=8)) == (0, 1)
    answer(monkeypatch, VERIFIED)
    assert run(lock, days=8) == 0
    answer(monkeypatch, SKIPPED)
    lock.write_text(LOCK, encoding="utf-8")
    assert (run(lock, days=15), run(lock, days=16)) == (0, 1)
    lock.with_name("audit.json").write_text("[]")
    assert run(lock, days=16) == 0


def test_index__a_vulnerability_fails_everywhere(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, VULNERABLE)
    assert run(lock) == run(lock, required=True) == 1


def test_index__a_silent_one_is_given_up(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **options: Any) -> Any:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(audit.subprocess, "run", hang)
    assert (run(lock), run(lock, required=True)) == (0, 1)
