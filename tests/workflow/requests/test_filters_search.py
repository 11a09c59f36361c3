"""The search of the rectorat: by whatever one has at hand, in every state, and never by passing over all requests."""

import pytest
from sqlalchemy import event, select

from states import commands as c
from states.vocabulary import State
from tests.kit import factories as make
from tests.workflow.requests.office import OTHER, Office
from workflow.database.mapping import search_words
from workflow.database.tables import REQUEST, WORD
from workflow.requests.filters import Filters, SearchResult, conditions, count_named, search

NADEGE = {"nom": "Lasserre-D'Étienne", "prenom": "Nadège", "mail": "nlasserre@ac-toulouse.fr"}


def find(office: Office, typed: str) -> SearchResult:
    with office.database.read() as connection:
        result = search(connection, office.operator, typed)
        assert count_named(connection, office.operator, typed) == result.count, typed
    return result


def find_each(office: Office, *words: str) -> dict[str, SearchResult]:
    return {typed: find(office, typed) for typed in words}


@pytest.mark.rule("R89")
@pytest.mark.parametrize("state", list(State))
def test_search__finds_a_person_in_any_state(office: Office, state: State) -> None:
    office.request(State.DECLARED, OTHER, nom="Martin", mail="martin@ac-toulouse.fr")
    reference = office.request(state, **NADEGE)
    results = find_each(
        office, "nadege", "NADÈGE", "lass", "etienne nad", "Nadège LASSERRE", "nlasserre@ac-toulouse.fr", "nlasserre@",
        "  nadège\u00a0 ",
    )  # fmt: skip
    answers = {typed: (result.references, result.states, result.exact) for typed, result in results.items()}
    assert answers == dict.fromkeys(results, ((reference,), ((state, 1),), None))


@pytest.mark.rule("R89")
def test_search__a_whole_reference_is_exact(office: Office) -> None:
    office.request(State.DECLARED, OTHER, nom="Martin", mail="martin@ac-toulouse.fr")
    reference = office.request(State.DECLARED, **NADEGE)
    results = find_each(office, "ODA-2027-00002", "oda-2027-2", "ODA 2027 00002", "2027 2", " oda–2027–00002 ")
    answers = {typed: (result.references, result.exact) for typed, result in results.items()}
    assert answers == dict.fromkeys(results, ((reference,), reference))


@pytest.mark.rule("R89")
def test_search__a_number_alone_is_looked_for_in_every_year(office: Office) -> None:
    office.request(State.DECLARED, OTHER, nom="Martin", mail="martin@ac-toulouse.fr")
    reference = office.request(State.DECLARED, **NADEGE)
    results = find_each(office, "2", "00002", "oda 2")
    answers = {typed: (result.references, result.exact) for typed, result in results.items()}
    assert answers == dict.fromkeys(results, ((reference,), None))


@pytest.mark.rule("R89")
def test_search__what_names_nobody_finds_nothing(office: Office) -> None:
    office.request(State.DECLARED, **NADEGE)
    results = find_each(office, "introuvable", "%", "", "_", "'--", "n", "oda", "ODA-2027-99999", "voltaire")
    answers = {typed: (result.references, result.exact, result.count.number) for typed, result in results.items()}
    assert answers == dict.fromkeys(results, ((), None, 0))


@pytest.mark.rule("R3")
def test_search__a_chef_finds_nothing_of_another(office: Office) -> None:
    office.request(State.DECLARED, OTHER, **NADEGE)
    with office.database.read() as connection:
        for typed in ("nadege", "1", "ODA-2027-00001"):
            assert not search(connection, office.chef, typed).references


def test_words__follow_the_person(office: Office) -> None:
    reference = office.request(State.DECLARED, **NADEGE)
    office.do(c.Amend(reference=reference, nom="Vidal", mail="nvidal@ac-toulouse.fr", on_behalf=make.on_behalf()))
    assert not find(office, "lasserre").references
    assert find(office, "nvidal").references == find(office, "vidal nadege").references == (reference,)
    with office.database.read() as connection:
        words = set(connection.execute(select(WORD.c.word)).scalars())
    assert words == {"vidal", "nadege", "nvidal@ac-toulouse.fr"}
    person = make.request(nom="De La Tour", prenom="Ève", mail="E@b.fr")
    assert search_words(person) == ["de", "e@b.fr", "eve", "la", "tour"]


def test_search__is_served_by_indexes(office: Office) -> None:
    office.request(State.DECLARED, **NADEGE)
    statements: list[tuple[str, object]] = []
    event.listen(
        office.database.engine,
        "before_cursor_execute",
        lambda *args: statements.append((args[2], args[3])),
    )
    for typed in ("nadege lasserre", "1", "nlasserre@ac-toulouse.fr"):
        find(office, typed)
    if office.database.is_postgresql:
        return  # which reads a small table whole, and says so
    with office.database.engine.connect() as connection:
        for statement, values in [entry for entry in statements if REQUEST.name in entry[0]]:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
            scans = [row[3] for row in plan if row[3].startswith(f"SCAN {REQUEST.name}")]
            assert not scans, (statement, scans)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(live=True, undeliverable=True), Filters(live=True, code_unread=True),
        Filters(live=True, code_waits_since=make.NOW), Filters(removal_open=True),
        Filters(report_due_on=make.NOW.date()),
    ],
    ids=lambda filters: ",".join(name for name in Filters.__slots__ if getattr(filters, name)),
)  # fmt: skip
def test_conditions__what_another_table_names_is_not_looked_for_among_all_keys(
    office: Office, filters: Filters
) -> None:
    if office.database.is_postgresql:
        return  # which weighs both ways by its statistics
    with office.database.read() as connection:
        wanted = conditions(connection, filters, office.policy.calendar)
        query = select(REQUEST.c.reference).where(*wanted).compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    ways = [way for way in plan if f" {REQUEST.name} " in way]
    assert len(ways) == 1
    assert ways[0].endswith("(reference=?)")
