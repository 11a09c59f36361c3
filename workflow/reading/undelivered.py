"""The codes that did not arrive (R58), as a condition on requests: the same verdict as ``notifications.fates``."""

from typing import Final

from sqlalchemy import and_, exists, func, select

from notifications.tables import MAILS
from notifications.vocabulary import CODE_KINDS, Stage
from states.vocabulary import State
from workflow.rows import REQUEST

UNDELIVERED: Final = (Stage.CANCELLED, Stage.DEAD, Stage.DISCARDED)
"""The stages in which a code's mail has not arrived and will not by itself."""

_LATER = MAILS.alias("later_mail")
_CODES = [kind.value for kind in CODE_KINDS]
_LOST = select(MAILS.c.reference).where(
    MAILS.c.stage.in_([stage.value for stage in UNDELIVERED]),
    MAILS.c.kind.in_(_CODES),
    MAILS.c.reference.is_not(None),  # else NOT IN would be true of nothing
    ~exists().where(_LATER.c.reference == MAILS.c.reference, _LATER.c.kind.in_(_CODES), _LATER.c.id > MAILS.c.id),
)

UNDELIVERABLE: Final = and_(
    func.coalesce(REQUEST.c.state, "") == State.CODE_ISSUED.value,  # hides the state's index: it would be begun with
    REQUEST.c.handed_on.is_(None),
    REQUEST.c.extends.is_(None),
    REQUEST.c.reference.in_(_LOST),
)
"""Found from the few lost mails, not from the many requests."""
