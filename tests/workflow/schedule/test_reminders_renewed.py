"""The notice of a year's end says who is renewed, and leads to the renewals once the campaign is open (R78)."""

from collections.abc import Iterator
from datetime import date

import pytest

from notifications.messages.catalogue import renew, renewals
from states import commands as c
from tests.kit.system import System
from tests.workflow.schedule.scene import at, each_day, facts, run, settle

NOTICE = "year_end_notice"


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = settle(System(database_url, at(date(2027, 5, 3))), stalled=(), handover=(), notices=(100, 60))
    yield system
    system.close()


@pytest.mark.rule("R78")
def test_notice__says_who_is_renewed(system: System) -> None:
    first, second = system.issued(1), system.issued(2)
    each_day(system, date(2027, 5, 21), date(2027, 5, 25))
    early = facts(system.mails(NOTICE)[0])
    assert (early.next_year_label, renew(early)) == ("", None), "the campaign opens on 1 June"
    system.clock.set(at(date(2027, 6, 2)))
    system.accept(c.Renew(reference=first), "chef A")
    run(system, date(2027, 7, 2))
    notice = facts(system.mails(NOTICE)[1])
    assert [(ended.reference, ended.renewed) for ended in notice.rupns] == [(first, True), (second, False)]
    assert [ended.reference for ended in notice.to_renew] == [second]
    assert (notice.next_year_label, renew(notice)) == ("2027-2028", renewals(notice))
    assert [request.reference for request in notice.rupns if request.renewed] == [first]
