"""A chef or a deputy, known by name alone, no address being kept: where the name stands, what of it may go (R111)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, delete, false, select, update

from notifications.sql import batches
from states.validation import chef_key, clean
from workflow.database.access_tables import BINDING, SESSIONS, SUBSTITUTION
from workflow.database.journal_tables import ACTOR
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.retention.erasure import (
    ERASED_TEXT,
    Counts,
    Limits,
    find_mentions,
    forget_actors,
    forget_chefs,
    forgettable_actors,
    written_names,
)

_ROLES: Final = ("chef", "deputy")

_SIDES: Final = (("giver", "giver_name"), ("substitute", "substitute_name"))


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedPlace:
    """One thing that bears the name; ``stays``: why it is not erased, in French, empty when it may go."""

    what: str
    stays: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChefNamePlan:
    """Where a name stands, what erasing it would take, and what it would leave. ``uai``: of one establishment only.

    ``uais``: the establishments in which something of the name goes; ``mentions``: requests whose texts bear it.
    """

    name: str
    uai: str
    places: tuple[NamedPlace, ...]
    counts: Counts
    mentions: tuple[str, ...]
    uais: tuple[str, ...]

    @property
    def is_unknown(self) -> bool:
        return not (self.places or self.mentions)

    @property
    def changes(self) -> bool:
        """True when something of it goes."""
        return any(not place.stays for place in self.places)

    @property
    def numbers(self) -> dict[str, int]:
        """How much was told: what the journal keeps of the answer."""
        return {"places": len(self.places), "mentions": len(self.mentions)}


@dataclass(kw_only=True, slots=True)
class _Erasable:
    """What of a name may go, by the key of its row, with its establishments."""

    establishments: list[str] = field(default_factory=list)
    actors: list[int] = field(default_factory=list)
    sides: list[tuple[int, str]] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    uais: set[str] = field(default_factory=set)

    @property
    def counts(self) -> Counts:
        return Counts(chefs=len(self.establishments), actors=len(self.actors), substitutions=len(self.sides))


def plan_chef_name(
    connection: Connection, name: str, uai: str, limits: Limits, members: Collection[str]
) -> ChefNamePlan:  # fmt: skip
    """Return where this name stands, however it is written; nothing is written. ``members``: of the settings."""
    erasable = _Erasable()
    places = tuple(_places(connection, chef_key(name), uai, limits, members, erasable))
    return ChefNamePlan(
        name=clean(name), uai=uai, places=places, counts=erasable.counts, uais=tuple(sorted(erasable.uais)),
        mentions=find_mentions(connection, names_of_chef(name), ()),
    )  # fmt: skip


def erase_chef_name(
    connection: Connection, key: str, uai: str, limits: Limits, members: Collection[str]
) -> Counts | None:  # fmt: skip
    """Erase what may go of the name of this ``chef_key``; None when nothing is left."""
    erasable = _Erasable()
    tuple(_places(connection, key, uai, limits, members, erasable))
    forget_chefs(connection, erasable.establishments)
    forget_actors(connection, erasable.actors)
    for number, column in erasable.sides:
        this = update(SUBSTITUTION).where(SUBSTITUTION.c.number == number)
        connection.execute(this.values({column: ERASED_TEXT}))
    for digests in batches(erasable.sessions):
        connection.execute(delete(SESSIONS).where(SESSIONS.c.digest.in_(digests)))
    return erasable.counts if erasable.counts.data else None


def names_of_chef(name: str) -> frozenset[str]:
    """Return how a text may bear the name of a chef: its words in their order, or the last one first."""
    words = clean(name).split()
    return written_names(" ".join(words[:-1]), words[-1]) if words else frozenset()


def known_chef_keys(connection: Connection) -> set[tuple[str, str]]:
    """The names that stand here, each with its establishment: whose erasure may have to be done again."""
    known = {
        (row.uai, chef_key(row.chef_name))
        for row in connection.execute(
            select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.chef_name).where(ESTABLISHMENT.c.chef_name != "")
        )
    }
    for row in connection.execute(select(SUBSTITUTION)):
        known |= {(getattr(row, place), chef_key(getattr(row, name))) for place, name in _SIDES if getattr(row, name)}
    for _, uais, keys in _actors(connection):
        known |= {(uai, key) for uai in uais for key in keys}
    return known


def _places(
    connection: Connection, key: str, uai: str, limits: Limits, members: Collection[str], erasable: _Erasable
) -> Iterator[NamedPlace]:  # fmt: skip
    """Yield each place of the name, and put what may go into ``erasable``."""
    with_requests: set[str] = set()
    for row in _named(connection, REQUEST, "uai", "chef_name", key, uai):
        if row.erased_at is None:
            with_requests.add(row.uai)
            is_over = row.state == "revoked"
            why = "part avec la demande, à sa date (R110)" if is_over else "la demande est en cours : qui l'a déclarée"
            yield NamedPlace(what=f"Demande {row.reference}", stays=why)
    for row in _named(connection, ESTABLISHMENT, "uai", "chef_name", key, uai):
        what = f"Chef connu de l'établissement {row.uai}"
        if row.uai in with_requests:
            yield NamedPlace(what=what, stays="une demande gardée de cet établissement le nomme")
        else:
            erasable.establishments.append(row.uai)
            erasable.uais.add(row.uai)
            yield NamedPlace(what=what)
    for place, column in _SIDES:
        for row in _named(connection, SUBSTITUTION, place, column, key, uai):
            what = f"Suppléance n° {row.number}"
            if row.ended_at is None:
                why = f"elle n'est pas finie : y mettre fin d'abord (oda substitution end {row.number})"
                yield NamedPlace(what=what, stays=why)
            else:
                erasable.sides.append((row.number, column))
                erasable.uais.add(getattr(row, place))
                yield NamedPlace(what=what)
    for row in _named(connection, BINDING, "uai", "name", key, uai):
        why = f"une identité y est liée : y mettre fin d'abord (oda binding end {row.number})"
        yield NamedPlace(what=f"Liaison n° {row.number} à l'établissement {row.uai}", stays=why)
    for row in connection.execute(select(SESSIONS).where(SESSIONS.c.role.in_(_ROLES), SESSIONS.c.name != "")):
        if chef_key(row.name) == key and (not uai or uai in row.subject.split(",")):
            erasable.sessions.append(row.digest)
            erasable.uais.update(row.subject.split(","))
            yield NamedPlace(what=f"Connexion ouverte pour {row.subject}")
    forgettable = set(forgettable_actors(connection, limits, false(), members))
    for number, uais, keys in _actors(connection):
        if key in keys and (not uai or uai in uais):
            what = f"Acteur n° {number} du journal ({', '.join(uais)})"
            if number in forgettable:
                erasable.actors.append(number)
                erasable.uais.update(uais)
                yield NamedPlace(what=what)
            else:
                yield NamedPlace(what=what, stays="une demande gardée, ou une action récente, en répond (R110)")


def _named(connection: Connection, table: Any, place: str, column: str, key: str, uai: str) -> Iterator[Any]:
    """Yield the rows of a table of which this column bears the name; those of one establishment, if it is given."""
    query = select(table).where(table.c[column] != "")
    if uai:
        query = query.where(table.c[place] == uai)
    for row in connection.execute(query, execution_options={"yield_per": 2000}):
        if chef_key(getattr(row, column)) == key:
            yield row


def _actors(connection: Connection) -> Iterator[tuple[int, list[str], set[str]]]:
    """Yield the numbers of chefs and deputies who gave a name, with their establishments and the names' keys."""
    for number, actor_key in connection.execute(select(ACTOR.c.number, ACTOR.c.key).order_by(ACTOR.c.number)):
        role, _, rest = actor_key.partition(":")
        uais, _, names = rest.partition(":")
        if role in _ROLES and names:
            yield number, uais.split(","), {chef_key(name) for name in names.split(">")}
