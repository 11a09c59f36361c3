"""The journal counted day by day: what stands at a date does not move, whatever happens after it (R99)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from states import commands as c
from states.decision import Scalar
from states.school_calendar import SchoolYear
from states.vocabulary import CheckOutcome, ReissueReason, RevokeReason, State
from tests.kit.system import KEY, PARIS, System
from workflow.database.journal_tables import DAILY_FIGURE, FIGURE_PROGRESS, HANDOVER_DELAY, NOTE
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.figures.account import FiguresAt, FiguresReader, PlaceFigures, year_of
from workflow.figures.counting import CountingRules
from workflow.figures.ledger import CountingUnderWay, FigureLedger
from workflow.journal import chain

pytestmark = pytest.mark.rule("R99")

START = datetime(2026, 9, 14, 9, tzinfo=UTC)
YEAR = SchoolYear(2026)
DAY = date(2026, 9, 14)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, START)
    with system.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == "0310002J").values(departement="12"))
    yield system
    system.close()


def ledger(system: System, expected_days: int = 10) -> FigureLedger:
    return FigureLedger(system.database, system.clock, CountingRules.of(system.policy, expected_days))


def figures(system: System, day: date, year: SchoolYear = YEAR, **other: Any) -> FiguresAt:
    with system.database.read() as connection:
        return FiguresReader(connection, ledger(system), system.policy.calendar, **other).at(day, year)


def academie(system: System, day: date, year: SchoolYear = YEAR) -> PlaceFigures:
    return figures(system, day, year).academie


def handed(system: System, reference: str, chef: str = "chef A") -> None:
    system.send_mails()
    today = system.policy.calendar.today(system.clock.now())
    system.accept(c.ConfirmHandover(reference=reference, handed_on=today), chef)


def mail_event(system: System, kind: str, reference: str, **data: Scalar) -> None:
    values: dict[str, Scalar] = {"mail": 1, "mail_kind": "code_issued", "reference": reference, "uai": "0310001H"}
    with system.database.write() as connection:
        chain.record(connection, KEY, kind, system.schedule, system.clock.now(), values | data)


def test_figures__count_by_departement_and_for_the_whole(system: System) -> None:
    handed(system, system.issued(1))
    system.issued(2)
    system.issued(3, uai="0310002J", chef="chef BC", only_ready=True)
    counted = figures(system, DAY)
    places = {code: (place.live, place.establishments, place.handovers) for code, place in counted.places.items()}
    assert places == {"31": (2, 1, 1), "12": (1, 1, 0)}
    whole = counted.academie
    assert (whole.live, whole.establishments, whole.handovers, whole.in_service) == (3, 2, 1, 1)
    assert whole.of_state(State.CODE_ISSUED) == 2
    assert whole.of_state(State.REQUESTED) == 1
    assert (whole.open_establishments, round(whole.declared_share or 0, 1)) == (3, 66.7)
    assert figures(system, DAY - timedelta(days=1)).is_empty


def test_figures__a_request_revoked_since_still_counts_at_the_earlier_date(system: System) -> None:
    reference = system.issued(1)
    handed(system, reference)
    before = academie(system, DAY)
    system.clock.advance(days=3)
    system.accept(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), "opérateur")
    ledger(system).catch_up()
    assert academie(system, DAY) == before
    later = academie(system, DAY + timedelta(days=3))
    assert (later.live, later.establishments, later.in_service) == (0, 0, 0)
    assert (later.of_state(State.REVOKED), later.handovers) == (1, 1)


def test_figures__a_person_erased_changes_nothing(system: System) -> None:
    reference = system.issued(1)
    handed(system, reference)
    ledger(system).rebuild()
    before = academie(system, DAY)
    with system.database.write() as connection:
        gone = dict.fromkeys(("nom", "prenom", "mail", "folded_mail", "person", "sorted_name"), "")
        connection.execute(update(REQUEST).where(REQUEST.c.reference == reference).values(gone))
        connection.execute(delete(NOTE))
    assert academie(system, DAY) == before
    ledger(system).rebuild()
    assert academie(system, DAY) == before


def test_figures__the_day_ends_in_the_academie(system: System) -> None:
    system.clock.set(datetime(2026, 9, 15, 23, 59, tzinfo=PARIS))
    system.issued(1, only_ready=True)
    system.clock.set(datetime(2026, 9, 16, 0, 1, tzinfo=PARIS))
    system.issued(2, only_ready=True)
    assert academie(system, date(2026, 9, 15)).live == 1
    assert academie(system, date(2026, 9, 16)).live == 2


def test_delays__the_median_and_the_ninth_decile_go_from_the_declaration_to_the_hand_over(system: System) -> None:
    references = [system.issued(number) for number in range(1, 5)]
    for reference, days in zip(references, (1, 2, 4, 13), strict=True):
        system.clock.set(START + timedelta(days=days))
        handed(system, reference)
    whole = academie(system, DAY + timedelta(days=13))
    assert (whole.median_days, whole.ninth_decile_days) == (3.0, 13)
    earlier = academie(system, DAY + timedelta(days=4))
    assert (earlier.median_days, earlier.ninth_decile_days, earlier.handovers) == (2.0, 4, 3)
    assert academie(system, DAY).median_days is None


def test_hand_over__a_code_issued_again_is_to_be_handed_over_anew_and_counts_once(system: System) -> None:
    reference = system.issued(1)
    handed(system, reference)
    system.clock.advance(days=1)
    system.accept(
        c.ReissueCode(reference=reference, code=c.Code(clear="Zz99Yy88"), reason=ReissueReason.LOST), "opérateur"
    )
    whole = academie(system, DAY + timedelta(days=1))
    assert (whole.in_service, whole.handovers) == (0, 1)
    system.clock.advance(days=1)
    handed(system, reference)
    whole = academie(system, DAY + timedelta(days=2))
    assert (whole.in_service, whole.handovers, whole.median_days) == (1, 1, 0.0)


def test_undeliverable__stands_apart_until_it_leaves_again(system: System) -> None:
    reference = system.issued(1)
    system.clock.advance(days=1)
    mail_event(system, "mail_dead", reference)
    mail_event(system, "mail_dead", reference, mail_kind="declared")
    day = DAY + timedelta(days=1)
    assert (academie(system, day).undeliverable, academie(system, day).of_state(State.CODE_ISSUED)) == (1, 0)
    assert (academie(system, DAY).undeliverable, academie(system, DAY).of_state(State.CODE_ISSUED)) == (0, 1)
    ledger(system).rebuild()
    system.clock.advance(hours=1)
    mail_event(system, "mail_retried", reference)
    assert (academie(system, day).undeliverable, academie(system, day).of_state(State.CODE_ISSUED)) == (0, 1)


def test_late__as_the_worklist_says_by_the_delays_of_the_settings(system: System) -> None:
    """Ten days at the rectorat, thirty at a step, twenty-five for a hand-over: late on the next day, at no event."""
    system.issued(1, only_ready=True)
    system.issued(2)
    system.accept(c.Declare(uai="0310001H", nom="Un", prenom="Seul", mail="un.seul@ac-toulouse.fr"), "chef A")
    ledger(system).rebuild()
    system.clock.advance(days=40)
    names = ("late_checks", "late_steps", "late_handovers")
    for days, expected in ((10, (0, 0, 0)), (11, (1, 0, 0)), (25, (1, 0, 0)), (26, (1, 0, 1)), (31, (1, 1, 1))):
        whole = academie(system, DAY + timedelta(days=days))
        assert tuple(whole.count(name) for name in names) == expected, days


def test_late__what_is_done_in_time_never_was(system: System) -> None:
    reference = system.issued(1)
    ledger(system).catch_up()
    system.clock.advance(days=20)
    handed(system, reference)
    system.clock.advance(days=20)
    assert academie(system, DAY + timedelta(days=40)).late == 0


def test_renewed__of_last_years_keys(system: System) -> None:
    system.clock.set(datetime(2026, 6, 10, 9, tzinfo=UTC))
    now, former = system.clock.now(), SchoolYear(2025)
    for number in (1, 2):
        reference = system.accept(
            c.Declare(uai="0310001H", nom="Nomb" if number == 1 else "Nomc", prenom="Prénom",
                      mail=f"rupn{number}@ac-toulouse.fr", school_year=former), "chef A",
        ).reference  # fmt: skip
        through(system, reference, number)
        if number == 1:
            system.accept(c.Renew(reference=reference, school_year=former.next), "chef A")
    day = system.policy.calendar.today(now)
    whole = academie(system, day, former.next)
    assert (whole.former_keys, whole.renewed, whole.renewed_share) == (2, 1, 50.0)
    system.accept(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), "opérateur")
    assert academie(system, day, former.next).former_keys == 1


def through(system: System, reference: str, number: int) -> None:
    """From the declaration to the code."""
    today = system.policy.calendar.today(system.clock.now())
    row = system.requests()[reference]
    system.accept(c.Delegate(reference=reference, why="accueil", made_on=today), "chef A")
    system.accept(
        c.SignCharter(reference=reference, signed_on=today, version="2026-1", copy_kept=True), "chef A"
    )  # fmt: skip
    system.accept(c.Submit(reference=reference, nom=row.nom, prenom=row.prenom, mail=row.mail), "chef A")
    for check in (c.CheckListing, c.CheckDelegation):
        system.accept(check(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste"), "opérateur")
    system.accept(c.IssueCode(reference=reference, code=c.Code(clear=f"Ab12Cd3{number}")), "opérateur")


# --- the tables


def test_catch_up__counts_what_is_settled_and_reading_adds_the_rest(system: System) -> None:
    system.issued(1)
    own = ledger(system)
    own.catch_up()
    assert stored_rows(system) == []  # of the last minutes: nothing is settled
    before = academie(system, DAY)
    system.clock.advance(minutes=30)
    assert own.catch_up() == 1
    assert stored_rows(system)
    assert academie(system, DAY) == before
    assert own.catch_up() == 0
    assert own.verify() == []


def test_catch_up__by_small_steps_is_the_same_as_counting_all_at_once(system: System) -> None:
    own = ledger(system)
    for number in range(1, 4):
        reference = system.issued(number)
        system.clock.advance(days=number, hours=1)
        own.catch_up()
        if number > 1:
            handed(system, reference)
        system.clock.advance(minutes=20)
        own.catch_up()
    steps = stored_rows(system), delays_of(system)
    assert own.verify() == []
    own.rebuild()
    assert (stored_rows(system), delays_of(system)) == steps


def test_catch_up__an_event_written_late_has_todays_date_and_past_days_never_change(system: System) -> None:
    reference = system.issued(1)
    system.clock.advance(days=2)
    own = ledger(system)
    own.catch_up()
    past = [row for row in stored_rows(system) if row[2] < system.clock.now().date()]
    system.send_mails()
    system.accept(c.ConfirmHandover(reference=reference, handed_on=DAY), "chef A")  # what was done two days ago
    system.clock.advance(hours=1)
    own.catch_up()
    assert [row for row in stored_rows(system) if row[2] <= DAY + timedelta(days=1)] == past
    assert academie(system, DAY).handovers == 0
    assert academie(system, DAY + timedelta(days=2)).median_days == 0.0


def test_verify__names_what_differs_and_a_rebuild_mends_it(system: System) -> None:
    system.issued(1)
    system.clock.advance(days=1)
    own = ledger(system)
    own.rebuild()
    with system.database.write() as connection:
        wrong = update(DAILY_FIGURE).where(DAILY_FIGURE.c.day == DAY)
        connection.execute(wrong.values(code_issued=DAILY_FIGURE.c.code_issued + 3))
    (difference,) = own.verify()
    assert (difference.count, difference.stored, difference.counted, difference.day) == ("code_issued", 4, 1, DAY)
    own.rebuild()
    assert own.verify() == []


def test_catch_up__counts_anew_when_an_event_appears_in_what_was_counted(system: System) -> None:
    """A clock that went back: nothing of the journal is lost from the figures for long."""
    system.issued(1)
    system.clock.advance(days=5)
    own = ledger(system)
    own.catch_up()
    system.clock.set(START + timedelta(days=1))
    system.issued(2)
    system.clock.set(START + timedelta(days=5, hours=1))
    system.issued(3)
    system.clock.advance(hours=1)
    own.catch_up()
    assert own.verify() == []
    assert academie(system, DAY + timedelta(days=1)).live == 2


@pytest.mark.parametrize("change", ["departement", "delay"])
def test_catch_up__counts_anew_when_what_it_depends_on_changes(system: System, change: str) -> None:
    system.issued(1, only_ready=True)
    system.clock.advance(days=20)
    ledger(system).catch_up()
    if change == "departement":
        with system.database.write() as connection:
            connection.execute(update(ESTABLISHMENT).values(departement="09"))
        assert ledger(system).catch_up() == 1
        assert figures(system, DAY).places["09"].live == 1
    else:
        assert academie(system, DAY + timedelta(days=15)).count("late_checks") == 1
        assert ledger(system, expected_days=16).catch_up() == 1
        with system.database.read() as connection:
            later = FiguresReader(connection, ledger(system, 16), system.policy.calendar)
            assert later.at(DAY + timedelta(days=15), YEAR).academie.count("late_checks") == 0


def test_reading__says_that_the_counting_is_under_way_when_too_much_is_fresh(system: System) -> None:
    system.issued(1)
    with pytest.raises(CountingUnderWay):
        figures(system, DAY, most_fresh=3)
    system.clock.advance(hours=1)
    ledger(system).catch_up()
    assert figures(system, DAY, most_fresh=3).academie.live == 1


def test_weeks__end_on_the_day_and_add_up(system: System) -> None:
    system.issued(1)
    system.clock.advance(days=10)
    handed(system, system.issued(2, uai="0310002J", chef="chef BC"), "chef BC")
    with system.database.read() as connection:
        weeks = FiguresReader(connection, ledger(system), system.policy.calendar).weeks(DAY + timedelta(days=15), YEAR)
    assert [(point.day, point.establishments, point.in_service) for point in weeks] == [
        (DAY + timedelta(days=1), 1, 0), (DAY + timedelta(days=8), 1, 0), (DAY + timedelta(days=15), 2, 1),
    ]  # fmt: skip


def test_year__is_the_one_that_runs_on_the_day(system: System) -> None:
    calendar = system.policy.calendar
    assert [year_of(calendar, day) for day in (date(2026, 8, 31), date(2026, 9, 1), date(2027, 7, 1))] == [
        SchoolYear(2025), SchoolYear(2026), SchoolYear(2026),
    ]  # fmt: skip


def stored_rows(system: System) -> list[tuple[Any, ...]]:
    with system.database.read() as connection:
        rows = [tuple(row) for row in connection.execute(DAILY_FIGURE.select())]
    return sorted((row for row in rows if any(row[3:])), key=lambda row: (row[2], row[:2]))


def delays_of(system: System) -> list[tuple[Any, ...]]:
    with system.database.read() as connection:
        return sorted(map(tuple, connection.execute(HANDOVER_DELAY.select())))


def test_progress__is_one_row(system: System) -> None:
    ledger(system).rebuild()
    ledger(system).rebuild()
    with system.database.read() as connection:
        assert len(connection.execute(FIGURE_PROGRESS.select()).all()) == 1
