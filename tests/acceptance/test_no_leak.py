"""The whole life of codes through the real command line: after every step, they are where they must be and nowhere
else (R60, R61, R62, R71)."""

import base64
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import text

from notifications.vocabulary import Stage
from tests.acceptance.leak_search import CODES, PIECES, UAIS, LeakSearch, leak_search
from tests.kit.leaks import Hit, search
from tests.kit.smtp import Fault
from tests.portal.cli.desk import AS_CHEF

FIRST, SECOND, THIRD, FOURTH = CODES


__all__ = ["leak_search"]


def code_mail(leak_search: LeakSearch, reference: str) -> tuple[int, Stage]:
    """The last mail of that request's code: its number, what became of it."""
    query = text("SELECT id, stage FROM outgoing_mail WHERE reference = :reference AND seal_id IS NOT NULL ORDER BY id")
    with leak_search.desk.app.database.read() as connection:
        row = connection.execute(query, {"reference": reference}).all()[-1]
    return row.id, next(stage for stage in Stage if stage.value == row.stage)


@cache
def carried(content: bytes) -> list[Hit]:
    """The codes in a message, which is searched once though it is looked at after each step."""
    return search(CODES, content)


def at_the_relay(leak_search: LeakSearch, code: str) -> int:
    """How many messages the relay took that carry this code: to the right mailbox alone, in each of its two texts."""
    carrying = [got for got in leak_search.relay.received if code in {hit.secret for hit in carried(got.content)}]
    for got in carrying:
        assert got.recipients in {(f"ce.{uai.lower()}@ac-toulouse.fr",) for uai in UAIS}
        message = message_from_bytes(got.content, policy=policy.default)
        parts = [part for part in message.walk() if not part.is_multipart()]
        assert [part.get_content_type() for part in parts] == [
            "text/plain", "text/html", "application/pdf", "application/pdf",
        ]  # fmt: skip
        text, html, slip, sheet = (part.get_content() for part in parts)
        assert [line.strip() for line in text.splitlines()].count(code) == text.count(code) == 1
        assert html.count(f">{code}<") == html.count(code) == 1
        for paper in (slip, sheet):
            assert paper.startswith(b"%PDF-")
            assert search(PIECES, paper) == []
        assert (
            search(PIECES, "\n".join(f"{name}: {value}" for part in message.walk() for name, value in part.items()))
            == []
        )
    assert search(PIECES, "\n".join(exchange.command for exchange in leak_search.relay.transcript)) == []
    return len(carrying)


@pytest.mark.rule("R60", "R61", "R62")
def test_life__sent_after_troubles_replaced_handed_over(leak_search: LeakSearch) -> None:
    reference = leak_search.request(UAIS[0], 1)
    sealed = leak_search.issue(reference, FIRST)
    leak_search.print_papers()
    leak_search.look()
    assert leak_search.hits_in_storage(sealed), "the search finds the ciphertext, so it would find the code"

    leak_search.relay.on("END", f"450 4.2.0 {FIRST} comes too early", about="ce.0310001h@ac-toulouse.fr")
    leak_search.tick()
    assert code_mail(leak_search, reference)[1] is Stage.RETRY
    leak_search.look()

    leak_search.relay.on("END", Fault.DROP, about="ce.0310001h@ac-toulouse.fr")
    leak_search.tick(hours=1)
    assert code_mail(leak_search, reference)[1] is Stage.UNCERTAIN
    leak_search.look()

    leak_search.tick(hours=1)
    assert code_mail(leak_search, reference)[1] is Stage.SENT
    assert at_the_relay(leak_search, FIRST) == 2, "once when the connection was lost, once again"
    leak_search.look()

    leak_search.oda("request", "reissue-code", reference, "--reason", "not-received", typed=f"{SECOND}\n")
    replacing = leak_search.ciphertext(reference)
    assert leak_search.hits_in_storage(sealed) == []
    leak_search.look()

    leak_search.relay.on("END", f"554 5.6.0 {SECOND} is refused here", about="ce.0310001h@ac-toulouse.fr")
    leak_search.tick(hours=1)
    number, stage = code_mail(leak_search, reference)
    assert stage is Stage.DEAD
    leak_search.look()

    leak_search.oda("mail", "retry", str(number))
    leak_search.tick(hours=1)
    assert at_the_relay(leak_search, SECOND) == 1
    leak_search.look()

    leak_search.oda("request", "confirm-handover", reference, "--handed-on", "2026-10-12", who=AS_CHEF)
    assert leak_search.hits_in_storage(replacing) == []
    leak_search.tick(hours=1)
    leak_search.print_papers()
    leak_search.look()
    assert at_the_relay(leak_search, FIRST) == 2
    assert at_the_relay(leak_search, SECOND) == 1
    assert leak_search.on_disk(*CODES) == []


@pytest.mark.rule("R58", "R60", "R61", "R62", "R71")
def test_life__dead_discarded_key_changed_revoked(leak_search: LeakSearch) -> None:
    discarded, waiting = leak_search.request(UAIS[0], 1), leak_search.request(UAIS[1], 2)
    sealed = leak_search.issue(discarded, THIRD)
    leak_search.relay.on("RCPT", "550 5.1.1 unknown here", about="ce.0310001h@ac-toulouse.fr")
    leak_search.tick()
    number, stage = code_mail(leak_search, discarded)
    assert stage is Stage.DEAD
    leak_search.look()
    leak_search.oda("mail", "discard", str(number), "--why", "remis en main propre")
    leak_search.look()

    before = leak_search.issue(waiting, FOURTH)
    leak_search.oda("secrets", "new-key")
    leak_search.oda("secrets", "rotate")
    assert leak_search.ciphertext(waiting) != before
    assert leak_search.hits_in_storage(before) == []
    leak_search.look()
    keys = (leak_search.folder / "secrets" / "seal-key").read_text().split()
    assert {Path(hit.where).name for key in keys for hit in leak_search.hits(key)} == {"seal-key"}

    leak_search.tick(hours=1)
    assert at_the_relay(leak_search, FOURTH) == 1
    leak_search.look()

    ciphertexts = [sealed, leak_search.ciphertext(discarded), leak_search.ciphertext(waiting)]
    leak_search.oda("request", "revoke", discarded, waiting, "--reason", "departure")
    assert leak_search.hits_in_storage(*ciphertexts) == []
    leak_search.tick(hours=1)
    leak_search.look()
    assert at_the_relay(leak_search, THIRD) == 0
    assert leak_search.on_disk(*CODES) == []


@pytest.mark.rule("R61")
def test_life__kept_too_long_is_gone(leak_search: LeakSearch) -> None:
    reference = leak_search.request(UAIS[0], 1)
    sealed = leak_search.issue(reference, FIRST)
    leak_search.tick()
    leak_search.tick(days=31)
    assert leak_search.hits_in_storage(sealed) == []
    leak_search.look()


@pytest.mark.rule("R60")
@pytest.mark.parametrize(
    "reply",
    [
        f"421 4.3.2 {FIRST}: closing",
        [f"554-5.6.0 refused: {FIRST[:9]}", f"554 5.6.0 {FIRST[9:]}"],
        f"554 5.6.0 refused: {FIRST.lower()}",
        f"554 5.6.0 refused: {base64.b64encode(FIRST.encode()).decode()}",
    ],
    ids=str,
)
def test_relay__that_quotes_the_code(leak_search: LeakSearch, reply: str | list[str]) -> None:
    reference = leak_search.request(UAIS[0], 1)
    leak_search.issue(reference, FIRST)
    leak_search.relay.on("END", reply, times=None, about="ce.0310001h@ac-toulouse.fr")
    for _ in range(3):
        leak_search.tick(minutes=20)
    leak_search.look()
