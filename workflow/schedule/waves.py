"""Waves that the security journal shows: many refusals, many lists taken away, since the last digest (R80, R108)."""

import json
from collections import Counter
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from notifications.messages.facts import SecurityWaves
from workflow.auth.rate_limit import FAILED_TOKENS, FORBIDDEN, FORGED_FORMS
from workflow.database.journal_tables import EVENT
from workflow.journal.chain import INSTALLATION

MANY_TOKENS: Final = 50
"""Refused tokens from which the operators are told: a program with an old one stops at some."""

MANY_FORGED: Final = 30
"""Forms that were not ours: a page left open over a new version makes some."""

MANY_FORBIDDEN: Final = 50
"""Pages asked for in a role that has them not: a link sent to a colleague makes some."""

MANY_EXPORTS: Final = 30
"""Lists that one person took away: more than a day's work asks for."""


def security_waves(connection: Connection, since: datetime) -> SecurityWaves:
    """Return what passed its threshold since then; the others stay at 0."""
    recent = (EVENT.c.stream == INSTALLATION, EVENT.c.at > since)
    refused: Counter[str] = Counter()
    refusals = select(EVENT.c.canonical).where(*recent, EVENT.c.kind == "door_refused")
    for canonical in connection.execute(refusals).scalars():
        data = json.loads(canonical)["data"]
        refused[data["limit"]] += data["refused"]
    exports = select(func.count()).where(*recent, EVENT.c.kind == "exported").group_by(EVENT.c.actor)
    most = max(connection.execute(exports).scalars(), default=0)
    return SecurityWaves(
        tokens=_many(refused[FAILED_TOKENS.name], MANY_TOKENS), forged=_many(refused[FORGED_FORMS.name], MANY_FORGED),
        forbidden=_many(refused[FORBIDDEN.name], MANY_FORBIDDEN), exports=_many(most, MANY_EXPORTS),
    )  # fmt: skip


def _many(count: int, threshold: int) -> int:
    return count if count >= threshold else 0
