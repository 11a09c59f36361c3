"""Last year's RUPN of an establishment that can be renewed for the year that is open, all at once (R33, R81)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from notifications.mailer import Mailer
from states.actors import Actor
from states.policy import Policy
from states.school_year import SchoolYear
from workflow.reading.agenda import Item, agenda
from workflow.reading.scope import within
from workflow.rows import REQUEST

MOST: Final = 200
"""How many one page offers: more RUPN than any establishment has."""


def open_year(policy: Policy, now: datetime) -> SchoolYear:
    """The year for which they are taken over: the latest that is open."""
    return policy.calendar.open_years(now)[-1]


def to_take_over(
    connection: Connection, uai: str, scope: Actor, policy: Policy, mailer: Mailer, now: datetime
) -> tuple[Item, ...]:
    """Those whom the chef's home offers to renew, by name; empty when nobody is left."""
    found: list[Item] = []
    after: str | None = None
    while True:
        page = agenda(connection, uai, scope, policy, mailer, now, after=after)
        found += [item for item in page.items if item.renewable]
        after = page.after
        if after is None or len(found) >= MOST:
            break
    return tuple(sorted(found[:MOST], key=lambda item: (item.request.nom, item.request.prenom, item.request.reference)))


def names_of(connection: Connection, references: Sequence[str], scope: Actor) -> dict[str, str]:
    """Whose these requests are, by reference; of those that the actor may see (R3)."""
    query = select(REQUEST.c.reference, REQUEST.c.prenom, REQUEST.c.nom)
    rows = connection.execute(query.where(REQUEST.c.reference.in_(references), within(scope)))
    return {row.reference: f"{row.prenom} {row.nom}" for row in rows}
