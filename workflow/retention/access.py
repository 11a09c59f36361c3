"""All that is kept on one person, as they may ask to be told (R111)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, func, or_, select

from notifications.outbox.tables import MAILS, is_about
from notifications.vocabulary import Kind, Stage
from states.model import Actor
from states.validation import fold_mail
from states.vocabulary import Change, CheckOutcome, RemovalOutcome, Settlement, State
from workflow.database.access_tables import FACTOR, SESSIONS, SUBSTITUTION, TOKENS
from workflow.database.file_tables import EVIDENCE_ENTRY, ListKind
from workflow.database.journal_tables import ACTOR, EVENT, SECURITY_ADDRESSES
from workflow.database.tables import PRIVATE_NOTE, REMOVAL, REPORT, REQUEST
from workflow.requests.detail import load_history
from workflow.retention.person import in_lists, plan_person

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
        """How much of each kind: what the journal keeps of the answer."""
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
        list_rows=tuple(_entries(connection, folded)),
        access=tuple(_access(connection, folded)),
        acts=tuple(_acts(connection, folded)),
        mentions=plan.mentions,
    )  # fmt: skip


def _facts(row: Any, labels: Mapping[str, str]) -> tuple[Fact, ...]:
    values = ((label, getattr(row, name)) for name, label in labels.items())
    return tuple((label, value) for label, value in values if value not in (None, ""))


def _request(connection: Connection, row: Any, reader: Actor) -> KeptItem:
    facts = [("état", State.of(row.state).label), *_facts(row, _OF_REQUEST)]
    for name, label in (("listing", "liste des RUPN"), ("delegation", "délégation")):
        if outcome := getattr(row, f"{name}_outcome"):
            facts.append((f"vérification, {label}", CheckOutcome.of(outcome).label))
    removal = connection.execute(select(REMOVAL).where(REMOVAL.c.reference == row.reference)).one_or_none()
    if removal is not None:
        facts.append(("retrait", RemovalOutcome.of(removal.outcome).label if removal.outcome else "à confirmer"))
    reports = select(REPORT).where(REPORT.c.reference == row.reference).order_by(REPORT.c.number)
    for report in connection.execute(reports):
        told = Settlement.of(report.settlement).label if report.settlement else "à régler"
        facts.append((f"signalement n° {report.number}", f"{Change.of(report.change).label} : {told}"))
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
            title=f"Courriel n° {row.id}, {Kind.of(row.kind).label}",
            facts=tuple(
                (label, value)
                for label, value in (
                    ("demande", row.reference), ("à", row.recipient), ("étape", Stage.of(row.stage).label),
                    ("écrit le", row.created_at), ("parti le", row.sent_at), ("effacé le", row.erased_at),
                    ("objet", row.subject),
                )
                if value
            ),
            texts=() if row.erased_at else (row.body or row.context,),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _entries(connection: Connection, folded: str) -> list[KeptItem]:
    query = select(EVIDENCE_ENTRY).where(in_lists(folded)).order_by(EVIDENCE_ENTRY.c.kind, EVIDENCE_ENTRY.c.id)
    return [
        KeptItem(title=f"{ListKind.of(row.kind).label}, ligne {row.line}", facts=_facts(row, _OF_ENTRY))
        for row in connection.execute(query)
    ]


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
    theirs = or_(SUBSTITUTION.c.giver == folded, SUBSTITUTION.c.substitute == folded)
    of_substitution = {"giver": "de", "substitute": "par", "first_day": "du", "last_day": "au", "ended_at": "finie le"}
    items += [
        KeptItem(title="Suppléance", facts=_facts(row, of_substitution))
        for row in connection.execute(select(SUBSTITUTION).where(theirs).order_by(SUBSTITUTION.c.number))
    ]
    items += [KeptItem(title="Connexion", facts=_facts(row, labels)) for row in connection.execute(sessions)]
    tokens = select(TOKENS).where(func.lower(TOKENS.c.subject) == folded).order_by(TOKENS.c.id)
    labels = {"label": "nom", "created_at": "fait le", "expires_at": "expire le", "revoked_at": "révoqué le",
              "seen_at": "dernier usage le"}  # fmt: skip
    return items + [
        KeptItem(title=f"Jeton n° {row.id}", facts=_facts(row, labels)) for row in connection.execute(tokens)
    ]


def _origins(connection: Connection, number: int) -> list[str]:
    """From where they acted, as far as it is kept (R108)."""
    of_actor = and_(EVENT.c.stream == SECURITY_ADDRESSES.c.stream, EVENT.c.seq == SECURITY_ADDRESSES.c.seq)
    columns = (SECURITY_ADDRESSES.c.at, SECURITY_ADDRESSES.c.network, SECURITY_ADDRESSES.c.browser)
    query = select(*columns).join(EVENT, of_actor).where(EVENT.c.actor == number).order_by(SECURITY_ADDRESSES.c.at)
    return [
        f"{row.at:%Y-%m-%d %H:%M} UTC, réseau {row.network}{f', {row.browser}' if row.browser else ''}"
        for row in connection.execute(query)
    ]


def _acts(connection: Connection, folded: str) -> list[KeptItem]:
    """The person's acts at the rectorat, in numbers: the history of each request has the rest."""
    keys = [f"operator:{folded}", f"reader:{folded}"]
    theirs = or_(SUBSTITUTION.c.giver == folded, SUBSTITUTION.c.substitute == folded)
    as_substitute = select(SUBSTITUTION.c.actor).where(theirs, SUBSTITUTION.c.actor.is_not(None))
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
            title=f"Acteur n° {number} du journal", texts=tuple(_origins(connection, number)),
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
