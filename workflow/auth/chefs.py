"""Who is chef of an establishment: the last one known, and the one who says to succeed him (R37)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from notifications.sql import batches
from states.validation import chef_key
from workflow.database.tables import ESTABLISHMENT, REQUEST

_OF_REQUESTS: Final = (
    select(REQUEST.c.chef_name)
    .where(REQUEST.c.uai == ESTABLISHMENT.c.uai, REQUEST.c.chef_name != "")
    .order_by(REQUEST.c.changed_at.desc())
    .limit(1)
    .scalar_subquery()
)

_KNOWN: Final = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.chef_name, _OF_REQUESTS.label("of_requests")).where(
    ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True))
)


_NAMED: Final = (
    select(REQUEST.c.uai, REQUEST.c.chef_name)
    .where(REQUEST.c.uai.in_(bindparam("uais", expanding=True)), REQUEST.c.chef_name != "")
    .distinct()
)


@dataclass(frozen=True, slots=True)
class KnownChefs:
    """The chefs of an establishment that its requests and its sign-ins name, by their keys (R37).

    ``in_force`` is the last one known, empty when nobody is.
    """

    in_force: str = ""
    former: frozenset[str] = frozenset()


def known_chefs(connection: Connection, uais: Sequence[str]) -> dict[str, KnownChefs]:
    """The chefs known of these establishments, each of which is there."""
    last = dict.fromkeys(uais, "")
    all_keys: dict[str, set[str]] = {uai: set() for uai in uais}
    for batch in batches(uais):
        for row in connection.execute(_KNOWN, {"uais": batch}):
            last[row.uai] = chef_key(row.chef_name or row.of_requests or "")
        for uai, name in connection.execute(_NAMED, {"uais": batch}):
            all_keys[uai].add(chef_key(name))
    return {uai: KnownChefs(last[uai], frozenset(all_keys[uai] - {last[uai]})) for uai in uais}


def known_chef_name(connection: Connection, uai: str) -> str | None:
    """Return the last chef known of an open establishment; None for none, or one of which nobody is known."""
    query = _KNOWN.where(ESTABLISHMENT.c.is_open)
    row = connection.execute(query, {"uais": [uai]}).one_or_none()
    return (row.chef_name or row.of_requests or None) if row else None


def find_former_chefs(connection: Connection, uais: Sequence[str], name: str) -> tuple[str, ...]:
    """The last chefs known of these establishments who are not the one of this name, however it is written."""
    names = [row.chef_name or row.of_requests or "" for row in connection.execute(_KNOWN, {"uais": list(uais)})]
    others = {chef_key(known): known for known in names if known and chef_key(known) != chef_key(name)}
    return tuple(sorted(others.values()))


def remember_chef(connection: Connection, uais: Sequence[str], name: str, *, is_new: bool) -> None:
    """Keep this chef as the last one known: the first of all, or who says to be the new one."""
    of_session = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(list(uais)))
    rows = connection.execute(_KNOWN, {"uais": list(uais)}).all()
    unknown = [row.uai for row in rows if not (row.chef_name or row.of_requests)]
    chosen = list(uais) if is_new else unknown
    if chosen:
        connection.execute(of_session.where(ESTABLISHMENT.c.uai.in_(chosen)).values(chef_name=name))
