"""Every way of altering the journal is named; what a chain cannot show is held to be unseen (R65)."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update

from states import commands as c
from states.decision import RequestEvent, Scalar
from states.model import Request
from states.vocabulary import CodeStatus, WithdrawReason
from tests.kit import factories as make
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, fresh_database
from workflow.database.connection import Database
from workflow.database.journal_tables import ACTOR, EVENT, INSTALLED, NOTE
from workflow.database.tables import COUNTER, ESTABLISHMENT, REQUEST
from workflow.engine.engine import Done, Engine
from workflow.journal import chain
from workflow.journal.chain import INSTALLATION, JournalHasher, canonical_text, hash_of
from workflow.journal.verification import BLIND_SPOTS, JournalError, Verifier, count_events

NOTARY = JournalHasher(b"a key for tests")
LONG, SHORT, ENDED = "ODA-2027-00001", "ODA-2027-00002", "ODA-2027-00003"
FORGER = 77


class Nobody:
    """A subscriber who sends nothing."""

    def handle(self, connection: Connection, events: Sequence[RequestEvent], now: Any) -> None: ...

    def code_statuses(self, connection: Connection, requests: Sequence[Request]) -> Mapping[str, CodeStatus]:
        return {}


def filled(database: Database) -> Database:
    """Three requests of four, two and two events, two of them with a note; and three events of the installation."""
    clock = FakeClock(make.NOW)
    with database.write() as connection:
        chain.found_installation(connection, NOTARY, clock.now())
        connection.execute(insert(ACTOR), [{"number": FORGER, "key": "forger", "label": "un faussaire", "nonce": "5a"}])
        school = {"uai": make.UAI, "nom": "Collège Jean-Moulin", "departement": "031", "mailbox": make.MAILBOX}
        connection.execute(insert(ESTABLISHMENT), [school])
        for day in (1, 2, 3):
            chain.record(connection, NOTARY, "import", make.operator(), clock.now(), {"day": day}, {"why": "x"})
    engine = Engine(database, clock, NOTARY, make.policy(), Nobody())
    names = ("Un", "Deux", "Trois")
    steps: list[c.Command] = [
        c.Declare(uai=make.UAI, nom=nom, prenom="Luc", mail=f"{nom}@ac-toulouse.fr".lower(), school_year=make.YEAR)
        for nom in names
    ]
    steps += [
        c.Delegate(reference=LONG, why="aide aux parents", made_on=make.TODAY),
        c.SignCharter(reference=LONG, signed_on=make.TODAY, version="2026-1", copy_kept=True),
        c.Submit(reference=LONG, nom="Un", prenom="Luc", mail="un@ac-toulouse.fr"),
        c.Delegate(reference=SHORT, why="aide aux parents", made_on=make.TODAY),
        c.Withdraw(reference=ENDED, reason=WithdrawReason.OTHER, note="finalement non"),
    ]
    for step in steps:
        clock.advance(minutes=1)
        [result] = engine.execute([step], make.chef())
        assert isinstance(result, Done), result
    return database


@pytest.fixture(scope="module", params=BACKENDS)
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One database a backend; each test works in a transaction that is rolled back."""
    with fresh_database(request.param, tmp_path_factory.mktemp("verify")) as database:
        yield filled(database)


@pytest.fixture
def forger(history: Database) -> Iterator[Connection]:
    """Somebody who may write anything: the guards of the database are dropped."""
    with history.engine.connect() as connection, connection.begin() as transaction:
        for name, table in connection.execute(text(_guards(history))).all():
            connection.execute(text(f"DROP TRIGGER {name}" + (f" ON {table}" if history.is_postgresql else "")))
        yield connection
        transaction.rollback()


def _guards(database: Database) -> str:
    if database.is_postgresql:
        return "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'guard_%'"
    return "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"


def flaws(connection: Connection) -> list[JournalError]:
    return list(Verifier(connection, NOTARY).flaws())


def places(connection: Connection) -> set[tuple[str, int | None]]:
    return {(flaw.stream, flaw.seq) for flaw in flaws(connection)}


def at(stream: str, seq: int) -> tuple[Any, Any]:
    return EVENT.c.stream == stream, EVENT.c.seq == seq


def change(connection: Connection, stream: str, seq: int, /, **columns: Any) -> None:
    done = connection.execute(update(EVENT).where(*at(stream, seq)).values(**columns))
    assert done.rowcount == 1


def remove(connection: Connection, stream: str, *seqs: int) -> None:
    for seq in seqs:
        connection.execute(NOTE.delete().where(NOTE.c.stream == stream, NOTE.c.seq == seq))
        assert connection.execute(EVENT.delete().where(*at(stream, seq))).rowcount == 1


def forge(connection: Connection, stream: str, seq: int, /, **content: Any) -> dict[str, Any]:
    """The row of an event with another content, its hash computed again as a careful forger would."""
    row = connection.execute(select(EVENT).where(*at(stream, seq))).one()
    changed = json.loads(row.canonical) | content
    canonical = canonical_text(changed)
    columns = {"kind": "kind", "from_state": "from", "to_state": "to", "actor": "actor", "seq": "seq"}
    values = {column: changed[name] for column, name in columns.items()}
    return {**row._mapping, **values, "canonical": canonical, "hash": hash_of(canonical)}


def length_of(connection: Connection, stream: str) -> int:
    return len(connection.execute(select(EVENT.c.seq).where(EVENT.c.stream == stream)).all())


def delete_request(connection: Connection, reference: str) -> None:
    for table in ("event_note", "event"):
        connection.execute(text(f"DELETE FROM {table} WHERE stream = :r"), {"r": reference})
    delete_request_alone(connection, reference)


def delete_request_alone(connection: Connection, reference: str) -> None:
    """Delete it with the rows that hang on it, and leave its events."""
    for table in ("removal_task", "request_word"):
        connection.execute(text(f"DELETE FROM {table} WHERE reference = :r"), {"r": reference})
    connection.execute(REQUEST.delete().where(REQUEST.c.reference == reference))


@pytest.mark.rule("R63", "R65")
def test_untouched__has_no_flaw_and_is_counted(history: Database) -> None:
    steps: list[int] = []
    with history.read() as connection:
        verifier = Verifier(connection, NOTARY, steps.append)
        assert list(verifier.flaws()) == []
        assert (verifier.events, verifier.streams) == (11, 4)
        assert sum(steps) == count_events(connection) == 11


@pytest.mark.rule("R63", "R65")
@pytest.mark.parametrize("stream", [LONG, INSTALLATION])
@pytest.mark.parametrize("which", ["first", "middle", "last"])
class TestOneEvent:
    """The first, one within, and the last event of a request's chain and of the installation's."""

    def seq(self, connection: Connection, stream: str, which: str) -> int:
        return {"first": 1, "middle": 2, "last": length_of(connection, stream)}[which]

    def test_text_changed__named(self, forger: Connection, stream: str, which: str) -> None:
        seq = self.seq(forger, stream, which)
        row = forge(forger, stream, seq, data={"uai": make.UAI, "school_year": str(make.YEAR), "day": 99})
        change(forger, stream, seq, canonical=row["canonical"])
        assert places(forger) == {(stream, seq)}

    def test_text_and_hash_changed__named(self, forger: Connection, stream: str, which: str) -> None:
        seq = self.seq(forger, stream, which)
        row = forge(forger, stream, seq, actor=FORGER, data={"uai": make.UAI, "school_year": str(make.YEAR)})
        change(forger, stream, seq, **row)
        last = seq == length_of(forger, stream)
        [flaw] = flaws(forger)
        assert (flaw.stream, flaw.seq) == (stream, seq if last else seq + 1)
        assert last or f"ne scelle pas l'événement {seq} " in flaw.message

    def test_removed__named(self, forger: Connection, stream: str, which: str) -> None:
        seq = self.seq(forger, stream, which)
        remove(forger, stream, seq)
        all_flaws = flaws(forger)
        assert [
            flaw.message.startswith("retiré") for flaw in all_flaws if (flaw.stream, flaw.seq) == (stream, seq)
        ] == [True]

    def test_garbled__named(self, forger: Connection, stream: str, which: str) -> None:
        seq = self.seq(forger, stream, which)
        change(forger, stream, seq, canonical="[" * 5000)
        assert (stream, seq) in places(forger)

    @pytest.mark.parametrize(
        "column", [{"kind": "other"}, {"to_state": "revoked"}, {"from_state": "revoked"}, {"actor": 77},
                   {"role": "chef!"}, {"at": make.NOW - timedelta(days=9)}, {"hash": "0" * 64}],
        ids=lambda column: next(iter(column)),
    )  # fmt: skip
    def test_a_column_alone__named(self, forger: Connection, stream: str, which: str, column: dict[str, Any]) -> None:
        seq = self.seq(forger, stream, which)
        change(forger, stream, seq, **column)
        assert (stream, seq) in places(forger)


@pytest.mark.rule("R65")
def test_several_removed__named_as_one(forger: Connection) -> None:
    remove(forger, LONG, 2, 3)
    assert [str(flaw) for flaw in flaws(forger)] == [
        f"{LONG}, événement 2 : retiré, ainsi que les suivants jusqu'à l'événement 3"
    ]


@pytest.mark.rule("R65")
@pytest.mark.parametrize(("stream", "seq"), [(LONG, 5), (LONG, 0), (LONG, -3), (INSTALLATION, 4), ("", 0)])
def test_inserted__named(forger: Connection, stream: str, seq: int) -> None:
    source = stream or LONG
    forger.execute(insert(EVENT), [forge(forger, source, 2, seq=seq, stream=stream) | {"stream": stream}])
    assert stream in {flaw.stream for flaw in flaws(forger) if flaw.message.startswith("inséré")}


@pytest.mark.rule("R65")
def test_inserted_in_the_middle__named(forger: Connection) -> None:
    """The events after it are renumbered, as far as the columns go."""
    for seq in (4, 3):
        change(forger, LONG, seq, seq=seq + 1)
    head = forger.execute(select(EVENT.c.hash).where(*at(LONG, 2))).scalar_one()
    forger.execute(insert(EVENT), [forge(forger, LONG, 2, seq=3, prev=head)])
    assert {(LONG, 4), (LONG, 5)} <= places(forger)


@pytest.mark.rule("R65")
def test_swapped_in_a_chain__both_named(forger: Connection) -> None:
    for seq, to in ((2, 99), (3, 2), (99, 3)):
        change(forger, LONG, seq, seq=to)
    assert {(LONG, 2), (LONG, 3)} <= places(forger)


@pytest.mark.rule("R65")
def test_swapped_between_chains__both_named(forger: Connection) -> None:
    for stream, to in ((LONG, "aside"), (SHORT, LONG), ("aside", SHORT)):
        change(forger, stream, 2, stream=to)
    assert {(LONG, 2), (SHORT, 2)} <= places(forger)


@pytest.mark.rule("R65")
def test_whole_chains_swapped__both_named(forger: Connection) -> None:
    for stream, to in ((ENDED, "aside"), (SHORT, ENDED), ("aside", SHORT)):
        forger.execute(update(EVENT).where(EVENT.c.stream == stream).values(stream=to))
    assert {SHORT, ENDED} <= {flaw.stream for flaw in flaws(forger)}


@pytest.mark.rule("R64", "R65")
@pytest.mark.parametrize(
    "values", [{"body": "autre"}, {"nonce": "00"}, {"field": "other"}], ids=lambda v: next(iter(v))
)
def test_note_changed__named(forger: Connection, values: dict[str, str]) -> None:
    forger.execute(update(NOTE).where(NOTE.c.stream == ENDED, NOTE.c.seq == 2).values(**values))
    assert places(forger) == {(ENDED, 2)}


@pytest.mark.rule("R65")
@pytest.mark.parametrize(("stream", "seq"), [(ENDED, 1), (ENDED, 9), ("nowhere", 1), (INSTALLATION, 9)])
def test_note_added__named(forger: Connection, stream: str, seq: int) -> None:
    note = {"stream": stream, "seq": seq, "field": "added", "nonce": "00", "body": "ajout"}
    forger.execute(insert(NOTE), [note])
    assert places(forger) == {(stream, seq)}


_OF_REQUEST: dict[str, Any] = {
    "state": "revoked", "version": 7, "chain_head": "0" * 64, "last_trigger": "amend", "school_year": "2027-2028",
    "changed_at": make.NOW,
}  # fmt: skip


@pytest.mark.rule("R8", "R65")
@pytest.mark.parametrize("column", _OF_REQUEST)
def test_request_changed__named(forger: Connection, column: str) -> None:
    forger.execute(update(REQUEST).where(REQUEST.c.reference == LONG).values({column: _OF_REQUEST[column]}))
    assert LONG in {flaw.stream for flaw in flaws(forger)}


@pytest.mark.rule("R65")
@pytest.mark.parametrize("length", [0, 3, 5])
def test_length_changed__named(forger: Connection, length: int) -> None:
    forger.execute(update(REQUEST).where(REQUEST.c.reference == LONG).values(chain_length=length))
    assert places(forger) == {(LONG, min(length + 1, 5))}


@pytest.mark.rule("R65")
@pytest.mark.parametrize("reference", [LONG, SHORT, ENDED])
def test_whole_request_removed__named(forger: Connection, reference: str) -> None:
    delete_request(forger, reference)
    assert places(forger) == {(reference, None)}


@pytest.mark.rule("R65")
def test_several_requests_removed__named(forger: Connection) -> None:
    delete_request(forger, LONG)
    delete_request(forger, SHORT)
    [flaw] = flaws(forger)
    assert flaw.stream == LONG
    assert SHORT in flaw.message


@pytest.mark.rule("R65")
def test_all_requests_removed__named(forger: Connection) -> None:
    for reference in (LONG, SHORT, ENDED):
        delete_request(forger, reference)
    [flaw] = flaws(forger)
    assert (flaw.stream, ENDED in flaw.message) == (LONG, True)


@pytest.mark.rule("R65", "R116")
@pytest.mark.parametrize(
    ("removed", "given_after", "named"),
    [
        ((), 0, []),
        ((ENDED,), 0, [ENDED]),
        ((SHORT, ENDED), 0, [SHORT]),
        ((LONG,), 0, [LONG]),
        ((), 1, ["ODA-2027-01004"]),
        ((ENDED,), 2, [ENDED, "ODA-2027-01004"]),
    ],
    ids=["nothing", "just-before", "two-before", "first", "just-after", "both-sides"],
)
def test_request_removed_beside_the_references_of_a_restoration__named(
    forger: Connection, removed: Sequence[str], given_after: int, named: list[str]
) -> None:
    """A restored base leaves out a thousand numbers (see ``oda restore``): they hide nothing that stood beside them."""
    schedule, now = chain.schedule_actor_in(forger), make.NOW + timedelta(days=1)
    skipped: dict[str, Scalar] = {"events": 9, "backup_at": "", "skipped": "ODA-2027-00004 ODA-2027-01003"}
    chain.record(forger, NOTARY, "restored", schedule, now, skipped)
    forger.execute(update(COUNTER).values(last=1003 + given_after))
    for reference in removed:
        delete_request(forger, reference)
    all_flaws = flaws(forger)
    assert [flaw.stream for flaw in all_flaws] == named
    assert all("numérotée et n'existe plus" in flaw.message for flaw in all_flaws)


@pytest.mark.rule("R65")
@pytest.mark.parametrize("stream", [LONG, INSTALLATION])
def test_whole_chain_removed__named(forger: Connection, stream: str) -> None:
    for table in (NOTE, EVENT):
        forger.execute(table.delete().where(table.c.stream == stream))
    assert places(forger) == {(stream, None)}


@pytest.mark.rule("R65")
def test_request_removed_alone__its_events_named(forger: Connection) -> None:
    delete_request_alone(forger, SHORT)
    assert places(forger) == {(SHORT, None)}


@pytest.mark.rule("R65")
def test_counter_lowered__named(forger: Connection) -> None:
    forger.execute(text("UPDATE counter SET last = 2"))
    assert places(forger) == {(ENDED, None)}


@pytest.mark.rule("R65")
@pytest.mark.parametrize("values", [{"chain_head": "0" * 64}, {"chain_length": 2}, {"chain_length": 4}])
def test_installation_head_changed__named(forger: Connection, values: dict[str, Any]) -> None:
    forger.execute(update(INSTALLED).values(**values))
    assert {flaw.stream for flaw in flaws(forger)} == {INSTALLATION}


@pytest.mark.rule("R65")
def test_nonsense_in_sqlite__named_not_raised(tmp_path: Path) -> None:
    """SQLite lets any text into any column; PostgreSQL refuses it itself."""
    with fresh_database("sqlite", tmp_path) as database, filled(database).write() as forger:
        forger.execute(text("DROP TRIGGER guard_event_update"))
        forger.execute(text("UPDATE event SET at = 'hier' WHERE stream = :s AND seq = 2"), {"s": LONG})
        forger.execute(text("UPDATE event SET seq = 'x' WHERE stream = :s AND seq = 2"), {"s": SHORT})
        forger.execute(text("UPDATE event SET canonical = x'00ff' WHERE stream = :s AND seq = 2"), {"s": ENDED})
        assert {(LONG, 2), (SHORT, None), (SHORT, 2), (ENDED, None), (ENDED, 2)} <= places(forger)


def _forget_tail(connection: Connection, reference: str, seq: int) -> None:
    """Remove the events after ``seq``, and bring back what the request keeps of its chain."""
    last = connection.execute(select(EVENT).where(*at(reference, seq))).one()
    remove(connection, reference, *range(seq + 1, length_of(connection, reference) + 1))
    values = {
        "state": last.to_state, "version": seq, "chain_length": seq, "chain_head": last.hash, "last_trigger": last.kind,
        "changed_at": last.at,
    }  # fmt: skip
    connection.execute(update(REQUEST).where(REQUEST.c.reference == reference).values(**values))


def _tail(connection: Connection) -> None:
    _forget_tail(connection, LONG, 2)


def _recomputed(connection: Connection) -> None:
    row = forge(connection, SHORT, 2, actor=77)
    change(connection, SHORT, 2, **row)
    connection.execute(update(REQUEST).where(REQUEST.c.reference == SHORT).values(chain_head=row["hash"]))


def _last_request(connection: Connection) -> None:
    delete_request(connection, ENDED)
    connection.execute(text("UPDATE counter SET last = 2"))


def _note_erased(connection: Connection) -> None:
    connection.execute(NOTE.delete())


def _outside(connection: Connection) -> None:
    connection.execute(update(REQUEST).values(nom="Autre"))


UNSEEN: dict[str, Callable[[Connection], None]] = dict(
    zip(BLIND_SPOTS, (_tail, _recomputed, _last_request, _note_erased, _outside), strict=True)
)


@pytest.mark.rule("R65")
@pytest.mark.parametrize("blind_spot", BLIND_SPOTS)
def test_blind_spot__is_not_seen_as_the_documentation_says(forger: Connection, blind_spot: str) -> None:
    UNSEEN[blind_spot](forger)
    assert flaws(forger) == []


@pytest.fixture
def known(forger: Connection) -> int:
    """The number of the forger, to whose identity the journal commits."""
    assert chain.commit_to_actors(forger, NOTARY, make.NOW) > 0
    assert chain.commit_to_actors(forger, NOTARY, make.NOW) == 0
    assert flaws(forger) == []
    return FORGER


@pytest.mark.rule("R109")
@pytest.mark.parametrize(
    "values", [{"label": "autre"}, {"key": "operator:innocent@ac-toulouse.fr"}, {"nonce": "00"}, {"nonce": ""}],
    ids=lambda values: next(iter(values)),
)  # fmt: skip
def test_identity_changed__named_though_no_guard_is_left(
    forger: Connection, known: int, values: dict[str, str]
) -> None:
    forger.execute(update(ACTOR).where(ACTOR.c.number == known).values(**values))
    [flaw] = flaws(forger)
    assert str(flaw) == f"acteurs : modifié : le numéro {known} désigne une autre identité"


@pytest.mark.rule("R109")
def test_two_identities_swapped__both_named(forger: Connection, known: int) -> None:
    rows = {row.number: row._mapping for row in forger.execute(select(ACTOR).where(ACTOR.c.number.in_((1, known))))}
    for number, other in ((1, known), (known, 1)):
        identity = {name: rows[other][name] for name in ("label", "nonce")}
        forger.execute(update(ACTOR).where(ACTOR.c.number == number).values(key=f"x{number}", **identity))
    for number, other in ((1, known), (known, 1)):
        forger.execute(update(ACTOR).where(ACTOR.c.number == number).values(key=rows[other]["key"]))
    assert len(flaws(forger)) == 2


@pytest.mark.rule("R109")
def test_identity_committed_twice__the_first_holds(forger: Connection, known: int) -> None:
    """Who has the journal's key can commit anew, but not undo the first commitment."""
    forger.execute(update(ACTOR).where(ACTOR.c.number == known).values(label="autre"))
    columns = (ACTOR.c.nonce, ACTOR.c.number, ACTOR.c.key, ACTOR.c.label)
    changed = forger.execute(select(*columns).where(ACTOR.c.number == known)).one()
    data: dict[str, Scalar] = {"number": known, "who": NOTARY.identity(*changed)}
    schedule = chain.schedule_actor_in(forger)
    chain.record(forger, NOTARY, chain.ACTOR_NAMED, schedule, make.NOW, data)
    assert [flaw.stream for flaw in flaws(forger)] == ["acteurs"]


@pytest.mark.rule("R109", "R110")
def test_identity_erased__no_flaw_and_counted(history: Database) -> None:
    """The guards are in place: they let an identity be erased, and nothing else."""
    with history.engine.connect() as connection, connection.begin() as transaction:
        chain.commit_to_actors(connection, NOTARY, make.NOW)
        connection.execute(update(ACTOR).where(ACTOR.c.number == FORGER).values(**chain.erased_identity(FORGER)))
        verifier = Verifier(connection, NOTARY)
        assert list(verifier.flaws()) == []
        assert (verifier.erased_actors, verifier.unproven_actors) == (1, 0)
        assert "faussaire" not in str(connection.execute(select(ACTOR)).all())
        transaction.rollback()


@pytest.mark.rule("R109")
def test_number_given__its_identity_is_committed_to_in_the_chain(history: Database) -> None:
    clock = FakeClock(make.NOW)
    number = chain.actor_number(history, NOTARY, clock, "operator:new@ac-toulouse.fr", "new@ac-toulouse.fr")
    assert chain.actor_number(history, NOTARY, clock, "operator:new@ac-toulouse.fr", "other") == number
    with history.read() as connection:
        last = connection.execute(
            select(EVENT.c.canonical).where(EVENT.c.stream == INSTALLATION).order_by(EVENT.c.seq.desc()).limit(1)
        ).scalar_one()
        assert list(Verifier(connection, NOTARY).flaws()) == []
    assert json.loads(last)["data"]["number"] == number
    assert "new@" not in last
