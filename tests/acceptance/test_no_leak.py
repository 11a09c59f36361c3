"""The whole life of codes through the real command line: after every step, they are where they must be and nowhere
else (R60, R61, R62, R71)."""

import base64
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import text

from notifications.vocabulary import Stage
from tests.acceptance.searched import CODES, PIECES, UAIS, Searched, here
from tests.kit.leaks import Hit, search
from tests.kit.smtp import Fault
from tests.portal.cli.desk import AS_CHEF

FIRST, SECOND, THIRD, FOURTH = CODES


__all__ = ["here"]


def code_mail(here: Searched, reference: str) -> tuple[int, Stage]:
    """The last mail of that request's code: its number, what became of it."""
    query = text("SELECT id, stage FROM outgoing_mail WHERE reference = :reference AND seal_id IS NOT NULL ORDER BY id")
    with here.desk.house.database.read() as connection:
        row = connection.execute(query, {"reference": reference}).all()[-1]
    return row.id, next(stage for stage in Stage if stage.value == row.stage)


@cache
def carried(content: bytes) -> list[Hit]:
    """The codes in a message, which is searched once though it is looked at after each step."""
    return search(CODES, content)


def at_the_relay(here: Searched, code: str) -> int:
    """How many messages the relay took that carry this code: to the right mailbox alone, in each of its two texts."""
    carrying = [got for got in here.relay.received if code in {hit.secret for hit in carried(got.content)}]
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
    assert search(PIECES, "\n".join(said.command for said in here.relay.transcript)) == []
    return len(carrying)


@pytest.mark.rule("R60", "R61", "R62")
def test_life__sent_after_troubles_replaced_handed_over(here: Searched) -> None:
    reference = here.request(UAIS[0], 1)
    sealed = here.issue(reference, FIRST)
    here.print_papers()
    here.look()
    assert here.kept(sealed), "the search finds the ciphertext, so it would find the code"

    here.relay.on("END", f"450 4.2.0 {FIRST} comes too early", about="ce.0310001h@ac-toulouse.fr")
    here.tick()
    assert code_mail(here, reference)[1] is Stage.RETRY
    here.look()

    here.relay.on("END", Fault.DROP, about="ce.0310001h@ac-toulouse.fr")
    here.tick(hours=1)
    assert code_mail(here, reference)[1] is Stage.UNCERTAIN
    here.look()

    here.tick(hours=1)
    assert code_mail(here, reference)[1] is Stage.SENT
    assert at_the_relay(here, FIRST) == 2, "once when the connection was lost, once again"
    here.look()

    here.oda("request", "reissue-code", reference, "--reason", "not-received", typed=f"{SECOND}\n")
    replacing = here.ciphertext(reference)
    assert here.kept(sealed) == []
    here.look()

    here.relay.on("END", f"550 5.7.1 {SECOND} is refused here", about="ce.0310001h@ac-toulouse.fr")
    here.tick(hours=1)
    number, stage = code_mail(here, reference)
    assert stage is Stage.DEAD
    here.look()

    here.oda("mail", "retry", str(number))
    here.tick(hours=1)
    assert at_the_relay(here, SECOND) == 1
    here.look()

    here.oda("request", "confirm-handover", reference, "--handed-on", "2026-10-12", who=AS_CHEF)
    assert here.kept(replacing) == []
    here.tick(hours=1)
    here.print_papers()
    here.look()
    assert at_the_relay(here, FIRST) == 2
    assert at_the_relay(here, SECOND) == 1
    assert here.on_disk(*CODES) == []


@pytest.mark.rule("R58", "R60", "R61", "R62", "R71")
def test_life__dead_discarded_key_changed_revoked(here: Searched) -> None:
    discarded, waiting = here.request(UAIS[0], 1), here.request(UAIS[1], 2)
    sealed = here.issue(discarded, THIRD)
    here.relay.on("RCPT", "550 5.1.1 unknown here", about="ce.0310001h@ac-toulouse.fr")
    here.tick()
    number, stage = code_mail(here, discarded)
    assert stage is Stage.DEAD
    here.look()
    here.oda("mail", "discard", str(number), "--why", "remis en main propre")
    here.look()

    before = here.issue(waiting, FOURTH)
    here.oda("secrets", "new-key")
    here.oda("secrets", "rotate")
    assert here.ciphertext(waiting) != before
    assert here.kept(before) == []
    here.look()
    keys = (here.folder / "secrets" / "seal-key").read_text().split()
    assert {Path(hit.where).name for key in keys for hit in here.hits(key)} == {"seal-key"}

    here.tick(hours=1)
    assert at_the_relay(here, FOURTH) == 1
    here.look()

    kept = [sealed, here.ciphertext(discarded), here.ciphertext(waiting)]
    here.oda("request", "revoke", discarded, waiting, "--reason", "departure")
    assert here.kept(*kept) == []
    here.tick(hours=1)
    here.look()
    assert at_the_relay(here, THIRD) == 0
    assert here.on_disk(*CODES) == []


@pytest.mark.rule("R61")
def test_life__kept_too_long_is_gone(here: Searched) -> None:
    reference = here.request(UAIS[0], 1)
    sealed = here.issue(reference, FIRST)
    here.tick()
    here.tick(days=60)
    assert here.kept(sealed) == []
    here.look()


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
def test_relay__that_quotes_the_code(here: Searched, reply: str | list[str]) -> None:
    reference = here.request(UAIS[0], 1)
    here.issue(reference, FIRST)
    here.relay.on("END", reply, times=None, about="ce.0310001h@ac-toulouse.fr")
    for _ in range(3):
        here.tick(minutes=20)
    here.look()
