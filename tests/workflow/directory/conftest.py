from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection, select

from states.commands import Command
from states.decision import RequestEvent
from states.model import Actor, Request
from states.vocabulary import CodeStatus, Trigger
from tests.kit.clock import FakeClock
from tests.kit.databases import fresh_database
from tests.kit.factories import NOW, chef, command, operator, policy
from tests.workflow.directory.files import file_of
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT, NOTE
from workflow.database.tables import ESTABLISHMENT
from workflow.directory.importer import ImportReport
from workflow.directory.service import Directory, MailboxChange
from workflow.engine.engine import Done, Engine
from workflow.journal import chain
from workflow.journal.chain import JournalHasher

Row = Mapping[str, str]


class Silent:
    """Nobody is told."""

    def handle(self, connection: Connection, events: Sequence[RequestEvent], now: datetime) -> None:
        pass

    def code_statuses(self, connection: Connection, requests: Sequence[Request]) -> Mapping[str, CodeStatus]:
        return {}


class Bench:
    """The directory of Toulouse on a database of its own, and what it wrote there."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.hasher = database, FakeClock(NOW), JournalHasher(b"a key for tests")
        self.directory = Directory(database, self.hasher, self.clock, "16")
        with database.write() as connection:
            chain.found_installation(connection, self.hasher, NOW)

    def bring(self, *rows: Row, **how: Any) -> ImportReport:
        """Import these rows as an operator."""
        return self.bring_bytes(file_of(*rows), operator(), **how)

    def bring_bytes(self, content: bytes, actor: Actor | None = None, **how: Any) -> ImportReport:
        return self.directory.import_file(BytesIO(content), actor or operator(), **how)

    def stored(self) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return [dict(r) for r in connection.execute(select(ESTABLISHMENT).order_by(ESTABLISHMENT.c.uai)).mappings()]

    def row_of(self, uai: str = "0310001H") -> dict[str, Any]:
        return next(r for r in self.stored() if r["uai"] == uai)

    def events(self) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return [dict(r) for r in connection.execute(select(EVENT).order_by(EVENT.c.stream, EVENT.c.seq)).mappings()]

    def notes(self) -> dict[str, str]:
        with self.database.read() as connection:
            return {r.field: r.body for r in connection.execute(select(NOTE))}

    def everything(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return self.stored(), self.events()

    def set_mailbox(self, uai: str, address: str | None, why: str = "l'annuaire est faux") -> MailboxChange:
        return self.directory.set_mailbox(uai, address, why, operator())

    def declare(self, *uais: str) -> list[str]:
        """A live request in each establishment, each for another person; their references."""
        people = [
            replace(command(Trigger.DECLARE), uai=uai, nom=f"Dupont{'abcdef'[n]}", mail=f"p{n}@ac-toulouse.fr")
            for n, uai in enumerate(uais)
        ]
        return [self._done(declaration) for declaration in people]

    def withdraw(self, reference: str) -> None:
        self._done(replace(command(Trigger.WITHDRAW), reference=reference))

    def _done(self, wanted: Command) -> str:
        engine = Engine(self.database, self.clock, self.hasher, policy(), Silent())
        (done,) = engine.execute([wanted], chef(*(row["uai"] for row in self.stored())))
        assert isinstance(done, Done), done
        return done.reference


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


@pytest.fixture(scope="module")
def any_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One bench on SQLite for a module whose tests change nothing, or do not mind what was there."""
    with fresh_database("sqlite", tmp_path_factory.mktemp("directory")) as database:
        yield Bench(database)
