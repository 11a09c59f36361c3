"""The security journal as JSON lines: after the commit, to the system's log, in the way of nothing (R108)."""

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.portal import STAFF, Portal
from workflow.journal import chain
from workflow.journal.chain import Origin, close_stream, coming_from, open_stream, write_line
from workflow.journal.security_log import Export, ExportedList

pytestmark = pytest.mark.rule("R108")

AN_EXPORT = Export(what=ExportedList.REQUESTS, format="csv", rows=2, filters="nom=*")


@pytest.fixture
def system_log(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a system's log, as /dev/log is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "log"))
        listening.settimeout(2)
        yield listening
    close_stream()


def received(listening: socket.socket) -> dict[str, object]:
    content = listening.recv(4096)
    assert content.startswith(b"<38>oda-security: {")  # facility auth, severity info
    line: dict[str, object] = json.loads(content.partition(b": ")[2])
    return line


def test_line__goes_to_the_system_log_once_it_is_committed(portal: Portal, system_log: socket.socket) -> None:
    open_stream("syslog", system_log.getsockname())
    actor = portal.actor(STAFF)
    with coming_from(Origin("192.0.2.7", "Firefox sur Windows")):
        portal.app.export_journal.record(actor, AN_EXPORT)
    line = received(system_log)
    assert line["at"] == portal.clock.now().isoformat(timespec="milliseconds")
    del line["at"], line["seq"]
    assert line == {
        "event": "exported", "outcome": "done", "network": "192.0.2.7", "actor": actor.number, "role": "operator",
        "data": {"list": "requests", "format": "csv", "rows": 2, "filters": "nom=*"},
    }  # fmt: skip


def test_line__is_not_written_for_what_is_undone(portal: Portal, system_log: socket.socket) -> None:
    open_stream("syslog", system_log.getsockname())
    actor, now = portal.actor(STAFF), portal.clock.now()

    def undone() -> None:
        with portal.app.database.write() as connection:
            chain.record(connection, portal.app.hasher, "token_created", actor, now, {"token": 1})
            raise KeyError

    with pytest.raises(KeyError):
        undone()
    write_line("incident", "failed", incident="ABCD1234")
    assert received(system_log)["incident"] == "ABCD1234"


@pytest.mark.parametrize("fate", ["gone", "full", "never there"])
def test_line__that_cannot_be_written_stops_nothing(
    portal: Portal, system_log: socket.socket, caplog: pytest.LogCaptureFixture, fate: str
) -> None:
    place = system_log.getsockname()
    open_stream("syslog", f"{place}{'-none' if fate == 'never there' else ''}")
    with caplog.at_level(logging.ERROR, "oda"):
        if fate == "gone":
            Path(place).unlink()
            system_log.close()
        for _ in range(2000 if fate == "full" else 1):
            write_line("incident", "failed", incident="ABCD1234")
        portal.app.export_journal.record(portal.actor(STAFF), AN_EXPORT)
    assert "security log: a line could not be written; the journal has it" in caplog.messages


def test_stream__is_off_by_default_and_on_the_error_output_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    write_line("incident", "failed")
    open_stream("stderr")
    write_line("incident", "failed", incident="X")
    close_stream()
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["incident"] == "X"
