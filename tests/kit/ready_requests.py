"""Many requests that wait for their code alone, made by the engine in a few batches."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert

from states import commands as c
from states.commands import Command
from states.model import Actor
from states.vocabulary import CheckOutcome, Role
from tests.kit.portal import STAFF, Portal
from tests.kit.system import nom_of
from workflow.auth.sessions import SessionUser
from workflow.database.tables import ESTABLISHMENT
from workflow.engine.engine import Done, execute_in_batches

SCHOOLS = ("0319001A", "0319002B", "0319003C")


def ready_requests(portal: Portal, count: int) -> list[str]:
    """So many requests, in three schools of their own, checked today; returns their references."""
    references = sent_requests(portal, count)
    for check in (c.CheckListing, c.CheckDelegation):
        checks = [check(reference=ref, outcome=CheckOutcome.POSITIVE, source="liste") for ref in references]
        _done(portal, checks, portal.actor(STAFF))
    return references


def people_of(turn: int, count: int) -> list[dict[str, Any]]:
    """The people of the school of that turn: nom, prénom and address."""
    numbers = [n for n in range(1000, 1000 + count) if n % len(SCHOOLS) == turn]
    return [{"nom": nom_of(n), "prenom": "Prénom", "mail": f"rupn{n}@ac-toulouse.fr"} for n in numbers]


def sent_requests(portal: Portal, count: int) -> list[str]:
    """So many requests that wait for their checks, in three schools of their own; returns their references."""
    school = {"kind": "Collège", "commune": "Toulouse", "departement": "31", "is_open": True, "is_listed": True}
    rows = [{"uai": uai, "nom": f"Collège {uai}", "mailbox": f"ce.{uai.lower()}@ac-toulouse.fr"} for uai in SCHOOLS]
    with portal.app.database.write() as connection:
        connection.execute(insert(ESTABLISHMENT), [school | row for row in rows])
    chefs = [portal.actor(SessionUser(role=Role.CHEF, subject=uai, name="Claire Martin")) for uai in SCHOOLS]
    today = portal.app.policy.calendar.today(portal.clock.now())
    references: list[str] = []
    for turn, (uai, chef) in enumerate(zip(SCHOOLS, chefs, strict=True)):
        people = people_of(turn, count)
        own = _done(portal, [c.Declare(uai=uai, **person) for person in people], chef)
        _done(portal, [c.Delegate(reference=ref, why="accueil des familles", made_on=today) for ref in own], chef)
        version = portal.app.settings.charter.version
        signed = [c.SignCharter(reference=r, signed_on=today, version=version, copy_kept=True) for r in own]
        _done(portal, signed, chef)
        _done(portal, [c.Submit(reference=ref, **who) for ref, who in zip(own, people, strict=True)], chef)
        references += own
    return references


def _done(portal: Portal, commands: Sequence[Command], actor: Actor) -> list[str]:
    references = []
    for result in execute_in_batches(portal.app.engine, commands, actor):
        assert isinstance(result, Done), result
        references.append(result.reference)
    return references
