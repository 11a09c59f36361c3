"""A database stolen with its journal: what can be read and forged unseen, line by line of the table of docs/journal.md.

Whoever holds the database writes what they like into it: its guards are dropped. What they hold besides is each test's.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, delete, select, text, update

from states import commands as c
from tests.kit import factories as make
from tests.kit.databases import BACKENDS, fresh_database
from tests.kit.system import System
from tests.workflow.journal.sealed import LONG, SHORT, SealedJournal, recompute_chain, relink, resign_all
from tests.workflow.journal.test_verification import (
    ENDED,
    NOTARY,
    _forget_tail,
    _guards,
    change,
    delete_request,
    flaws,
    forge,
)
from workflow.database.journal_tables import ACTOR, EVENT, JOURNAL_SEAL, NOTE
from workflow.database.tables import REQUEST
from workflow.journal.chain import INSTALLATION, JournalHasher
from workflow.settings.secrets import Secrets, generate

pytestmark = pytest.mark.rule("R64", "R65", "R109")

PAGE: Final = Path(__file__).parents[3] / "docs" / "journal.md"

INNOCENT: Final = {"key": "operator:innocent@ac-toulouse.fr", "label": "innocent@ac-toulouse.fr"}


@pytest.fixture(scope="module", params=BACKENDS)
def sealed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedJournal]:
    place = tmp_path_factory.mktemp("stolen")
    with fresh_database(request.param, place) as database:
        yield SealedJournal(database, place)


@pytest.fixture
def thief(sealed: SealedJournal) -> Iterator[Connection]:
    database = sealed.database
    with database.engine.connect() as connection, connection.begin() as transaction:
        for name, table in connection.execute(text(_guards(database))).all():
            connection.execute(text(f"DROP TRIGGER {name}" + (f" ON {table}" if database.is_postgresql else "")))
        yield connection
        transaction.rollback()


def by_chains(thief: Connection) -> list[str]:
    return [str(flaw) for flaw in flaws(thief)]


def by_stored(sealed: SealedJournal, thief: Connection) -> list[str]:
    """As the service itself checks: with its own public key."""
    return [str(flaw) for flaw in sealed.check(thief, trusted=(sealed.public(),)).flaws]


def by_sent(sealed: SealedJournal, thief: Connection) -> list[str]:
    return [str(flaw) for flaw in sealed.check(thief, sealed.sent(), (sealed.public(),)).flaws]


def other_identity(thief: Connection, number: int = 77) -> None:
    assert thief.execute(update(ACTOR).where(ACTOR.c.number == number).values(**INNOCENT)).rowcount == 1


def commit_again(thief: Connection, number: int = 77) -> None:
    """The commitment to an identity made anew, which takes the journal's key, and the chain after it."""
    row = thief.execute(select(ACTOR).where(ACTOR.c.number == number)).one()
    who = NOTARY.identity(row.nonce, row.number, row.key, row.label)
    events = select(EVENT).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind == "actor_named")
    [event] = [event for event in thief.execute(events) if f'"number":{number},' in event.canonical]
    change(thief, INSTALLATION, event.seq, **forge(thief, INSTALLATION, event.seq, data={"number": number, "who": who}))
    relink(thief, event.seq)


def other_note(thief: Connection) -> None:
    """The reason of a withdrawal replaced, with its commitment and the head: it takes the journal's key."""
    note = thief.execute(select(NOTE).where(NOTE.c.stream == ENDED)).one()
    thief.execute(update(NOTE).where(NOTE.c.stream == ENDED).values(body="autre motif"))
    commitment = NOTARY.commitment(note.nonce, ENDED, note.seq, note.field, "autre motif")
    row = forge(thief, ENDED, note.seq, notes={note.field: commitment})
    change(thief, ENDED, note.seq, **row)
    thief.execute(update(REQUEST).where(REQUEST.c.reference == ENDED).values(chain_head=row["hash"]))


def forget_last_seal(thief: Connection) -> None:
    """The third seal taken away, and what the installation's chain has had since."""
    [event] = [
        event
        for event in thief.execute(select(EVENT).where(EVENT.c.kind == "journal_sealed"))
        if '"number":3}' in event.canonical
    ]
    thief.execute(delete(JOURNAL_SEAL).where(JOURNAL_SEAL.c.number == 3))
    thief.execute(text("DELETE FROM journal_seal_head WHERE seal = 3"))
    later = select(EVENT.c.seq).where(EVENT.c.stream == INSTALLATION, EVENT.c.seq >= event.seq)
    for seq in thief.execute(later).scalars().all():
        thief.execute(delete(EVENT).where(EVENT.c.stream == INSTALLATION, EVENT.c.seq == seq))
    head = thief.execute(select(EVENT.c.hash).where(EVENT.c.stream == INSTALLATION, EVENT.c.seq == event.seq - 1))
    thief.execute(
        text("UPDATE installation SET chain_head = :head, chain_length = :length"),
        {"head": head.scalar_one(), "length": event.seq - 1},
    )


class TestDatabaseAlone:
    def test_reads__no_code_and_no_erased_text(self, tmp_path: Path) -> None:
        with fresh_database("sqlite", tmp_path) as database:
            url = str(database.url)
        system = System(url, make.NOW)
        system.issued(1)
        system.database.dispose()
        whole = b"".join(path.read_bytes() for path in tmp_path.glob("*.sqlite*"))
        assert b"Nomb" in whole  # a name stands there, until it is erased
        assert b"Ab12Cd34" not in whole

    def test_erased_text__cannot_be_tried_without_the_key(self, sealed: SealedJournal, thief: Connection) -> None:
        note = thief.execute(select(NOTE).where(NOTE.c.stream == ENDED)).one()
        thief.execute(delete(NOTE))
        event = select(EVENT.c.canonical).where(EVENT.c.stream == ENDED, EVENT.c.seq == 2)
        canonical = thief.execute(event).scalar_one()
        guess = JournalHasher(b"a guess").commitment(note.nonce, ENDED, 2, note.field, note.body)
        true = NOTARY.commitment(note.nonce, ENDED, 2, note.field, note.body)
        assert (guess in canonical, true in canonical, note.body in canonical) == (False, True, False)
        assert by_sent(sealed, thief) == []

    def test_event_changed__the_chains_show_it(self, thief: Connection) -> None:
        change(thief, LONG, 2, kind="other")
        assert by_chains(thief)

    @pytest.mark.parametrize("how", ["chain", "tail", "request"])
    def test_chain_anew__the_stored_seals_show_it(self, sealed: SealedJournal, thief: Connection, how: str) -> None:
        forgeries: dict[str, Callable[[Connection], None]] = {
            "chain": recompute_chain,
            "tail": lambda thief: _forget_tail(thief, LONG, 2),
            "request": lambda thief: delete_request(thief, SHORT),
        }
        forgeries[how](thief)
        assert by_stored(sealed, thief)

    def test_seals_anew_by_another_key__this_machine_s_shows_it(
        self, sealed: SealedJournal, thief: Connection, tmp_path: Path
    ) -> None:
        delete_request(thief, SHORT)
        generate(tmp_path / "theirs")
        resign_all(thief, sealed, Secrets(tmp_path / "theirs"))
        assert by_stored(sealed, thief)

    def test_identity_changed__its_commitment_shows_it(self, thief: Connection) -> None:
        other_identity(thief)
        assert by_chains(thief) == ["acteurs : modifié : le numéro 77 désigne une autre identité"]

    def test_since_the_last_seal__nothing_shows_it(self, tmp_path: Path) -> None:
        with fresh_database("sqlite", tmp_path) as database:
            own = SealedJournal(database, tmp_path)
            own.clock.advance(minutes=5)
            signed = c.Submit(reference=SHORT, nom="Deux", prenom="Luc", mail="deux@ac-toulouse.fr")
            own.engine.execute([signed], make.chef())
            with database.engine.connect() as thief, thief.begin():
                for name, _ in thief.execute(text(_guards(database))).all():
                    thief.execute(text(f"DROP TRIGGER {name}"))
                _forget_tail(thief, SHORT, 3)
                assert by_sent(own, thief) == []
                assert by_chains(thief) == []

    def test_last_days_gone_with_their_seals__the_sent_ones_show_it(
        self, sealed: SealedJournal, thief: Connection
    ) -> None:
        forget_last_seal(thief)
        assert by_chains(thief) == by_stored(sealed, thief) == []
        assert by_sent(sealed, thief)


class TestDatabaseAndJournalKey:
    def test_note_anew__the_seals_show_it(self, sealed: SealedJournal, thief: Connection) -> None:
        other_note(thief)
        assert by_chains(thief) == []
        assert by_stored(sealed, thief)

    def test_identity_anew__the_seals_show_it(self, sealed: SealedJournal, thief: Connection) -> None:
        other_identity(thief)
        commit_again(thief)
        assert by_chains(thief) == []
        assert by_stored(sealed, thief)


class TestDatabaseAndSigningKey:
    def test_all_anew__the_sent_seals_show_it(self, sealed: SealedJournal, thief: Connection) -> None:
        delete_request(thief, SHORT)
        resign_all(thief, sealed, sealed.secrets)
        assert by_stored(sealed, thief) == []
        assert by_sent(sealed, thief)

    def test_identity_changed__its_commitment_shows_it(self, sealed: SealedJournal, thief: Connection) -> None:
        other_identity(thief)
        resign_all(thief, sealed, sealed.secrets)
        assert by_chains(thief) == ["acteurs : modifié : le numéro 77 désigne une autre identité"]


class TestAllButTheSentSeals:
    def test_all_anew__the_sent_seals_show_what_is_before_them(self, sealed: SealedJournal, thief: Connection) -> None:
        other_identity(thief)
        commit_again(thief)
        other_note(thief)
        resign_all(thief, sealed, sealed.secrets)
        assert by_chains(thief) == by_stored(sealed, thief) == []
        assert by_sent(sealed, thief)

    def test_after_the_last_that_was_sent__nothing_shows_it(self, sealed: SealedJournal, thief: Connection) -> None:
        """The last of them never left: what it alone covers may be cut."""
        sent = [seal for seal in sealed.sent() if "numero 3\n" not in seal.signed.text]
        forget_last_seal(thief)
        assert [str(flaw) for flaw in sealed.check(thief, sent, (sealed.public(),)).flaws] == []


LINES: Final[dict[str, tuple[str, ...]]] = {
    "un événement changé": ("test_event_changed__the_chains_show_it",),
    "une chaîne recalculée": ("test_chain_anew__the_stored_seals_show_it",),
    "tous les sceaux refaits": ("test_seals_anew_by_another_key__this_machine_s_shows_it",),
    "qui est derrière": ("test_identity_changed__its_commitment_shows_it",),
    "les derniers jours retirés": ("test_last_days_gone_with_their_seals__the_sent_ones_show_it",),
    "depuis le dernier sceau": ("test_since_the_last_seal__nothing_shows_it",),
    "une note, une identité": ("test_note_anew__the_seals_show_it", "test_identity_anew__the_seals_show_it"),
    "tout, sceaux compris": ("test_all_anew__the_sent_seals_show_it",),
    "suit le dernier sceau envoyé": ("test_after_the_last_that_was_sent__nothing_shows_it",),
    "| tout | les sceaux envoyés": ("test_all_anew__the_sent_seals_show_what_is_before_them",),
}


def test_table__each_line_has_its_test() -> None:
    table = PAGE.read_text(encoding="utf-8").split("| Qui tient |")[1].split("\n\n")[0]
    rows = [row for row in table.splitlines() if re.match(r"\| (?!-)", row)]
    rows = [row for row in rows if not set(row) <= set("|- ")]
    tests: dict[str, Any] = {
        name: test for group in (TestDatabaseAlone, TestDatabaseAndJournalKey, TestDatabaseAndSigningKey,
                                 TestAllButTheSentSeals) for name, test in vars(group).items()
    }  # fmt: skip
    for row in rows:
        matches = [names for words, names in LINES.items() if words in row]
        assert len(matches) == 1, row
        assert all(name in tests for name in matches[0])
