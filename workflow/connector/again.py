"""What the ODA server refused is asked anew: by an operator, in the journal (R8, R84)."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from states.actors import Actor
from states.case import Scalar
from states.vocabulary import Role
from workflow import installation
from workflow.connector import calls
from workflow.engine import Engine
from workflow.people import NotAllowed


def ask_again(engine: Engine, actor: Actor, references: Collection[str] | None) -> list[str]:
    """Have these calls made anew, or all that were given back to the operators when None; returns the references of
    those concerned. Asked twice, it is done once. Raises NotAllowed to who is no operator."""
    if actor.role is not Role.OPERATOR:
        raise NotAllowed("Seul un opérateur redemande un retrait au serveur ODA (R2, R84).")

    def work(connection: Connection, now: datetime) -> list[str]:
        asked = calls.again(connection, references, now)
        if asked:
            data: dict[str, Scalar] = {"calls": len(asked), "references": " ".join(asked)}
            installation.record(connection, engine.notary, "removals_asked_again", actor, now, data)
        return asked

    return engine.committed(work)
