"""The whole life of codes through the real command line: after every step, they are where they must be and nowhere
else (R60, R61, R62, R71)."""

import base64
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from notifications.sealing import CodeUnreadable, Sealer
from notifications.vocabulary import Stage
from states.case import Refused, SealCode
from states.commands import Code, IssueCode, ReissueCode
from states.vocabulary import ReissueReason
from tests.acceptance.searched import CODES, UAIS, Searched, searched
from tests.kit.leaks import search
from tests.kit.smtp import Fault
from tests.portal.cli.desk import AS_CHEF

FIRST, SECOND, THIRD, FOURTH = CODES


@pytest.fixture
def here(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Searched]:
    with searched(backend, tmp_path, monkeypatch) as here:
        yield here


def code_mail(here: Searched, reference: str) -> tuple[int, Stage]:
    """The last mail of that request's code: its number, what became of it."""
    query = text("SELECT id, stage FROM outgoing_mail WHERE reference = :reference AND seal_id IS NOT NULL ORDER BY id")
    with here.desk.house.database.read() as connection:
        row = connection.execute(query, {"reference": reference}).all()[-1]
    return row.id, next(stage for stage in Stage if stage.value == row.stage)


def at_the_relay(here: Searched, code: str) -> int:
    """How many messages the relay took that carry this code."""
    return sum(bool(search(code, got.content)) for got in here.relay.received)


@pytest.mark.rule("R60", "R61", "R62")
def test_life__sent_after_troubles_replaced_handed_over(here: Searched) -> None:
    reference = here.request(UAIS[0], 1)
    sealed = here.issue(reference, FIRST)
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
        f"451 4.3.0 {FIRST}: later",
        f"530 5.7.0 {FIRST}: who are you?",
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


BREAK = {
    "sqlite": ["CREATE TRIGGER broken BEFORE INSERT ON {0} BEGIN SELECT RAISE(ABORT, 'broken'); END"],
    "postgresql": [
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken %%', NEW; END $$",
        "CREATE TRIGGER broken BEFORE INSERT ON {0} FOR EACH ROW EXECUTE FUNCTION broken()",
    ],
}


@pytest.mark.rule("R60")
@pytest.mark.parametrize("table", ["seal", "event", "outgoing_mail", "idempotency_key"])
def test_error__of_the_database_while_a_code_is_issued(here: Searched, backend: str, table: str) -> None:
    reference = here.request(UAIS[0], 1)
    with here.desk.house.database.write() as connection:
        for statement in BREAK[backend]:
            connection.exec_driver_sql(statement.format(table))
    done = here.oda("request", "issue-code", reference, "--key", "une", typed=f"{FIRST}\n", code=None)
    assert done.exit_code not in (0, 2)
    assert "broken" in done.stderr, "the whole traceback was written"
    here.look()


@pytest.mark.rule("R60")
def test_error__of_the_person_at_the_keyboard(here: Searched) -> None:
    reference, other = here.request(UAIS[0], 1), here.request(UAIS[1], 2)
    for wrong in (f"{FIRST}!", f" {FIRST} {SECOND}", f"{FIRST}\x00{THIRD}", FIRST * 9):
        here.oda("request", "issue-code", reference, typed=f"{wrong}\n", code=1)
    here.oda("request", "issue-code", reference, FIRST, code=2, typed="")
    here.written.clear()  # an argument is quoted back to who typed it: it never gets further than the terminal
    here.oda("request", "issue-code", "ODA-2027-09999", typed=f"{FIRST}\n", code=1)
    here.oda("request", "issue-code", reference, "--version", "99", typed=f"{FIRST}\n", code=1)
    here.oda("request", "issue-code", reference, "--key", "une", typed=f"{FIRST}\n")
    here.oda(
        "request", "issue-code", reference, "--key", "une", "--expires-on", "2027-08-30", typed=f"{SECOND}\n", code=1
    )
    here.oda("request", "issue-code", reference, "--key", "une", typed=f"{THIRD}\n")
    here.oda("request", "issue-code", other, typed=f"{FOURTH}\n", who=AS_CHEF, code=1)
    here.look()


@pytest.mark.rule("R60")
def test_error__while_the_message_is_made(here: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = here.request(UAIS[0], 1)
    here.issue(reference, FIRST)

    def broken(message: object, *_: object, **__: object) -> bytes:
        raise ValueError(f"cannot write {message}")

    with monkeypatch.context() as patched:
        patched.setattr("email.message.EmailMessage.as_bytes", broken)
        here.oda("tick", code=None)
    assert code_mail(here, reference)[1] is not Stage.SENT
    here.look()


@pytest.mark.rule("R60")
def test_objects__that_hold_a_code_show_nothing() -> None:
    code = Code(clear=FIRST)
    issue = IssueCode(reference="ODA-2027-00001", code=code)
    reissue = ReissueCode(reference="ODA-2027-00001", code=code, reason=ReissueReason.LOST)
    sealer = Sealer([Fernet.generate_key().decode()])
    sealer.open(sealer.seal(FIRST, "ODA-2027-00001"), "ODA-2027-00001")
    for held in (code, issue, reissue, SealCode(code), Refused(()), sealer, vars(sealer)):
        assert search(FIRST, f"{held} {held!r}") == []
    with pytest.raises(CodeUnreadable) as caught:
        sealer.open(sealer.seal(FIRST, "ODA-2027-00001"), "ODA-2027-00002")
    assert search(FIRST, "".join(traceback.format_exception(caught.value))) == []
