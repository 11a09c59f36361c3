"""The whole life of codes through the real command line: after every step, they are where they must be and nowhere
else (R60, R61, R62, R71)."""

import base64
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import text

from notifications.vocabulary import Stage
from tests.acceptance.searched import CODES, PIECES, UAIS, Searched, searched
from tests.kit.leaks import Hit, search
from tests.kit.smtp import Fault
from tests.portal.cli.desk import AS_CHEF

FIRST, SECOND, THIRD, FOURTH = CODES


__all__ = ["searched"]


def code_mail(searched: Searched, reference: str) -> tuple[int, Stage]:
    """The last mail of that request's code: its number, what became of it."""
    query = text("SELECT id, stage FROM outgoing_mail WHERE reference = :reference AND seal_id IS NOT NULL ORDER BY id")
    with searched.desk.app.database.read() as connection:
        row = connection.execute(query, {"reference": reference}).all()[-1]
    return row.id, next(stage for stage in Stage if stage.value == row.stage)


@cache
def carried(content: bytes) -> list[Hit]:
    """The codes in a message, which is searched once though it is looked at after each step."""
    return search(CODES, content)


def at_the_relay(searched: Searched, code: str) -> int:
    """How many messages the relay took that carry this code: to the right mailbox alone, in each of its two texts."""
    carrying = [got for got in searched.relay.received if code in {hit.secret for hit in carried(got.content)}]
    for got in carrying:
        assert got.recipients in {(f"ce.{uai.lower()}@ac-toulouse.fr",) for uai in UAIS}
        message = message_from_bytes(got.content, policy=policy.default)
        parts = [part for part in message.walk() if not part.is_multipart()]
        assert [part.get_content_type() for part in parts] == ["text/plain", "text/html", "application/pdf"]
        text, html, slip = (part.get_content() for part in parts)
        assert [line.strip() for line in text.splitlines()].count(code) == text.count(code) == 1
        assert html.count(f">{code}<") == html.count(code) == 1
        assert slip.startswith(b"%PDF-")
        assert search(PIECES, slip) == []
        assert (
            search(PIECES, "\n".join(f"{name}: {value}" for part in message.walk() for name, value in part.items()))
            == []
        )
    assert search(PIECES, "\n".join(said.command for said in searched.relay.transcript)) == []
    return len(carrying)


@pytest.mark.rule("R60", "R61", "R62")
def test_life__sent_after_troubles_replaced_handed_over(searched: Searched) -> None:
    reference = searched.request(UAIS[0], 1)
    sealed = searched.issue(reference, FIRST)
    searched.print_papers()
    searched.look()
    assert searched.kept(sealed), "the search finds the ciphertext, so it would find the code"

    searched.relay.on("END", f"450 4.2.0 {FIRST} comes too early", about="ce.0310001h@ac-toulouse.fr")
    searched.tick()
    assert code_mail(searched, reference)[1] is Stage.RETRY
    searched.look()

    searched.relay.on("END", Fault.DROP, about="ce.0310001h@ac-toulouse.fr")
    searched.tick(hours=1)
    assert code_mail(searched, reference)[1] is Stage.UNCERTAIN
    searched.look()

    searched.tick(hours=1)
    assert code_mail(searched, reference)[1] is Stage.SENT
    assert at_the_relay(searched, FIRST) == 2, "once when the connection was lost, once again"
    searched.look()

    searched.oda("request", "reissue-code", reference, "--reason", "not-received", typed=f"{SECOND}\n")
    replacing = searched.ciphertext(reference)
    assert searched.kept(sealed) == []
    searched.look()

    searched.relay.on("END", f"550 5.7.1 {SECOND} is refused here", about="ce.0310001h@ac-toulouse.fr")
    searched.tick(hours=1)
    number, stage = code_mail(searched, reference)
    assert stage is Stage.DEAD
    searched.look()

    searched.oda("mail", "retry", str(number))
    searched.tick(hours=1)
    assert at_the_relay(searched, SECOND) == 1
    searched.look()

    searched.oda("request", "confirm-handover", reference, "--handed-on", "2026-10-12", who=AS_CHEF)
    assert searched.kept(replacing) == []
    searched.tick(hours=1)
    searched.print_papers()
    searched.look()
    assert at_the_relay(searched, FIRST) == 2
    assert at_the_relay(searched, SECOND) == 1
    assert searched.on_disk(*CODES) == []


@pytest.mark.rule("R58", "R60", "R61", "R62", "R71")
def test_life__dead_discarded_key_changed_revoked(searched: Searched) -> None:
    discarded, waiting = searched.request(UAIS[0], 1), searched.request(UAIS[1], 2)
    sealed = searched.issue(discarded, THIRD)
    searched.relay.on("RCPT", "550 5.1.1 unknown here", about="ce.0310001h@ac-toulouse.fr")
    searched.tick()
    number, stage = code_mail(searched, discarded)
    assert stage is Stage.DEAD
    searched.look()
    searched.oda("mail", "discard", str(number), "--why", "remis en main propre")
    searched.look()

    before = searched.issue(waiting, FOURTH)
    searched.oda("secrets", "new-key")
    searched.oda("secrets", "rotate")
    assert searched.ciphertext(waiting) != before
    assert searched.kept(before) == []
    searched.look()
    keys = (searched.folder / "secrets" / "seal-key").read_text().split()
    assert {Path(hit.where).name for key in keys for hit in searched.hits(key)} == {"seal-key"}

    searched.tick(hours=1)
    assert at_the_relay(searched, FOURTH) == 1
    searched.look()

    kept = [sealed, searched.ciphertext(discarded), searched.ciphertext(waiting)]
    searched.oda("request", "revoke", discarded, waiting, "--reason", "departure")
    assert searched.kept(*kept) == []
    searched.tick(hours=1)
    searched.look()
    assert at_the_relay(searched, THIRD) == 0
    assert searched.on_disk(*CODES) == []


@pytest.mark.rule("R61")
def test_life__kept_too_long_is_gone(searched: Searched) -> None:
    reference = searched.request(UAIS[0], 1)
    sealed = searched.issue(reference, FIRST)
    searched.tick()
    searched.tick(days=60)
    assert searched.kept(sealed) == []
    searched.look()


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
def test_relay__that_quotes_the_code(searched: Searched, reply: str | list[str]) -> None:
    reference = searched.request(UAIS[0], 1)
    searched.issue(reference, FIRST)
    searched.relay.on("END", reply, times=None, about="ce.0310001h@ac-toulouse.fr")
    for _ in range(3):
        searched.tick(minutes=20)
    searched.look()
