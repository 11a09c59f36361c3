"""The worklist behind its page: every order walked whole, what the checks say, what is counted."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import event, insert, select, update

from notifications.vocabulary import Stage
from states import commands as c
from states.rules.verification import standing
from states.vocabulary import CheckOutcome, RemovalOutcome, State, Step, Trigger
from tests.kit import factories as make
from tests.workflow.requests.office import LYCEE, OTHER, UAI, Office
from workflow.database.mapping import REQUEST_COLUMNS, request_from
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.requests.filters import COUNTED, Checks, Count, Filters
from workflow.requests.worklist import Mark, Order, Worklist, WorkPage

EVERYTHING = Filters()


def page(office: Office, filters: Filters = EVERYTHING, order: Order = Order.WAITING, after: str | None = None,
         limit: int = 50) -> WorkPage:  # fmt: skip
    with office.database.read() as connection:
        worklist = Worklist(connection, office.operator, office.policy, office.clock.now())
        return worklist.page(filters, order, after, limit)


def references_in(office: Office, order: Order = Order.WAITING, **filters: object) -> list[str]:
    return [line.line.reference for line in page(office, Filters(**filters), order).lines]  # type: ignore[arg-type]


def some_of_each(office: Office) -> list[str]:
    """Two requests a state, one after the other, whose names go the other way."""
    references = []
    for number, state in enumerate([*State, *State]):
        uai = (UAI, OTHER, LYCEE)[number % 3]
        nom, mail = f"Nom{'zyxwvutsrqpo'[number]}", f"m{number}@ac-toulouse.fr"
        references.append(office.request(state, uai, nom=nom, mail=mail))
        if number % 2:
            office.clock.advance(hours=1)
    return references


def test_walk__sees_each_line_once_and_goes_back_by_the_same_pages_in_every_order(
    office: Office, subtests: pytest.Subtests
) -> None:
    references = some_of_each(office)
    for order in Order:
        with subtests.test(order=order):
            whole = references_in(office, order)
            assert sorted(whole) == sorted(references)
            pages = [page(office, order=order, limit=5)]
            while pages[-1].after:
                pages.append(page(office, order=order, after=pages[-1].after, limit=5))
            assert [work_line.line.reference for part in pages for work_line in part.lines] == whole
            assert [part.rank.number for part in pages] == [0, 5, 10]
            assert pages[0].before is None
            for former, later in pairwise(pages):
                assert later.before
                with office.database.read() as connection:
                    worklist = Worklist(connection, office.operator, office.policy, office.clock.now())
                    back = worklist.page(EVERYTHING, order, None, 5, before=later.before)
                assert (back.lines, back.rank, back.after, back.before) == (
                    former.lines, former.rank, former.after, former.before
                )  # fmt: skip


def test_walk__an_order_and_its_contrary_mirror_each_other(office: Office) -> None:
    some_of_each(office)
    for order, contrary in (
        (Order.WAITING, Order.LATEST), (Order.NAME, Order.NAME_BACKWARDS),
        (Order.ESTABLISHMENT, Order.ESTABLISHMENT_BACKWARDS), (Order.SCHOOL, Order.SCHOOL_BACKWARDS),
        (Order.CHEF, Order.CHEF_BACKWARDS),
    ):  # fmt: skip
        assert references_in(office, order) == references_in(office, contrary)[::-1]


def test_walk__each_order_is_the_one_it_says(office: Office) -> None:
    references = some_of_each(office)
    lines = page(office, order=Order.NAME).lines
    assert [line.line.nom for line in lines] == sorted(line.line.nom for line in lines)
    assert references_in(office, Order.REFERENCE) == references[::-1]
    since = [line.line.since for line in page(office).lines]
    assert since == sorted(since)
    states = [list(State).index(line.line.state) for line in page(office, order=Order.STATE).lines]
    assert states == sorted(states)
    uais = [line.line.uai for line in page(office, order=Order.ESTABLISHMENT).lines]
    assert uais == sorted(uais)


def test_walk__schools_are_in_the_order_of_their_names_whatever_their_accents(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    schools = ("Collège Zola", "Collège Émile-Zola", "collège des Ormes", "Lycée Anne-Frank")
    places = dict(zip((f"031{number:04}A" for number in range(4)), schools, strict=True))
    with office.database.write() as connection:
        rows = [{"uai": uai, "nom": nom, "mailbox": f"{uai}@ac-toulouse.fr"} for uai, nom in places.items()]
        connection.execute(insert(ESTABLISHMENT), [row | {"is_open": True, "is_listed": True} for row in rows])
    for uai in places:
        office.request(State.DECLARED, uai)
    expected = ["collège des Ormes", "Collège Émile-Zola", "Collège Zola", "Lycée Anne-Frank"]
    for at_once in (200, 1):  # schools that are looked at together: a page may need several rounds
        monkeypatch.setattr("workflow.requests.worklist.SCHOOLS_AT_ONCE", at_once)
        for order, names in ((Order.SCHOOL, expected), (Order.SCHOOL_BACKWARDS, expected[::-1])):
            assert [line.line.establishment for line in page(office, order=order).lines] == names
            first = page(office, order=order, limit=3)
            assert [line.line.establishment for line in first.lines] == names[:3]
            rest = page(office, order=order, after=first.after, limit=3)
            assert ([line.line.establishment for line in rest.lines], rest.rank.number) == (names[3:], 3)


def test_walk__chefs_are_in_the_order_of_their_family_names(office: Office) -> None:
    chefs = {"0310000A": "Mme Zoé Arnaud", "0310001A": "ÉLUARD Paul", "0310002A": "Anne de La Tour", "0310003A": ""}
    with office.database.write() as connection:
        rows = [{"uai": uai, "nom": uai, "mailbox": f"{uai}@ac-toulouse.fr", "chef_name": chefs[uai]} for uai in chefs]
        connection.execute(insert(ESTABLISHMENT), [row | {"is_open": True, "is_listed": True} for row in rows])
    references = [office.request(State.DECLARED, uai) for uai in chefs]
    with office.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).values(chef_name=""))
        for uai, name in chefs.items():
            connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai).values(chef_name=name))
    expected = [references[number] for number in (0, 2, 1, 3)]
    assert references_in(office, Order.CHEF) == expected
    assert references_in(office, Order.CHEF_BACKWARDS) == expected[::-1]
    with office.database.write() as connection:  # nobody has signed in there: who made the request is its chef (R37)
        connection.execute(update(REQUEST).where(REQUEST.c.uai == "0310003A").values(chef_name="Basile Blanc"))
    assert references_in(office, Order.CHEF) == [references[number] for number in (0, 3, 2, 1)]


def test_walk__a_mark_that_nobody_gave_breaks_nothing(office: Office) -> None:
    office.declare()
    made_up = ("", "~", "x~y~z", "ODA-2027-99999~", "declared~never~ODA-2027-00001", "\x00'--", "ODA-2027-99999")
    for order in Order:
        for mark in made_up:
            assert len(page(office, order=order, after=mark).lines) <= 1


@pytest.mark.rule("R34", "R35", "R36", "R39")
def test_checks__filters_and_lines_agree_with_the_rules(office: Office) -> None:
    fresh, ready, negative = (office.request(nom=f"Nom{x}", mail=f"{x}@ac-toulouse.fr") for x in ("a", "b", "c"))
    source = "liste"
    for check in (c.CheckListing, c.CheckDelegation):
        office.do(check(reference=ready, outcome=CheckOutcome.POSITIVE, source=source))
    office.do(c.CheckListing(reference=negative, outcome=CheckOutcome.NEGATIVE, source=source))
    assert references_in(office, checks=Checks.TO_DO) == [fresh]
    assert references_in(office, checks=Checks.READY) == [ready]
    assert references_in(office, checks=Checks.NEGATIVE) == [negative]
    marks = {line.line.reference: (line.listing, line.delegation, line.is_ready) for line in page(office).lines}
    assert marks == {
        fresh: (Mark.TO_DO, Mark.TO_DO, False), ready: (Mark.POSITIVE, Mark.POSITIVE, True),
        negative: (Mark.NEGATIVE, Mark.TO_DO, False),
    }  # fmt: skip
    office.clock.advance(days=office.policy.checks_max_age_days + 1)
    assert (references_in(office, checks=Checks.READY), references_in(office, checks=Checks.TOO_OLD)) == ([], [ready])


@pytest.mark.rule("R35")
def test_checks__what_was_checked_and_changed_is_to_do_again(office: Office) -> None:
    ready = office.request()
    for check in (c.CheckListing, c.CheckDelegation):
        office.do(check(reference=ready, outcome=CheckOutcome.POSITIVE, source="liste"))
    office.do(c.SendBack(reference=ready, step=Step.CONFIRMATION, why="l'adresse"))
    behalf = make.on_behalf()
    office.do(c.Amend(reference=ready, mail="autre@ac-toulouse.fr", on_behalf=behalf))
    office.do(c.Submit(reference=ready, nom=make.NOM, prenom=make.PRENOM, mail="autre@ac-toulouse.fr",
                       on_behalf=behalf))  # fmt: skip
    assert references_in(office, checks=Checks.TO_DO) == [ready]
    (line,) = page(office).lines
    assert (line.listing, line.delegation) == (Mark.VOID, Mark.VOID)


def test_columns__are_as_the_rules_would_say(office: Office) -> None:
    """``since``, ``checks`` and the rest are kept beside the request: they must never drift from it."""
    some_of_each(office)
    with office.database.read() as connection:
        rows = connection.execute(select(*REQUEST_COLUMNS, REQUEST.c.checks, REQUEST.c.since)).all()
    assert [row.checks for row in rows] == [standing(request_from(row)).value for row in rows]
    assert all(row.since.year == make.NOW.year for row in rows)


def test_filters__places_by_words_and_by_kind(office: Office) -> None:
    college, lycee = office.declare(), office.declare(LYCEE, nom="Autre", mail="autre@ac-toulouse.fr")
    for typed in ("jean moulin", "JEAN-MOULIN", "moulin toulouse", UAI.lower()):
        assert references_in(office, establishment=typed) == [college], typed
    assert references_in(office, establishment="lycee monteil", departement="12") == [lycee]
    for typed in ("%", "''", "inconnu"):
        assert references_in(office, establishment=typed) == [], typed
    with office.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == LYCEE).values(kind="Lycée"))
    assert references_in(office, kind="Lycée") == [lycee]
    assert references_in(office, kind="Lycée", departement="31") == []


@pytest.mark.rule("R31", "R32", "R49")
def test_filters__what_calls_for_somebody(office: Office) -> None:
    issued = office.request(State.CODE_ISSUED)
    revoked = office.request(State.REVOKED, OTHER, nom="Autre", mail="autre@ac-toulouse.fr")
    tomorrow = make.TODAY + timedelta(days=1)
    office.do(make.command(Trigger.REPORT_CHANGE, reference=issued, effective_on=tomorrow))
    assert references_in(office, report_open=True) == [issued]
    assert references_in(office, report_due_on=make.TODAY) == []
    assert references_in(office, report_due_on=tomorrow) == [issued]
    assert references_in(office, not_handed_over=True) == [issued]
    assert references_in(office, removal_open=True) == [revoked]
    office.do(c.ConfirmRemoval(reference=revoked, outcome=RemovalOutcome.REMOVED))
    assert references_in(office, removal_open=True) == []
    office.mail_becomes(Stage.DEAD, issued)
    assert references_in(office, undeliverable=True, report_open=True) == [issued]


def test_counts__one_query_says_them_all_and_stops_counting(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    some_of_each(office)
    wanted = {state.value: Filters(states=(state,)) for state in State}
    queries: list[str] = []
    with office.database.read() as connection:
        worklist = Worklist(connection, office.operator, office.policy, office.clock.now())
        event.listen(office.database.engine, "before_cursor_execute", lambda *event_args: queries.append(event_args[2]))
        assert worklist.counts(wanted) == {state.value: Count(2) for state in State}
        assert len(queries) == 1
        monkeypatch.setattr("workflow.requests.filters.COUNTED", 1)
        assert worklist.counts({"": EVERYTHING})[""].number == 2
    assert not Count(COUNTED + 1).is_exact


@pytest.mark.rule("R3")
def test_worklist__a_chef_would_see_its_own(office: Office) -> None:
    mine, theirs = office.declare(), office.declare(OTHER)
    with office.database.read() as connection:
        worklist = Worklist(connection, office.chef, office.policy, office.clock.now())
        assert [line.line.reference for line in worklist.lines([theirs, mine])] == [mine]
        assert worklist.references(EVERYTHING, Order.WAITING, 9) == [mine]
        assert worklist.counts({"": replace(EVERYTHING, live=True)})[""] == Count(1)
