"""Who was renewed: somebody of a year who has a request for the next one, in the same establishment (R33, R81)."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from notifications.batches import in_batches
from states.school_year import SchoolYear
from workflow.rows import REQUEST

_NEXT = REQUEST.alias("next_request")


def renewed(year: SchoolYear) -> ColumnElement[bool]:
    """Whether a request of ``year`` has one that follows it, as a condition on requests.

    Born of it, or of the same person or the same address in the same establishment; whatever became of it since: the
    establishment has said what it wanted.
    """
    same = or_(
        _NEXT.c.renews == REQUEST.c.reference,
        _NEXT.c.person == REQUEST.c.person,
        _NEXT.c.folded_mail == REQUEST.c.folded_mail,
    )
    return exists().where(_NEXT.c.uai == REQUEST.c.uai, _NEXT.c.school_year == str(year.next), same)


def renewed_among(connection: Connection, year: SchoolYear, references: Sequence[str]) -> set[str]:
    """Those of these requests of ``year`` that are renewed."""
    found: set[str] = set()
    for some in in_batches(references):
        query = select(REQUEST.c.reference).where(REQUEST.c.reference.in_(some), renewed(year))
        found.update(connection.execute(query).scalars())
    return found
