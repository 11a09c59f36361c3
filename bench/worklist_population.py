"""A database as years of an académie leave it: a thousand establishments, requests in every state."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from bench.population import NOTARY, OPERATOR, name_operator, uai_of
from states.model import Check, Request
from states.rules.verification import delegation_digest, earlier_check_day, listing_digest, standing
from states.school_calendar import SchoolYear
from states.vocabulary import CheckOutcome, State
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.database.mapping import changed_columns, reference_of, search_words
from workflow.database.tables import COUNTER, ESTABLISHMENT, REQUEST, WORD
from workflow.journal.chain import EMPTY_CHAIN, ChainHead

SCHOOLS, BATCH, YEAR = 1000, 1000, SchoolYear(2026)
DEPARTEMENTS = ("09", "12", "31", "32", "46", "65", "81", "82")
FIRST = ("Anne", "Bénédicte", "Céleste", "Driss", "Élodie", "Farid", "Gaëlle", "Hugo")
_LAST_DAY = date(2027, 8, 31)


def populate(database: Database, requests: int, now: datetime) -> None:
    """``requests`` requests, the older half revoked in years that are over; a tenth of the others waits."""
    over = requests // 2
    with database.write() as connection:
        name_operator(connection)
        connection.execute(insert(ESTABLISHMENT), [school(number) for number in range(SCHOOLS)])
        last = {str(YEAR): requests - over, str(SchoolYear(2025)): over}
        connection.execute(insert(COUNTER), [{"school_year": year, "last": n} for year, n in last.items()])
    for start in range(0, requests, BATCH):
        with database.write() as connection:
            write_batch(connection, [_state(n, over) for n in range(start, min(start + BATCH, requests))], now)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if database.is_postgresql else "ANALYZE")


def school(number: int) -> dict[str, Any]:
    return {
        "uai": uai_of(4_000_000 + number), "nom": f"Collège n° {number}", "kind": "Collège" if number % 3 else "Lycée",
        "commune": "Toulouse", "departement": DEPARTEMENTS[number % 8], "mailbox": f"ce.{number}@ac-toulouse.fr",
        "is_open": True, "is_listed": True,
    }  # fmt: skip


def _state(number: int, over: int) -> tuple[int, SchoolYear, State]:
    if number < over:
        return number + 1, SchoolYear(2025), State.REVOKED
    rank = number - over
    states = (State.DECLARED, State.DELEGATED, State.CHARTER_SIGNED, State.REQUESTED, State.REVOKED)
    return rank + 1, YEAR, states[rank % 10] if rank % 10 < 5 else State.CODE_ISSUED


def write_batch(connection: Connection, wanted: list[tuple[int, SchoolYear, State]], now: datetime) -> None:
    births, born, moves, moved, words = [], [], [], [], []
    for number, year, state in wanted:
        request, at = _request(number, year), now.astimezone(UTC) - timedelta(days=300, minutes=-3 * number)
        birth = _event(request.reference, EMPTY_CHAIN, "declare", (None, "declared"), at)
        born.append(changed_columns(None, request) | _stamp(birth, at) | {"created_at": at})
        births.append(birth)
        words += [{"reference": request.reference, "word": word} for word in search_words(request)]
        if state is State.DECLARED:
            continue
        after, later = _brought_to(request, state, number), now.astimezone(UTC) - timedelta(minutes=number % 40_000)
        move = _event(request.reference, ChainHead(birth["hash"], 1), "submit", ("declared", state.value), later)
        moves.append(move)
        moved.append({**_columns(after), **_stamp(move, later), "b_reference": request.reference, "version": 2})
    connection.execute(insert(EVENT), births + moves)
    connection.execute(insert(REQUEST), born)
    connection.execute(insert(WORD), words)
    if moved:
        names = [name for name in moved[0] if name != "b_reference"]
        query = update(REQUEST).where(REQUEST.c.reference == bindparam("b_reference"))
        connection.execute(query.values({name: bindparam(name) for name in names}), moved)


def _request(number: int, year: SchoolYear) -> Request:
    letters = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    prenom = FIRST[number % len(FIRST)]
    return Request(
        reference=reference_of(year, number), uai=uai_of(4_000_000 + number % SCHOOLS), school_year=year,
        state=State.DECLARED, version=1, nom=f"Nom{letters}", prenom=prenom,
        mail=f"rupn{number}.{year.start}@ac-toulouse.fr",
    )  # fmt: skip


def _brought_to(request: Request, state: State, number: int) -> Request:
    """Of those that wait, one in three is ready, one has nothing, one was not found; of the codes, most are handed
    over."""
    after = request.with_(state=state)
    if state is State.REQUESTED and number % 3:
        outcome = CheckOutcome.POSITIVE if number % 3 == 1 else CheckOutcome.NEGATIVE
        day = date(2026, 9, 10)
        after = after.with_(listing=Check(outcome, "liste", day, listing_digest(after)))
        after = after.with_(delegation=Check(CheckOutcome.POSITIVE, "liste", day, delegation_digest(after)))
    if state is State.CODE_ISSUED:
        handed = date(2026, 9, 12) if number % 4 else None
        after = after.with_(handed_on=handed, expires_on=_LAST_DAY, expiry_seen_for=_LAST_DAY)
    return after


def _columns(request: Request) -> dict[str, Any]:
    names = ("state", "listing_outcome", "listing_source", "listing_checked_on", "listing_seen", "delegation_outcome",
             "delegation_source", "delegation_checked_on", "delegation_seen", "handed_on", "expires_on",
             "expiry_seen_for")  # fmt: skip
    columns = changed_columns(None, request)
    state_columns = {name: columns[name] for name in names}
    return state_columns | {"checks": standing(request).value, "checked_on": earlier_check_day(request)}


def _stamp(event: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "changed_at": at, "since": at, "last_trigger": event["kind"], "last_actor": OPERATOR.label,
        "chain_head": event["hash"], "chain_length": event["seq"],
    }  # fmt: skip


def _event(stream: str, link: ChainHead, kind: str, states: tuple[str | None, str], at: datetime) -> dict[str, Any]:
    return NOTARY.event((stream, link), kind, states, OPERATOR, at, {}, [])
