"""What goes wrong shows no code either: the database, the person at the keyboard, the making of a message (R60)."""

import json
import traceback
from email.generator import BytesGenerator
from email.message import Message
from typing import Any

import pytest
from cryptography.fernet import Fernet

from notifications.encryption import CodeUnreadable, Sealer
from states.commands import Code, IssueCode, ReissueCode
from states.decision import Refused, SealCode
from states.vocabulary import ReissueReason
from tests.acceptance.leak_search import CODES, UAIS, LeakSearch, leak_search
from tests.kit.leaks import search
from tests.portal.cli.desk import AS_CHEF

FIRST, SECOND, THIRD, FOURTH = CODES
__all__ = ["leak_search"]

BREAK = {
    "sqlite": ["CREATE TRIGGER broken BEFORE INSERT ON {0} BEGIN SELECT RAISE(ABORT, 'broken'); END"],
    "postgresql": [
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken %%', NEW; END $$",
        "CREATE TRIGGER broken BEFORE INSERT ON {0} FOR EACH ROW EXECUTE FUNCTION broken()",
    ],
}


@pytest.mark.rule("R60")
@pytest.mark.parametrize("table", ["seal", "outgoing_mail"])
def test_error__of_the_database_while_a_code_is_issued(leak_search: LeakSearch, backend: str, table: str) -> None:
    reference = leak_search.request(UAIS[0], 1)
    with leak_search.desk.app.database.write() as connection:
        for statement in BREAK[backend]:
            connection.exec_driver_sql(statement.format(table))
    done = leak_search.oda("request", "issue-code", reference, "--key", "une", typed=f"{FIRST}\n", code=None)
    assert done.exit_code not in (0, 2)
    assert "broken" in done.stderr, "the whole traceback was written"
    leak_search.look()
    assert leak_search.on_disk(*CODES) == []


@pytest.mark.rule("R60")
def test_error__of_the_person_at_the_keyboard(leak_search: LeakSearch) -> None:
    reference, other = leak_search.request(UAIS[0], 1), leak_search.request(UAIS[1], 2)
    for wrong in (f"{FIRST}!", f" {FIRST} {SECOND}", f"{FIRST}\x00{THIRD}", FIRST * 9):
        leak_search.oda("request", "issue-code", reference, typed=f"{wrong}\n", code=1)
    leak_search.oda("request", "issue-code", reference, FIRST, code=2, typed="")
    leak_search.written.clear()  # an argument is quoted back to who typed it: it never gets further than the terminal
    leak_search.oda("request", "issue-code", "ODA-2027-09999", typed=f"{FIRST}\n", code=1)
    leak_search.oda("request", "issue-code", reference, "--version", "99", typed=f"{FIRST}\n", code=1)
    leak_search.oda("request", "issue-code", reference, "--key", "une", typed=f"{FIRST}\n")
    leak_search.oda(
        "request", "issue-code", reference, "--key", "une", "--expires-on", "2027-08-30", typed=f"{SECOND}\n", code=1
    )
    leak_search.oda("request", "issue-code", reference, "--key", "une", typed=f"{THIRD}\n", code=1)
    leak_search.oda("request", "issue-code", reference, "--key", "une", typed=f"{FIRST}\n")
    leak_search.oda("request", "issue-code", other, typed=f"{FOURTH}\n", who=AS_CHEF, code=1)
    leak_search.look()


@pytest.mark.rule("R60")
@pytest.mark.parametrize("kind", [UnicodeError, KeyError])
def test_error__while_the_message_is_made(
    leak_search: LeakSearch, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    reference, other = leak_search.request(UAIS[0], 1), leak_search.request(UAIS[1], 2)
    leak_search.issue(reference, FIRST)
    struck: list[str] = []
    usual = BytesGenerator.flatten

    def broken(writer: BytesGenerator, message: "Message[Any, Any]", *how: Any, **options: Any) -> None:
        content = message.as_string()
        if search(FIRST, content, deep=False):
            struck.append(content)
            raise kind(f"cannot write {content} that holds {FIRST}")
        usual(writer, message, *how, **options)

    leak_search.issue(other, SECOND)
    monkeypatch.setattr(BytesGenerator, "flatten", broken)
    leak_search.tick()
    assert struck, "the message was made, its code in it"
    stages = leak_search.oda("mail", "list", "--stage", "dead", "--json").stdout
    assert [mail["reference"] for mail in json.loads(stages)] == [reference]
    others = (search(SECOND, got.content, deep=False) for got in leak_search.relay.received)
    assert any(others), "the others leave all the same"
    leak_search.look()


@pytest.mark.rule("R60")
def test_objects__that_hold_a_code_show_nothing() -> None:
    code = Code(clear=FIRST)
    issue = IssueCode(reference="ODA-2027-00001", code=code)
    reissue = ReissueCode(reference="ODA-2027-00001", code=code, reason=ReissueReason.LOST)
    sealer = Sealer([Fernet.generate_key().decode()])
    sealer.open(sealer.seal(FIRST, "ODA-2027-00001"), "ODA-2027-00001")
    for value in (code, issue, reissue, SealCode(code), Refused(()), sealer, vars(sealer)):
        assert search(FIRST, f"{value} {value!r}") == []
    with pytest.raises(CodeUnreadable) as caught:
        sealer.open(sealer.seal(FIRST, "ODA-2027-00001"), "ODA-2027-00002")
    assert search(FIRST, "".join(traceback.format_exception(caught.value))) == []
