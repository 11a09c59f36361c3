"""The catalogue: complete, and facts that come back from JSON as they went in."""

from datetime import date, timedelta

import pytest

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.messages.catalogue import CATALOGUE
from notifications.vocabulary import CODE_MAILS, LINK_KINDS, Kind, Priority


@pytest.mark.rule("R56")
@pytest.mark.parametrize("name", EXAMPLES)
def test_facts__come_back_equal_from_json(name: str) -> None:
    kind, facts = EXAMPLES[name]
    entry = CATALOGUE[kind]
    assert entry.decode(entry.encode(facts)) == facts


def test_facts__dates_come_back_as_dates() -> None:
    kind, facts = EXAMPLES["delegated"]
    entry = CATALOGUE[kind]
    assert '"delegated_on":"2026-09-14"' in entry.encode(facts)
    assert type(entry.decode(entry.encode(facts)).delegated_on) is date


def test_facts__of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError):
        CATALOGUE[Kind.DELEGATED].encode(EXAMPLES["declared"][1])


def test_catalogue__has_every_kind_with_a_title() -> None:
    assert list(CATALOGUE) == list(Kind)
    assert len({kind.label for kind in Kind}) == len(Kind)


@pytest.mark.rule("R57", "R61")
def test_catalogue__a_code_goes_first_and_lives_as_long_as_it_is_kept() -> None:
    for kind, entry in CATALOGUE.items():
        if kind not in LINK_KINDS:
            assert entry.priority is (Priority.CODE if kind in CODE_MAILS else Priority.REST)
    assert CATALOGUE[Kind.CODE_ISSUED].lifetime_in(MAIL_CONTEXT) == timedelta(days=MAIL_CONTEXT.code_keep_days)


@pytest.mark.rule("R72")
def test_catalogue__a_sign_in_link_goes_before_a_code() -> None:
    for kind in LINK_KINDS:
        entry = CATALOGUE[kind]
        assert entry.priority < Priority.CODE
        assert entry.is_sealed
        assert not entry.has_code


@pytest.mark.rule("R57")
def test_catalogue__a_reminder_does_not_leave_a_week_late() -> None:
    for kind in (Kind.HANDOVER_REMINDER, Kind.STALLED_REMINDER, Kind.YEAR_END_NOTICE, Kind.LATE_DIGEST):
        assert CATALOGUE[kind].lifetime_in(MAIL_CONTEXT) < timedelta(days=7)
