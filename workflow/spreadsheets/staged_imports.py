"""The imports read in a file, until a person confirms them (R91).

What was read waits an hour at most, encrypted, for the person who gave it; the file itself is not kept. The secret that
opens it is in the form of the page alone, so that nothing of it can be read on a disk or in a backup.
"""

import base64
import json
import zlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, select, update

from notifications.ports import Clock
from notifications.sql import upsert
from states import french
from states.model import Actor
from workflow.database.connection import Database
from workflow.database.file_tables import STAGED_IMPORTS as S
from workflow.settings.secrets import derived, digest, new_secret
from workflow.spreadsheets.columns import Choice
from workflow.spreadsheets.reader import Table, TableRow
from workflow.spreadsheets.workbook import unusable

KEPT: Final = timedelta(hours=1)

LARGEST: Final = 8_000_000
"""Bytes of what waits, compressed: some 60 MB of text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedFile:
    """A table that was read, the columns chosen by hand if some are, and what was typed beside the file, by field."""

    table: Table
    choice: Choice | None = None
    typed: dict[str, str] = field(default_factory=dict)

    def with_choice(self, choice: Choice) -> "StagedFile":
        return replace(self, choice=choice)


class StagedImports:
    """The imports that wait: at most one an actor and a kind, the newer replacing the older."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def keep(self, kind: str, actor: Actor, file: StagedFile) -> str:
        """Keep what was read; return the secret that opens it. Raises UnusableFile when it is too large to wait."""
        secret, now = new_secret(), self._clock.now()
        row = {
            "digest": digest(secret), "kind": kind, "actor": actor.number, "kept_at": now,
            "content": _sealed(secret, file),
        }  # fmt: skip
        with self._database.write() as connection:
            connection.execute(upsert(connection, S, row, ["kind", "actor"]))
        return secret

    def find(self, kind: str, actor: Actor, secret: str) -> StagedFile | None:
        """Open what waits; None when the secret is another's, when an hour has passed, when it was done or replaced."""
        query = select(S.c.content).where(
            S.c.digest == digest(secret), S.c.kind == kind, S.c.actor == actor.number,
            S.c.kept_at > self._clock.now() - KEPT,
        )  # fmt: skip
        with self._database.read() as connection:
            content = connection.execute(query).scalar_one_or_none()
        if content is None:
            return None
        try:
            kept: dict[str, Any] = json.loads(zlib.decompress(_cipher(secret).decrypt(content)))
        except InvalidToken:
            return None
        rows = tuple([TableRow(line, tuple(cells)) for line, *cells in kept["rows"]])
        facts = kept["table"] | {"other_sheets": tuple(kept["table"]["other_sheets"])}
        return StagedFile(table=Table(rows=rows, **facts), choice=kept["choice"], typed=kept["typed"])

    def replace(self, kind: str, actor: Actor, secret: str, file: StagedFile) -> None:
        """Put another content under the same secret; its hour goes on."""
        this = (S.c.digest == digest(secret), S.c.kind == kind, S.c.actor == actor.number)
        with self._database.write() as connection:
            connection.execute(update(S).where(*this).values(content=_sealed(secret, file)))

    def erase(self, kind: str, actor: Actor, secret: str) -> None:
        """Forget it: confirmed, or given up."""
        with self._database.write() as connection:
            connection.execute(
                delete(S).where(S.c.digest == digest(secret), S.c.kind == kind, S.c.actor == actor.number)
            )


def _sealed(secret: str, file: StagedFile) -> bytes:
    table = file.table
    content = json.dumps(
        {
            "rows": [[row.line, *row.cells] for row in table.rows], "choice": file.choice, "typed": file.typed,
            "table": {
                "digest": table.digest, "signs_of_cut": table.signs_of_cut, "sheet": table.sheet,
                "other_sheets": table.other_sheets,
            },
        },
        ensure_ascii=False,
    )  # fmt: skip
    compressed = zlib.compress(content.encode())
    if len(compressed) > LARGEST:
        raise unusable(
            f"le fichier a trop de choses à garder jusqu'à la confirmation (plus de {french.number(LARGEST)} octets"
            " compressés)", advice="n'exporter que ce qui concerne l'académie, ou le donner à la commande oda import",
        )  # fmt: skip
    return _cipher(secret).encrypt(compressed)


def _cipher(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(derived(secret, "staged import"))))
