"""A code read on the portal: given once, from the transaction that erases it and writes that it was read (R112).

The code is read before anything is written, and handed to its reader after all of it is committed. A process that
stops in between gives it to nobody: then it is lost, and a new one is asked for; it is never there to be read twice.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from notifications.encryption import seals
from notifications.encryption.sealer import CodeUnreadable
from notifications.mailer import Mailer
from notifications.ports import crash_point
from states.commands import Code, OpenCode
from states.decision import Refused
from states.model import Actor
from states.refusals import Reason
from workflow.engine.engine import Engine

_UNREADABLE: Final = Reason(
    "code_unreadable", "R71", "Le code ne peut pas être déchiffré",
    "Prévenir le rectorat, qui en fera un nouveau ; rien n'est effacé.",
)  # fmt: skip


def open_code(engine: Engine, mailer: Mailer, command: OpenCode, actor: Actor) -> Code | Refused:
    """Give the code of a request, which is erased, or say why not; of two who ask at once, one has it (R9).

    Raises DatabaseBusy, DatabaseUnreachable, CodeLeaving.
    """
    opened = engine.in_transaction(_opening(engine, mailer, command, actor))
    crash_point("codes.opened")
    return opened


def _opening(
    engine: Engine, mailer: Mailer, command: OpenCode, actor: Actor
) -> Callable[[Connection, datetime], Code | Refused]:
    def work(connection: Connection, now: datetime) -> Code | Refused:
        try:
            codes = seals.codes_of(connection, mailer.sealer, [command.reference])
        except CodeUnreadable:
            return Refused((_UNREADABLE,))
        (result,) = engine.run(connection, [command], actor, now)
        if isinstance(result, Refused):
            return result
        return Code(clear=codes[command.reference])

    return work
