"""What one job does to one row, whoever runs it: read it, then its event, its state and its mail in one round trip."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bench.bare import EVENT, MAIL, change, changed_by, event_of, insertion, mail_of

AT = datetime(2027, 9, 1, tzinfo=UTC)


class _Row(NamedTuple):
    """A request, as far as its end is concerned."""

    reference: str
    uai: str
    version: int
    chain_head: str
    chain_length: int
    nom: str
    prenom: str
    mail: str


REFERENCES = "SELECT reference FROM delegation_request WHERE state <> 'revoked' ORDER BY reference"
READ = f"SELECT {', '.join(_Row._fields)} FROM delegation_request WHERE reference = %s FOR UPDATE"
_STATEMENTS = (insertion("event", EVENT), change(), insertion("outgoing_mail", MAIL))


def writes(read: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The three statements that follow the row as it was read, with their values."""
    row = _Row(*read)
    event = event_of(row, AT)
    return zip(_STATEMENTS, (event, changed_by(row, event, AT), mail_of(row.uai, [row], AT)), strict=True)
