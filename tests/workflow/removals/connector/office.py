"""A world with revoked keys, and connectors that ask a real server for their removal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.oda_server import OdaServer
from tests.kit.system import System
from workflow.database.tables import CALL
from workflow.http_post import NoAnswer, Reply
from workflow.removals.connector.client import Call, Caller
from workflow.removals.connector.service import Connector


@dataclass(frozen=True, kw_only=True)
class Watched(Caller):
    """A caller during whose calls something else happens: before they leave, or once they are answered."""

    before: Callable[[Sequence[Call]], None] = lambda _: None
    after: Callable[[Sequence[Call]], None] = lambda _: None

    def ask(self, calls: Sequence[Call], at: datetime) -> list[Reply | NoAnswer]:
        self.before(calls)
        replies = super().ask(calls, at)
        self.after(calls)
        return replies


class Office:
    """One installation before one ODA server."""

    def __init__(self, system: System, oda: OdaServer) -> None:
        self.system, self.oda = system, oda
        self.connector = self.another()

    def another(self, caller: Caller | None = None, **settings: Any) -> Connector:
        """A connector of another machine, or of this one started again."""
        engine = self.system.engine
        asking = caller or self.oda.caller(**settings)
        return Connector(engine, self.system.mailer, asking)

    def watched(self, **meanwhile: Callable[[Sequence[Call]], None]) -> Connector:
        """A connector during whose calls something else happens."""
        plain = self.oda.caller()
        return self.another(
            Watched(
                settings=plain.settings, secret=plain.secret, resolver=plain.resolver, tls_context=plain.tls_context,
                **meanwhile,
            )
        )  # fmt: skip

    def revoked(self, *numbers: int) -> list[str]:
        """Requests of as many people, whose keys were issued and are to be removed."""
        references = [self.system.issued(number) for number in numbers]
        self.system.send_mails()
        for reference in references:
            self.revoke(reference)
        return references

    def revoke(self, reference: str) -> None:
        self.system.accept(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), "opérateur")

    def call(self, reference: str) -> Any:
        """The row of its call; None without one."""
        with self.system.database.read() as connection:
            return connection.execute(select(CALL).where(CALL.c.reference == reference)).one_or_none()

    def later(self, **wait: float) -> None:
        self.system.clock.advance(**wait)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=2 * self.oda.settings().timeout_seconds + 61)
