"""Mails stored dead for want of a mailbox: who is told, in which transaction, under which number (R15, R58)."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from notifications.messages.catalogue import CATALOGUE
from notifications.vocabulary import Fault, Kind, Mail, Stage
from states.decision import RequestEvent
from states.vocabulary import Trigger
from tests.kit import factories as f
from tests.notifications.events import expired, request_event
from tests.notifications.office import Office, draft


def nowhere(number: int, uai: str) -> RequestEvent:
    return replace(expired(number, uai), establishment=f.establishment(uai, mailbox=None))


def listen(office: Office) -> list[Mail]:
    reported: list[Mail] = []
    office.mailer.on_dead = lambda _, mail: reported.append(mail)
    return reported


@pytest.mark.rule("R15", "R58")
def test_born_dead__is_told_with_its_number_in_the_journal_and_to_the_operators(office: Office) -> None:
    reported = listen(office)
    office.handle(request_event(Trigger.DECLARE), request_event(Trigger.REVOKE, mailbox=None))
    [dead] = office.mails(stages=[Stage.DEAD])
    assert reported == [dead]
    assert (dead.kind, dead.fault, dead.recipient, dead.uai) == (Kind.REVOKED, Fault.NO_MAILBOX, "", f.UAI)
    office.send()
    alert = office.only(Kind.MAIL_UNDELIVERABLE)
    assert CATALOGUE[alert.kind].decode(alert.context).mail == dead.id
    [text] = [got.text for got in office.relay.received if "n'a pas pu partir" in got.text]
    assert f"Le courriel n° {dead.id} « droits révoqués » n'a pas pu partir." in " ".join(text.split())


@pytest.mark.rule("R15", "R58")
def test_born_dead__two_in_one_batch_are_told_in_one_alert(office: Office) -> None:
    known = replace(f.facts_for(Trigger.REVOKE), others=())
    assert known.request
    other = replace(known, request=replace(known.request, reference="ODA-2027-00099"))
    office.handle(
        request_event(Trigger.REVOKE, facts=known, mailbox=None),
        request_event(Trigger.REVOKE, facts=other, mailbox=None, command={"reference": "ODA-2027-00099"}),
    )
    dead = {mail.reference: mail.id for mail in office.mails(stages=[Stage.DEAD])}
    office.send()
    alert = office.only(Kind.MAIL_UNDELIVERABLE)
    alert_facts = CATALOGUE[alert.kind].decode(alert.context)
    assert {lost.reference: lost.mail for lost in (alert_facts, *alert_facts.others)} == dead
    assert len(dead) == alert_facts.count == 2


@pytest.mark.rule("R55", "R58")
def test_born_dead__what_cannot_be_told_is_not_stored(office: Office) -> None:
    def broken(_: Connection, __: Mail) -> None:
        raise OSError("the journal is gone")

    office.mailer.on_dead = broken
    with pytest.raises(OSError, match="journal"):
        office.handle(request_event(Trigger.REVOKE, mailbox=None))
    assert office.mails() == []


@pytest.mark.rule("R10", "R58")
def test_born_dead__with_a_known_key_is_told_once(office: Office) -> None:
    reported = listen(office)
    notice = draft("year_end_notice_one", recipient="", dedupe_key="year-end-notice:2026-2027:0310001H")
    assert (office.enqueue(notice, notice), office.enqueue(notice)) == (1, 0)
    assert [mail.id for mail in reported] == [office.only().id]


@pytest.mark.rule("R15", "R54")
def test_born_dead__at_a_year_end_the_others_are_still_stored_at_once(office: Office) -> None:
    reported = listen(office)
    with_one = [expired(number, f"031{number:04}H") for number in range(40)]
    events = [*with_one[:20], nowhere(50, "0310050H"), *with_one[20:], nowhere(51, "0310051H")]
    inserts: list[bool] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def count(_c: object, _cursor: object, statement: str, _p: object, _x: object, executemany: bool) -> None:
        if statement.upper().startswith("INSERT INTO OUTGOING_MAIL"):
            inserts.append(executemany or "unnest" in statement)  # many at once, as each database takes them

    try:
        office.handle(*events)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert [mail.uai for mail in reported] == ["0310050H", "0310051H"]
    assert {mail.kind for mail in reported} == {Kind.YEAR_END}
    assert inserts == [True, False, True, False]
    assert [mail.uai for mail in office.mails()] == [event.request.uai for event in events]
