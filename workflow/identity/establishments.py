"""The establishments that an identity names, by their UAI or their SIRET (R103)."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, and_, bindparam, or_, select

from workflow.database.tables import ESTABLISHMENT as E
from workflow.identity.claims import KnownEstablishment

_NAMED: Final = (
    select(E.c.uai, E.c.siret, E.c.is_open)
    .where(
        or_(
            E.c.uai.in_(bindparam("uais", expanding=True)),
            and_(E.c.siret != "", E.c.siret.in_(bindparam("sirets", expanding=True))),
        )
    )
    .order_by(E.c.uai)
)


def find_named(connection: Connection, uais: Collection[str], sirets: Collection[str]) -> list[KnownEstablishment]:
    """The establishments of the directory that bear one of these UAI, or one of these SIRET; open or not."""
    rows = connection.execute(_NAMED, {"uais": list(uais), "sirets": list(sirets)})
    return [KnownEstablishment(row.uai, row.siret, row.is_open) for row in rows]
