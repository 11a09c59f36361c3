"""One person, by an address or, for a chef, by a name alone: all that is kept, what may go at their request (R111).

They may ask to be told the former. What stays of the latter is told with the reason.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, literal, or_, select, update

from notifications.outbox.store import MAILS, is_about
from notifications.sql import BATCH_SIZE, batches
from notifications.vocabulary import Kind, Stage
from states.model import Actor
from states.validation import chef_key, clean, fold, fold_mail
from states.vocabulary import Change, CheckOutcome, RemovalOutcome, Role, Settlement, State
from workflow.database.access_tables import BINDING, FACTOR, SESSIONS, SUBSTITUTION, TOKENS
from workflow.database.file_tables import EVIDENCE_ENTRY, EVIDENCE_IMPORT, ListKind
from workflow.database.journal_tables import ACTOR, EVENT, SECURITY_ADDRESSES
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, PRIVATE_NOTE, REMOVAL, REPORT, REQUEST
from workflow.requests.detail import load_history
from workflow.retention.erasure import (
    ERASED_TEXT,
    Counts,
    Limits,
    count_requests,
    count_rows,
    erase_mails,
    erase_requests,
    erase_tokens,
    find_mentions,
    forget_actors,
    forget_chefs,
    forgettable_actors,
    written_names,
)

_HAS_ENDED: Final = SUBSTITUTION.c.ended_at.is_not(None)

_CHEF_ROLES: Final = ("chef", "deputy")

_SUBSTITUTION_SIDES: Final = (("giver", "giver_name"), ("substitute", "substitute_name"))

Fact = tuple[str, object]
"""A label in French, and what is kept under it."""

_OF_REQUEST: Final = {
    "uai": "établissement", "school_year": "année scolaire", "nom": "nom", "prenom": "prénom", "mail": "adresse",
    "created_at": "déclarée le", "changed_at": "dernière action le", "chef_name": "chef d'établissement",
    "drane_declared_on": "déclaré à la DRANE le", "drane_sent_on": "transmis à la DRANE le",
    "delegation_why": "raison de la délégation", "delegated_on": "délégué le", "charter_signed_on": "charte signée le",
    "charter_version": "version de la charte", "listing_source": "source de la vérification de la liste",
    "listing_checked_on": "liste vérifiée le", "delegation_source": "source de la vérification de la délégation",
    "delegation_checked_on": "délégation vérifiée le", "code_issued_at": "code émis, ou clé étendue, le",
    "handed_on": "code remis le", "expires_on": "expiration de la clé le", "last_actor": "dernière action par",
}  # fmt: skip

_OF_ENTRY: Final = {
    "uai": "établissement", "nom": "nom", "prenom": "prénom", "usage_name": "nom d'usage", "mail": "adresse",
    "other_mails": "autres adresses", "application": "application", "author": "délégué par", "begins": "du",
    "ends": "au", "recorded_on": "déclaré ou délégué le",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonPlan:
    """The effects of erasing a person. ``live``: requests that forbid it; ``awaited``: those that stay until their
    removal is confirmed; ``mentions``: other requests whose texts name the person.

    ``substitutions``: the numbers of those not ended, which forbid it too; ``acts``: how many numbers of the journal
    name the person still, which time takes away (R110). ``role`` is what the settings make of the address, empty for
    nobody of the rectorat.
    """

    mail: str
    live: tuple[str, ...]
    awaited: tuple[str, ...]
    requests: tuple[str, ...]
    mentions: tuple[str, ...]
    counts: Counts
    substitutions: tuple[int, ...] = ()
    acts: int = 0
    role: str = ""

    @property
    def is_refused(self) -> bool:
        return bool(self.live or self.substitutions or self.role)

    @property
    def changes(self) -> bool:
        """True when something goes, or is to go later."""
        return not self.is_unknown

    @property
    def is_unknown(self) -> bool:
        """True when nothing is kept of the person."""
        stays = (self.live, self.awaited, self.mentions, self.substitutions, self.acts, self.role)
        return not (any(stays) or self.counts.data)


def plan_person(connection: Connection, mail: str, role: str = "", own_key: str = "") -> PersonPlan:
    """Say what would go and what would stay; nothing is written. ``own_key``: of the person among the actors (R113)."""
    folded = fold_mail(mail)
    rows = connection.execute(
        select(REQUEST.c.reference, REQUEST.c.state, _is_awaited().label("is_awaited"))
        .where(REQUEST.c.folded_mail == folded)
        .order_by(REQUEST.c.reference)
    ).all()
    live = tuple(row.reference for row in rows if row.state != "revoked")
    awaited = tuple(row.reference for row in rows if row.state == "revoked" and row.is_awaited)
    requests = tuple(row.reference for row in rows if row.state == "revoked" and not row.is_awaited)
    of_requests = count_requests(connection, may_go(folded))
    counts = of_requests + Counts(
        mails=count_rows(connection, MAILS, _mails_to(folded, requests)),
        list_rows=0 if live else count_rows(connection, EVIDENCE_ENTRY, in_lists(folded)),
        tokens=count_rows(connection, TOKENS, _spent_tokens(folded)),
        actors=0 if live or awaited else count_rows(connection, ACTOR, ACTOR.c.key == own_key),
        substitutions=count_rows(connection, SUBSTITUTION, and_(_substitutions_of(folded), _HAS_ENDED)),
    )
    unended = select(SUBSTITUTION.c.number).where(_substitutions_of(folded), ~_HAS_ENDED)
    return PersonPlan(
        mail=folded, live=live, awaited=awaited, requests=requests, counts=counts, role=role,
        mentions=find_mentions(connection, names_of_person(connection, folded), {*live, *awaited, *requests}),
        substitutions=tuple(connection.execute(unended.order_by(SUBSTITUTION.c.number)).scalars()),
        acts=count_rows(connection, ACTOR, _acts_of(folded)),
    )  # fmt: skip


def may_go(folded: str, until: datetime | None = None) -> ColumnElement[bool]:
    """The requests of this person that may be erased: revoked, nothing left to remove; declared ``until`` then."""
    same = and_(
        REQUEST.c.folded_mail == folded, REQUEST.c.state == "revoked", REQUEST.c.erased_at.is_(None), ~_is_awaited()
    )
    return same if until is None else and_(same, REQUEST.c.created_at < until)


def in_lists(folded: str, until: datetime | None = None) -> ColumnElement[bool]:
    """The rows of the two lists that bear this address; those of the imports ``until`` then."""
    among = (literal(" ") + EVIDENCE_ENTRY.c.other_mails + " ").contains(f" {folded} ", autoescape=True)
    same = or_(EVIDENCE_ENTRY.c.folded_mail == folded, among)
    if until is None:
        return same
    before = select(EVIDENCE_IMPORT.c.number).where(EVIDENCE_IMPORT.c.imported_at < until)
    return and_(same, EVIDENCE_ENTRY.c.last_import.in_(before))


def erase_person(
    connection: Connection, folded: str, own_key: str, now: datetime, until: datetime | None = None
) -> Counts | None:  # fmt: skip
    """Erase a batch of what may go of a person; None when nothing is left.

    ``own_key``: of the person among the actors, forgotten with their last request (R113). ``until``: only what was
    there at that instant, for a restored database: who comes back later is somebody anew.
    """
    counts = erase_requests(connection, may_go(folded, until), now)
    if counts is not None:
        return counts
    is_live = connection.execute(select(REQUEST.c.reference).where(REQUEST.c.folded_mail == folded, IS_LIVE)).first()
    remains = connection.execute(select(REQUEST.c.reference).where(REQUEST.c.folded_mail == folded)).first()
    own = connection.execute(select(ACTOR.c.number).where(ACTOR.c.key == own_key)).scalars().all()
    mails = _mails_to(folded, ()) if until is None else and_(_mails_to(folded, ()), MAILS.c.created_at < until)
    ids = select(EVIDENCE_ENTRY.c.id).where(in_lists(folded, until)).limit(BATCH_SIZE)
    if until is None:
        connection.execute(delete(SESSIONS).where(func.lower(SESSIONS.c.subject) == folded))
    # Of the substitutions that have ended, the other side, and the four eyes (R6), stay.
    theirs = select(SUBSTITUTION.c.number).where(_substitutions_of(folded), _HAS_ENDED)
    numbers = connection.execute(theirs).scalars().all()
    for column in (SUBSTITUTION.c.giver, SUBSTITUTION.c.substitute):
        of_side = update(SUBSTITUTION).where(SUBSTITUTION.c.number.in_(numbers), column == folded)
        connection.execute(of_side.values({column: ERASED_TEXT}))
    rest = Counts(
        mails=erase_mails(connection, mails, now),
        list_rows=0 if is_live else connection.execute(
            delete(EVIDENCE_ENTRY).where(EVIDENCE_ENTRY.c.id.in_(ids))
        ).rowcount,
        tokens=erase_tokens(connection, _spent_tokens(folded)),
        actors=0 if remains else forget_actors(connection, own),
        substitutions=len(numbers),
    )  # fmt: skip
    return rest if rest.data else None


def known_addresses(connection: Connection) -> set[str]:
    """The folded addresses of people who may have to be erased again: of requests that ended, lists, mails and
    substitutions."""
    of_requests = select(REQUEST.c.folded_mail).where(REQUEST.c.state == "revoked", REQUEST.c.erased_at.is_(None))
    of_mails = select(func.lower(MAILS.c.recipient)).where(MAILS.c.erased_at.is_(None))
    of_substitutions = (
        select(column).where(_HAS_ENDED, SUBSTITUTION.c.role == Role.OPERATOR.value, column != ERASED_TEXT)
        for column in (SUBSTITUTION.c.giver, SUBSTITUTION.c.substitute)
    )
    rows = connection.execute(of_requests.union(select(EVIDENCE_ENTRY.c.folded_mail), of_mails, *of_substitutions))
    return {address for address in rows.scalars() if address}


def names_of_person(connection: Connection, folded: str) -> frozenset[str]:
    """Return how a text may name the person: their address, and the names that their requests bear."""
    named = select(REQUEST.c.prenom, REQUEST.c.nom).where(
        REQUEST.c.folded_mail == folded, REQUEST.c.erased_at.is_(None)
    )
    names = (written_names(row.prenom, row.nom) for row in connection.execute(named))
    return frozenset((fold(folded),)).union(*names)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedPlace:
    """One thing that bears the name; ``stays``: why it is not erased, in French, empty when it may go."""

    what: str
    stays: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChefNamePlan:
    """The places where a name stands, what erasing it would take, and what it would leave.

    ``uai``: of one establishment only. ``uais``: the establishments in which something of the name goes; ``mentions``:
    requests whose texts bear it.
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
        """The counts of what was told, which the journal keeps of the answer."""
        return {"places": len(self.places), "mentions": len(self.mentions)}


@dataclass(kw_only=True, slots=True)
class _Erasable:
    """The rows of a name that may go, by their keys, with their establishments."""

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
    places = tuple(_places_of_chef(connection, chef_key(name), uai, limits, members, erasable))
    return ChefNamePlan(
        name=clean(name), uai=uai, places=places, counts=erasable.counts, uais=tuple(sorted(erasable.uais)),
        mentions=find_mentions(connection, names_of_chef(name), ()),
    )  # fmt: skip


def erase_chef_name(
    connection: Connection, key: str, uai: str, limits: Limits, members: Collection[str]
) -> Counts | None:  # fmt: skip
    """Erase what may go of the name of this ``chef_key``; None when nothing is left."""
    erasable = _Erasable()
    tuple(_places_of_chef(connection, key, uai, limits, members, erasable))
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
        known |= {
            (getattr(row, place), chef_key(getattr(row, name)))
            for place, name in _SUBSTITUTION_SIDES
            if getattr(row, name)
        }
    for _, uais, keys in _chef_actors(connection):
        known |= {(uai, key) for uai in uais for key in keys}
    return known


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptItem:
    """One thing that is kept: what it is, its facts, and the texts beside it."""

    title: str
    facts: tuple[Fact, ...]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonFile:
    """All that is kept on an address's person, by kind; ``mentions``: other requests whose texts name the person."""

    mail: str
    role: str
    requests: tuple[KeptItem, ...]
    mails: tuple[KeptItem, ...]
    list_rows: tuple[KeptItem, ...]
    access: tuple[KeptItem, ...]
    acts: tuple[KeptItem, ...]
    mentions: tuple[str, ...]

    @property
    def numbers(self) -> dict[str, int]:
        """The count of each kind, which the journal keeps of the answer."""
        kinds = ("requests", "mails", "list_rows", "access", "acts", "mentions")
        return {kind: len(getattr(self, kind)) for kind in kinds}

    @property
    def is_empty(self) -> bool:
        return not any(self.numbers.values()) and not self.role


def load_person(connection: Connection, mail: str, reader: Actor, role: str = "") -> PersonFile:
    """Read everything on this person; ``reader`` is the operator who answers, ``role`` what the settings make of it."""
    folded = fold_mail(mail)
    rows = connection.execute(
        select(REQUEST).where(REQUEST.c.folded_mail == folded).order_by(REQUEST.c.reference)
    ).all()
    plan = plan_person(connection, folded, role)
    return PersonFile(
        mail=folded, role=role,
        requests=tuple(_request(connection, row, reader) for row in rows),
        mails=tuple(_mails(connection, folded, [row.reference for row in rows])),
        list_rows=tuple(
            KeptItem(title=f"{ListKind(row.kind).label}, ligne {row.line}", facts=_facts(row, _OF_ENTRY))
            for row in connection.execute(
                select(EVIDENCE_ENTRY).where(in_lists(folded)).order_by(EVIDENCE_ENTRY.c.kind, EVIDENCE_ENTRY.c.id)
            )
        ),
        access=tuple(_access(connection, folded)),
        acts=tuple(_acts(connection, folded)),
        mentions=plan.mentions,
    )  # fmt: skip


def _is_awaited() -> ColumnElement[bool]:
    to_remove = exists().where(REMOVAL.c.reference == REQUEST.c.reference, REMOVAL.c.closed_at.is_(None))
    to_settle = exists().where(REPORT.c.reference == REQUEST.c.reference, REPORT.c.settlement.is_(None))
    return or_(to_remove, to_settle)


def _mails_to(folded: str, requests: Sequence[str]) -> ColumnElement[bool]:
    """The mails that went to this address itself, but those about ``requests``, which go with them."""
    to_person = and_(
        func.lower(MAILS.c.recipient) == folded, MAILS.c.erased_at.is_(None), MAILS.c.next_attempt_at.is_(None),
        MAILS.c.lease_until.is_(None),
    )  # fmt: skip
    others = or_(MAILS.c.reference.is_(None), MAILS.c.reference.not_in(requests)) if requests else None
    return to_person if others is None else and_(to_person, others)


def _spent_tokens(folded: str) -> ColumnElement[bool]:
    return and_(func.lower(TOKENS.c.subject) == folded, TOKENS.c.revoked_at.is_not(None))


def _substitutions_of(folded: str) -> ColumnElement[bool]:
    return or_(SUBSTITUTION.c.giver == folded, SUBSTITUTION.c.substitute == folded)


def _acts_of(folded: str) -> ColumnElement[bool]:
    """The numbers of the journal that name this address: an operator's, a reader's, either side of a substitution."""
    keys = [f"{role.value}:{folded}" for role in (Role.OPERATOR, Role.READER)]
    as_substitute = ACTOR.c.key.startswith(f"operator:{folded}>", autoescape=True)
    as_substituted = and_(ACTOR.c.key.startswith("operator:"), ACTOR.c.key.endswith(f">{folded}", autoescape=True))
    return or_(ACTOR.c.key.in_(keys), as_substitute, as_substituted)


def _places_of_chef(
    connection: Connection, key: str, uai: str, limits: Limits, members: Collection[str], erasable: _Erasable
) -> Iterator[NamedPlace]:  # fmt: skip
    """Yield each place of the name, and put what may go into ``erasable``."""
    with_requests: set[str] = set()
    for row in _rows_of_chef(connection, REQUEST, "uai", "chef_name", key, uai):
        if row.erased_at is None:
            with_requests.add(row.uai)
            is_over = row.state == "revoked"
            why = "part avec la demande, à sa date (R110)" if is_over else "la demande est en cours : qui l'a déclarée"
            yield NamedPlace(what=f"Demande {row.reference}", stays=why)
    for row in _rows_of_chef(connection, ESTABLISHMENT, "uai", "chef_name", key, uai):
        subject = f"Chef connu de l'établissement {row.uai}"
        if row.uai in with_requests:
            yield NamedPlace(what=subject, stays="une demande gardée de cet établissement le nomme")
        else:
            erasable.establishments.append(row.uai)
            erasable.uais.add(row.uai)
            yield NamedPlace(what=subject)
    for place, column in _SUBSTITUTION_SIDES:
        for row in _rows_of_chef(connection, SUBSTITUTION, place, column, key, uai):
            subject = f"Suppléance n° {row.number}"
            if row.ended_at is None:
                why = f"elle n'est pas finie : y mettre fin d'abord (oda substitution end {row.number})"
                yield NamedPlace(what=subject, stays=why)
            else:
                erasable.sides.append((row.number, column))
                erasable.uais.add(getattr(row, place))
                yield NamedPlace(what=subject)
    for row in _rows_of_chef(connection, BINDING, "uai", "name", key, uai):
        why = f"une identité y est liée : y mettre fin d'abord (oda binding end {row.number})"
        yield NamedPlace(what=f"Liaison n° {row.number} à l'établissement {row.uai}", stays=why)
    for row in connection.execute(select(SESSIONS).where(SESSIONS.c.role.in_(_CHEF_ROLES), SESSIONS.c.name != "")):
        if chef_key(row.name) == key and (not uai or uai in row.subject.split(",")):
            erasable.sessions.append(row.digest)
            erasable.uais.update(row.subject.split(","))
            yield NamedPlace(what=f"Connexion ouverte pour {row.subject}")
    forgettable = set(forgettable_actors(connection, limits, members))
    for number, uais, keys in _chef_actors(connection):
        if key in keys and (not uai or uai in uais):
            subject = f"Acteur n° {number} du journal ({', '.join(uais)})"
            if number in forgettable:
                erasable.actors.append(number)
                erasable.uais.update(uais)
                yield NamedPlace(what=subject)
            else:
                yield NamedPlace(what=subject, stays="une demande gardée, ou une action récente, en répond (R110)")


def _rows_of_chef(connection: Connection, table: Any, place: str, column: str, key: str, uai: str) -> Iterator[Any]:
    """Yield the rows of a table of which this column bears the name; those of one establishment, if it is given."""
    query = select(table).where(table.c[column] != "")
    if uai:
        query = query.where(table.c[place] == uai)
    for row in connection.execute(query, execution_options={"yield_per": 2000}):
        if chef_key(getattr(row, column)) == key:
            yield row


def _chef_actors(connection: Connection) -> Iterator[tuple[int, list[str], set[str]]]:
    """Yield the numbers of chefs and deputies who gave a name, with their establishments and the names' keys."""
    for number, actor_key in connection.execute(select(ACTOR.c.number, ACTOR.c.key).order_by(ACTOR.c.number)):
        role, _, rest = actor_key.partition(":")
        uais, _, names = rest.partition(":")
        if role in _CHEF_ROLES and names:
            yield number, uais.split(","), {chef_key(name) for name in names.split(">")}


def _facts(row: Any, labels: Mapping[str, str]) -> tuple[Fact, ...]:
    values = ((label, getattr(row, name)) for name, label in labels.items())
    return tuple((label, value) for label, value in values if value not in (None, ""))


def _request(connection: Connection, row: Any, reader: Actor) -> KeptItem:
    facts = [("état", State(row.state).label), *_facts(row, _OF_REQUEST)]
    for name, label in (("listing", "liste des RUPN"), ("delegation", "délégation")):
        if outcome := getattr(row, f"{name}_outcome"):
            facts.append((f"vérification, {label}", CheckOutcome(outcome).label))
    removal = connection.execute(select(REMOVAL).where(REMOVAL.c.reference == row.reference)).one_or_none()
    if removal is not None:
        facts.append(("retrait", RemovalOutcome(removal.outcome).label if removal.outcome else "à confirmer"))
    reports = select(REPORT).where(REPORT.c.reference == row.reference).order_by(REPORT.c.number)
    for report in connection.execute(reports):
        told = Settlement(report.settlement).label if report.settlement else "à régler"
        facts.append((f"signalement n° {report.number}", f"{Change(report.change).label} : {told}"))
    texts = [
        f"événement n° {event.seq}, {event.trigger.label}, par {event.actor}, {note.label} : {note.body}"
        for event in load_history(connection, row.reference, reader)
        for note in event.notes
        if note.body is not None
    ]
    notes = select(PRIVATE_NOTE).where(PRIVATE_NOTE.c.reference == row.reference).order_by(PRIVATE_NOTE.c.number)
    texts += [f"note entre opérateurs n° {note.number} : {note.body}" for note in connection.execute(notes)]
    return KeptItem(title=f"Demande {row.reference}", facts=tuple(facts), texts=tuple(texts))


def _mails(connection: Connection, folded: str, references: Sequence[str]) -> list[KeptItem]:
    about = [is_about(reference) for reference in references]
    query = select(MAILS).where(or_(func.lower(MAILS.c.recipient) == folded, *about)).order_by(MAILS.c.id)
    return [
        KeptItem(
            title=f"Courriel n° {row.id}, {Kind(row.kind).label}",
            facts=tuple(
                (label, value)
                for label, value in (
                    ("demande", row.reference), ("à", row.recipient), ("étape", Stage(row.stage).label),
                    ("écrit le", row.created_at), ("parti le", row.sent_at), ("effacé le", row.erased_at),
                    ("objet", row.subject),
                )
                if value
            ),
            texts=() if row.erased_at else (row.body or row.context,),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _access(connection: Connection, folded: str) -> list[KeptItem]:
    """The ways in of the person: the sign-ins that are remembered, the tokens of programs."""
    sessions = select(SESSIONS).where(func.lower(SESSIONS.c.subject) == folded).order_by(SESSIONS.c.created_at)
    labels = {
        "created_at": "ouverte le",
        "seen_at": "dernière page le",
        "ended_at": "finie le",
        "browser": "navigateur",
    }
    factors = select(FACTOR).where(FACTOR.c.address == folded)
    labels_of_factor = {"begun_at": "inscrit le", "confirmed_at": "confirmé le"}
    items = [
        KeptItem(title="Second facteur", facts=_facts(row, labels_of_factor)) for row in connection.execute(factors)
    ]
    of_substitution = {"giver": "de", "substitute": "par", "first_day": "du", "last_day": "au", "ended_at": "finie le"}
    items += [
        KeptItem(title="Suppléance", facts=_facts(row, of_substitution))
        for row in connection.execute(
            select(SUBSTITUTION).where(_substitutions_of(folded)).order_by(SUBSTITUTION.c.number)
        )
    ]
    items += [KeptItem(title="Connexion", facts=_facts(row, labels)) for row in connection.execute(sessions)]
    tokens = select(TOKENS).where(func.lower(TOKENS.c.subject) == folded).order_by(TOKENS.c.id)
    labels = {"label": "nom", "created_at": "fait le", "expires_at": "expire le", "revoked_at": "révoqué le",
              "seen_at": "dernier usage le"}  # fmt: skip
    return items + [
        KeptItem(title=f"Jeton n° {row.id}", facts=_facts(row, labels)) for row in connection.execute(tokens)
    ]


def _acts(connection: Connection, folded: str) -> list[KeptItem]:
    """The person's acts at the rectorat, in numbers: the history of each request has the rest."""
    keys = [f"operator:{folded}", f"reader:{folded}"]
    as_substitute = select(SUBSTITUTION.c.actor).where(_substitutions_of(folded), SUBSTITUTION.c.actor.is_not(None))
    of_actor = and_(EVENT.c.stream == SECURITY_ADDRESSES.c.stream, EVENT.c.seq == SECURITY_ADDRESSES.c.seq)
    columns = (SECURITY_ADDRESSES.c.at, SECURITY_ADDRESSES.c.network, SECURITY_ADDRESSES.c.browser)
    origins = select(*columns).join(EVENT, of_actor).order_by(SECURITY_ADDRESSES.c.at)
    counted = (func.count(EVENT.c.seq), func.min(EVENT.c.at), func.max(EVENT.c.at))
    query = (
        select(ACTOR.c.number, ACTOR.c.label, *counted)
        .outerjoin(EVENT, EVENT.c.actor == ACTOR.c.number)
        .where(or_(ACTOR.c.key.in_(keys), ACTOR.c.number.in_(as_substitute)))
        .group_by(ACTOR.c.number, ACTOR.c.label)
        .order_by(ACTOR.c.number)
    )
    return [
        KeptItem(
            title=f"Acteur n° {number} du journal",
            texts=tuple(  # from where they acted, as far as it is kept (R108)
                f"{row.at:%Y-%m-%d %H:%M} UTC, réseau {row.network}{f', {row.browser}' if row.browser else ''}"
                for row in connection.execute(origins.where(EVENT.c.actor == number))
            ),
            facts=tuple(
                (label, value)
                for label, value in (
                    ("désignation", name), ("événements", number_of_events), ("premier", first), ("dernier", last)
                )
                if value
            ),
        )
        for number, name, number_of_events, first, last in connection.execute(query)
    ]  # fmt: skip
