"""One call over a real line: signed, to the address that was judged, never longer than its delay (R84)."""

import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.kit.oda_server import NAME, SECRET, does_then_drops, drips, oda_server, says
from workflow.http_post import NoAnswer, Reply
from workflow.removals.connector.client import Call, Caller
from workflow.settings.services import AddressRefused, ConnectorSettings

NOW = datetime(2027, 9, 1, 8, 0, tzinfo=UTC)
CALL = Call(body=b'{"action":"remove_key"}', key="ODA-2027-00001.abc.1")


def reply_of(caller: Caller) -> Reply | NoAnswer:
    [reply] = caller.ask([CALL], NOW)
    return reply


def unanswered(caller: Caller) -> str:
    reply = reply_of(caller)
    assert isinstance(reply, NoAnswer), reply
    return str(reply)


@pytest.mark.rule("R84")
def test_call__by_its_name_to_the_address_that_was_judged(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda:
        reply = reply_of(oda.caller())
        [received] = oda.received
    assert isinstance(reply, Reply)
    assert (reply.status, received.path, received.body) == (200, "/retraits", CALL.body)
    assert received.headers["Host"] == f"{NAME}:{oda.port}"
    assert received.key == CALL.key
    assert received.headers["X-ODA-Timestamp"] == "1819785600"


@pytest.mark.rule("R84")
def test_call__is_resolved_once_so_that_a_name_cannot_change(tmp_path: Path) -> None:
    hosts: list[str] = []

    def rebinds(host: str, _port: int) -> list[str]:
        """Here the first time, the machine's own secrets afterwards."""
        hosts.append(host)
        return ["127.0.0.1"] if len(hosts) == 1 else ["169.254.169.254"]

    with oda_server(tmp_path) as oda:
        caller = oda.caller()
        turning = Caller(settings=caller.settings, secret=caller.secret, resolver=rebinds,
                         tls_context=caller.tls_context)  # fmt: skip
        assert isinstance(reply_of(turning), Reply)
        assert hosts == [NAME]
        with pytest.raises(AddressRefused, match=r"169\.254\.169\.254, qui n'est pas une adresse publique"):
            reply_of(turning)
        assert len(oda.received) == 1


@pytest.mark.rule("R84")
def test_call__goes_through_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with oda_server(tmp_path) as oda:
        assert isinstance(reply_of(oda.caller()), Reply)


@pytest.mark.rule("R84")
@pytest.mark.parametrize(
    ("certificate", "words"),
    [({"host": "autre.example"}, "au nom d'un autre serveur"), ({"expired": True}, "il a expiré")],
)
def test_call__to_no_other_certificate(tmp_path: Path, certificate: dict[str, Any], words: str) -> None:
    with oda_server(tmp_path, **certificate) as oda:
        assert words in unanswered(oda.caller())
        assert oda.received == []


@pytest.mark.rule("R84")
def test_call__to_no_unknown_authority(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda:
        known = oda.caller()
        stranger = Caller(settings=known.settings, secret=known.secret, resolver=known.resolver)
        assert "n'est pas admis" in unanswered(stranger)
        assert oda.received == []


@pytest.mark.rule("R84")
def test_call__never_lasts_longer_than_its_delay(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda:
        oda.will(drips())
        began = time.monotonic()
        assert unanswered(oda.caller(timeout_seconds=1)) == "pas de réponse en 1 seconde"
        assert time.monotonic() - began < 4


@pytest.mark.rule("R84")
def test_call__that_is_cut(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda:
        oda.will(does_then_drops())
        assert unanswered(oda.caller()) == "connexion perdue avant la fin de la réponse"


@pytest.mark.rule("R84")
def test_call__to_a_door_that_is_shut(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda:
        caller = oda.caller()
    assert unanswered(caller) == f"connexion refusée par « {NAME} »"


@pytest.mark.rule("R84")
def test_call__tries_every_address_that_was_judged(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda:
        caller = oda.caller()
        both = Caller(settings=caller.settings, secret=caller.secret, tls_context=caller.tls_context,
                      resolver=lambda _h, _p: ["127.0.0.9", "127.0.0.1"])  # fmt: skip
        assert isinstance(reply_of(both), Reply)


@pytest.mark.rule("R84")
def test_call__reads_no_more_than_64_kb(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda:
        oda.will(says(200, b"x" * 65536), says(200, b"x" * 5_000_000))
        whole, huge = reply_of(oda.caller()), reply_of(oda.caller())
    assert isinstance(whole, Reply)
    assert isinstance(huge, Reply)
    assert (whole.is_whole, len(whole.body)) == (True, 65536)
    assert (huge.is_whole, huge.body) == (False, b"")


@pytest.mark.rule("R84")
def test_call__follows_no_redirection(tmp_path: Path) -> None:
    with oda_server(tmp_path) as oda, oda_server(tmp_path, is_secure=False) as private:
        oda.will(says(307, Location=f"http://127.0.0.1:{private.port}/"))
        caller = oda.caller()
        reply = reply_of(caller)
        assert private.received == []
    assert isinstance(reply, Reply)
    assert reply.status == 307


@pytest.mark.rule("R84")
def test_call__in_clear_to_this_machine_alone(tmp_path: Path) -> None:
    with oda_server(tmp_path, is_secure=False) as oda:
        listed = oda.caller(url=f"http://localhost:{oda.port}/retraits", allow=["localhost", "10.0.0.0/8"])
        reply = reply_of(listed)
        assert isinstance(reply, Reply)
        assert reply.status == 200
        for elsewhere in ("8.8.8.8", "10.1.2.3"):
            led = Caller(settings=listed.settings, secret=listed.secret, resolver=lambda _h, _p: [elsewhere])  # noqa: B023
            with pytest.raises(AddressRefused, match="par https://"):
                reply_of(led)


@pytest.mark.rule("R84")
def test_call__of_an_unknown_name() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    settings = ConnectorSettings(url=f"https://{NAME}/retraits")
    with pytest.raises(NoAnswer, match=f"le nom « {NAME} » est inconnu"):
        reply_of(Caller(settings=settings, secret=SecretStr(SECRET), resolver=unknown))
