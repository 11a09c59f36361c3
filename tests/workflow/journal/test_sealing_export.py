"""An auditor who has only docs/journal.md accepts a sound export, and finds each way of tampering with it (R109)."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.databases import BACKENDS, fresh_database
from tests.workflow.journal import auditor
from tests.workflow.journal.sealed import LONG, SHORT, SealedJournal
from workflow.database.journal_tables import NOTE
from workflow.journal.chain import INSTALLATION
from workflow.journal.sealing import export_lines

pytestmark = pytest.mark.rule("R109")

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module", params=BACKENDS)
def sealed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedJournal]:
    place = tmp_path_factory.mktemp("export")
    with fresh_database(request.param, place) as database:
        yield SealedJournal(database, place)


@pytest.fixture(scope="module")
def exported(sealed: SealedJournal) -> list[str]:
    with sealed.database.read() as connection:
        return list(export_lines(connection, sealed.clock.now()))


@pytest.fixture
def lines(exported: list[str]) -> Lines:
    return [json.loads(line) for line in exported]


def faults(sealed: SealedJournal, lines: Lines) -> list[str]:
    messages: list[str] = auditor.audit([json.dumps(line) for line in lines], sealed.public())
    return messages


def test_sound__accepted_also_as_a_program(sealed: SealedJournal, exported: list[str], tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("".join(exported), encoding="utf-8")
    command = [sys.executable, auditor.__file__, str(tmp_path / "journal.jsonl"), sealed.public()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "tout tient\n")


def test_order__the_kinds_come_as_the_page_says(lines: Lines) -> None:
    kinds = [line["type"] for line in lines]
    assert kinds == sorted(kinds, key=("export", "key", "seal", "head", "event").index) or kinds[:3] == [
        "export", "key", "seal",
    ]  # fmt: skip
    assert kinds.count("seal") == 3
    first_event = kinds.index("event")
    assert set(kinds[first_event:]) == {"event"}


def test_export__holds_no_note_and_no_name(sealed: SealedJournal, exported: list[str]) -> None:
    whole = "".join(exported)
    with sealed.database.read() as connection:
        bodies = [row.body for row in connection.execute(NOTE.select()) if len(row.body) > 3]
    assert bodies
    for text in (*bodies, "@ac-toulouse.fr", "Luc", "faussaire"):
        assert text not in whole


def _events(lines: Lines, stream: str) -> Lines:
    return [line for line in lines if line["type"] == "event" and json.loads(line["canonical"])["stream"] == stream]


def _rewritten(line: dict[str, Any], **content: Any) -> None:
    """The event written anew with its hash."""
    line["canonical"] = json.dumps({**json.loads(line["canonical"]), **content})
    line["hash"] = auditor.digest(line["canonical"])


def _text(lines: Lines) -> None:
    event = _events(lines, LONG)[1]
    event["canonical"] = event["canonical"].replace('"actor":', '"actor":1')


def _text_and_hash(lines: Lines) -> None:
    _rewritten(_events(lines, LONG)[1], actor=77)


def _chain_anew(lines: Lines) -> None:
    head = None
    for event in _events(lines, LONG)[1:]:
        _rewritten(event, **({"prev": head} if head else {"actor": 77}))
        head = event["hash"]


def _tail(lines: Lines) -> None:
    lines.remove(_events(lines, LONG)[-1])


def _middle(lines: Lines) -> None:
    lines.remove(_events(lines, LONG)[1])


def _request(lines: Lines) -> None:
    for event in _events(lines, SHORT):
        lines.remove(event)


def _inserted(lines: Lines) -> None:
    event = dict(_events(lines, LONG)[1])
    lines.insert(lines.index(_events(lines, LONG)[2]), event)


def _of(lines: Lines, kind: str, place: int) -> dict[str, Any]:
    return [line for line in lines if line["type"] == kind][place]


def _seal_text(lines: Lines) -> None:
    seal = _of(lines, "seal", 1)
    seal["text"] = seal["text"].replace("jour 2", "jour 3")


def _signature(lines: Lines) -> None:
    seal = _of(lines, "seal", 1)
    seal["signature"] = seal["signature"][::-1]


def _seal_gone(lines: Lines) -> None:
    place = lines.index(_of(lines, "seal", 1))
    del lines[place : place + 3]


def _last_seal_gone(lines: Lines) -> None:
    place = lines.index(_of(lines, "seal", -1))
    del lines[place : place + 2]


def _head_gone(lines: Lines) -> None:
    lines.remove(_of(lines, "head", 0))


def _head_changed(lines: Lines) -> None:
    _of(lines, "head", 0)["length"] = 1


TAMPERINGS: tuple[Callable[[Lines], None], ...] = (
    _text, _text_and_hash, _chain_anew, _tail, _middle, _request, _inserted, _seal_text, _signature, _seal_gone,
    _last_seal_gone, _head_gone, _head_changed,
)  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__.strip("_"))
def test_tampering__found(sealed: SealedJournal, lines: Lines, tamper: Callable[[Lines], None]) -> None:
    assert faults(sealed, lines) == []
    tamper(lines)
    assert faults(sealed, lines)


def test_another_key__found(lines: Lines) -> None:
    assert auditor.audit([json.dumps(line) for line in lines], "0" * 64) == ["clé inconnue"]


def test_since_the_last_seal__not_found_as_the_page_says(sealed: SealedJournal, lines: Lines) -> None:
    lines.remove(_events(lines, INSTALLATION)[-1])
    assert faults(sealed, lines) in ([], ["sceau 3 : événement"])


def test_script__is_of_the_length_that_the_page_promises() -> None:
    source = Path(auditor.__file__).read_text(encoding="utf-8")
    assert "workflow" not in source
    body = source.partition("def audit")[2].partition("if __name__")[0]
    assert sum(bool(line.strip()) for line in body.splitlines()) <= 45
