"""The erasure of requests, of mails, of who acted, and its conditions: the same for a preview (R110, R111).

A row stays where the journal or a figure needs it: only what is personal in it goes. The database's guards let exactly
that be done (``workflow.migrations.guards``). Every text of the database is said here to be about a person, with how it
goes, or not: a test holds this to the tables, and the register's entry is written from it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from notifications.outbox.store import MAIL_REQUESTS, MAILS
from notifications.sql import BATCH_SIZE, UtcDateTime, batches, update_rows
from states.school_calendar import SchoolCalendar, SchoolYear, months_before
from states.validation import fold
from states.vocabulary import Labelled
from workflow.database.access_tables import TOKENS
from workflow.database.file_tables import TRANSMISSION_LINE
from workflow.database.journal_tables import ACTOR, EVENT, NOTE
from workflow.database.tables import (
    ASSIGNMENT,
    CALL,
    ESTABLISHMENT,
    PRIVATE_NOTE,
    REMOVAL,
    REPORT,
    REQUEST,
    STAND_IN,
    WORD,
)
from workflow.engine.engine import VERSION
from workflow.journal.chain import INSTALLATION, OF_INSTALLATION, erased_identity, is_old_origin
from workflow.settings.sections import RetentionSettings

ERASED_NAME: Final = "Identité effacée"
"""The nom of an erased request, which every page, list and file shows in its place."""

ERASED_TEXT: Final = "(effacé)"

BLANK_REQUEST: Final[dict[str, Any]] = {
    "nom": ERASED_NAME, "drane": "nothing",
    **dict.fromkeys(
        ("prenom", "mail", "folded_mail", "person", "sorted_name", "chef_name", "delegation_why", "listing_source",
         "listing_seen", "delegation_source", "delegation_seen", "drane_seen", "last_actor"), "",
    ),
}  # fmt: skip
"""The values that an erased request bears instead of what was personal."""

BLANK_MAIL: Final[dict[str, Any]] = {
    "recipient": ERASED_TEXT, "subject": ERASED_TEXT, "body": ERASED_TEXT, "context": "",
    **dict.fromkeys(("html", "papers", "last_reply", "disputed"), None),
}  # fmt: skip

_REVOKED: Final[ColumnElement[str]] = literal_column("'revoked'")
"""Written out, never bound: a partial index serves only a condition that it can recognise."""

_TO_REMOVE: Final[ColumnElement[str]] = literal_column("'to_remove'")

REQUESTS_AT_ONCE: Final = 200
"""Requests erased in one transaction."""

_OF_PEOPLE: Final = ("chef", "deputy", "operator", "reader", "rupn")
"""The roles in the key of an actor that is a person: ``chef:UAI:name``, ``operator:address``, ``rupn:`` a digest."""

_NOTE_KEY: Final = (NOTE.c.stream, NOTE.c.seq, NOTE.c.field)

_ACTOR_KEYS: Final = select(ACTOR.c.number, ACTOR.c.key).order_by(ACTOR.c.number)

_STREAMED: Final = {"yield_per": 2000}

IMPERSONAL: Final[Mapping[str, frozenset[str]]] = {
    # a code of this software, a state, a number, a date in words
    "delegation_request": frozenset(
        ("reference", "uai", "school_year", "state", "charter_version", "listing_outcome", "delegation_outcome",
         "extends", "renews", "acted_on_behalf", "checks", "drane", "last_trigger", "written_by",
         "chain_head")
    ),
    "request_word": frozenset(("reference",)),
    "event": frozenset(("stream", "kind", "from_state", "to_state", "role", "canonical", "hash")),  # R64
    "event_note": frozenset(("stream", "field")),
    "private_note": frozenset(("reference",)),
    "assignment": frozenset(("reference",)),
    "removal_task": frozenset(("reference", "kind", "outcome")),
    "removal_call": frozenset(("reference", "stage")),
    "change_report": frozenset(("reference", "change", "settlement")),
    "drane_transmission_line": frozenset(("reference", "what")),
    "outgoing_mail": frozenset(("kind", "audience", "uai", "reference", "stage", "lease_token", "message_id", "fault",
                                "seal_id")),
    "mail_request": frozenset(("reference",)),
    # codes and numbers: a RUPN whom an endpoint is told of is read when the message leaves
    "webhook_delivery": frozenset(("endpoint", "webhook_id", "kind", "reference", "payload", "stage", "answer")),
    "webhook_endpoint": frozenset(("name", "gone_setting", "answer")),
    "evidence_entry": frozenset(("kind", "uai", "application")),
    "evidence_import": frozenset(("kind", "digest")),  # of a whole file
    # the open directory's data on a public establishment
    "establishment": frozenset(("uai", "nom", "kind", "commune", "departement", "mailbox", "set_mailbox", "telephone",
                                "departement_name", "nature", "chef_civility", "siret")),
    "stand_in": frozenset(("uai", "kind")),
    "access_token": frozenset(("digest", "role", "scope")),  # digests of random secrets
    "sign_in_link": frozenset(("digest", "role", "joins", "code_digest")),
    "web_session": frozenset(("digest", "role", "method", "provider", "ended_by")),
    "recovery_code": frozenset(("digest",)),
    "substitution": frozenset(("role", "ended_by")),
    "identity_binding": frozenset(("uai", "provider", "role")),
    "kept_form": frozenset(("digest", "session")),
    "delegation_claim": frozenset(("reference", "application")),
    "staged_import": frozenset(("digest", "kind")),
    "idempotency_key": frozenset(("trigger", "key", "reference")),
    "try_count": frozenset(("limit_name",)),
    "security_address": frozenset(("stream",)),
    "seal": frozenset(("id", "reference", "erased_why")),
    "relay_pause": frozenset(("fault",)),
    "code_batch": frozenset(("key", "download_key")),
    "code_batch_request": frozenset(("reference", "reason")),
    "column_choice": frozenset(("kind", "titles", "places")),
    # what the installation knows of itself, and numbers
    "installation": frozenset(("key_check", "chain_head")),
    "journal_seal": frozenset(("text", "signature")),
    "journal_seal_head": frozenset(("stream", "hash")),
    "journal_signing_key": frozenset(("public",)),
    "counter": frozenset(("school_year",)),
    "occurrence": frozenset(("key",)),
    "year_end": frozenset(("school_year", "held_why")),
    "node": frozenset(("host",)),
    "machine_counter": frozenset(("host", "boot")),
    "clock_hold": frozenset(("fault",)),
    "activation_count": frozenset(("place", "departement")),
    "daily_figure": frozenset(("school_year", "departement")),
    "handover_delay": frozenset(("school_year", "departement")),
    "figure_place": frozenset(("uai", "departement")),
    "figure_progress": frozenset(("rules",)),
}  # fmt: skip
"""The columns that say nothing of a person, by table."""


class Fate(Labelled):
    """A way in which a personal text goes; the label ends the sentence « effacé … »."""

    WITH_REQUEST = "with_request", "avec la demande"
    WITH_MAIL = "with_mail", "avec le texte du courriel, ou avec la demande"
    WITH_LIST = "with_list", "avec la ligne de la liste"
    OF_ACTOR = "of_actor", "quand ni une demande gardée ni l'installation ne connaît plus la personne"
    OF_TOKEN = "of_token", "après la fin du jeton, comme une demande"
    WITH_ROLE = "with_role", "avec le rôle de la personne, ou par elle"
    WITH_ADDRESSES = "with_addresses", "avec les adresses de réseau du journal de sécurité (`retention.addresses`)"
    BY_ITSELF = (
        "by_itself",
        "de lui-même : en heures, en jours, à la fin de l'année (rattachement), un an après (suppléance)",
    )


PERSONAL: Final[Mapping[str, Mapping[str, Fate]]] = {
    "delegation_request": dict.fromkeys(
        ("nom", "prenom", "mail", "folded_mail", "person", "sorted_name", "chef_name", "delegation_why",
         "listing_source", "listing_seen", "delegation_source", "delegation_seen", "drane_seen", "last_actor"),
        Fate.WITH_REQUEST,
    ),
    "request_word": {"word": Fate.WITH_REQUEST},
    "event_note": dict.fromkeys(("body", "nonce"), Fate.WITH_REQUEST),
    "private_note": {"body": Fate.WITH_REQUEST},
    "removal_call": dict.fromkeys(("asked", "answer"), Fate.WITH_REQUEST),
    "drane_transmission_line": {"seen": Fate.WITH_REQUEST},
    "outgoing_mail": dict.fromkeys(
        ("recipient", "context", "subject", "body", "html", "papers", "last_reply", "disputed", "dedupe_key"),
        Fate.WITH_MAIL,
    ),
    "evidence_entry": dict.fromkeys(
        ("nom", "prenom", "usage_name", "mail", "folded_mail", "other_mails", "person", "author"), Fate.WITH_LIST
    ),
    "actor": dict.fromkeys(("key", "label", "nonce"), Fate.OF_ACTOR),
    "establishment": {"chef_name": Fate.OF_ACTOR},
    "access_token": dict.fromkeys(("label", "subject"), Fate.OF_TOKEN),
    "sign_in_link": dict.fromkeys(("subject", "sent_to", "back", "browser", "browser_name", "network"), Fate.BY_ITSELF),
    "web_session": dict.fromkeys(("subject", "name", "browser", "identity", "identity_name"), Fate.BY_ITSELF),
    "identity_binding": dict.fromkeys(("identity", "name"), Fate.BY_ITSELF),
    "second_factor": dict.fromkeys(("address", "sealed_key"), Fate.WITH_ROLE),
    "recovery_code": {"address": Fate.WITH_ROLE},
    "substitution": dict.fromkeys(("giver", "giver_name", "substitute", "substitute_name"), Fate.BY_ITSELF),
    "kept_form": {"content": Fate.BY_ITSELF},
    "delegation_claim": {"seen": Fate.BY_ITSELF},
    "staged_import": {"content": Fate.BY_ITSELF},
    "idempotency_key": {"digest": Fate.BY_ITSELF},
    "try_count": dict.fromkeys(("key", "network", "browser"), Fate.BY_ITSELF),
    "security_address": dict.fromkeys(("network", "browser"), Fate.WITH_ADDRESSES),
    "seal": {"ciphertext": Fate.BY_ITSELF},
    "relay_pause": {"reply": Fate.BY_ITSELF},
}  # fmt: skip
"""The columns that say something of a person, by table."""


class Erased(Labelled):
    """The kinds of what is erased, as a preview and the journal count them."""

    REQUESTS = "requests", "identités dans des demandes"
    TEXTS = "texts", "textes libres à côté du journal"
    NOTES = "notes", "notes entre opérateurs"
    MAILS = "mails", "textes et destinataires de courriels"
    LIST_ROWS = "list_rows", "lignes des deux listes"
    ACTORS = "actors", "noms de qui a agi"
    CHEFS = "chefs", "noms de chefs d'établissement"
    TOKENS = "tokens", "porteurs de jetons éteints"
    SUBSTITUTIONS = "substitutions", "personnes dans des suppléances finies"
    ADDRESSES = "addresses", "adresses de réseau du journal de sécurité"


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """A count of each kind that is erased, or would be; the names are those of ``Erased``."""

    requests: int = 0
    texts: int = 0
    notes: int = 0
    mails: int = 0
    list_rows: int = 0
    actors: int = 0
    chefs: int = 0
    tokens: int = 0
    substitutions: int = 0
    addresses: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{kind: number + other.by_kind[kind] for kind, number in self.by_kind.items()})

    @property
    def by_kind(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def data(self) -> dict[str, int]:
        """The numbers that the journal keeps, without the zeros."""
        return {kind: number for kind, number in self.by_kind.items() if number}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The instants before which each kind goes; ``open_years``: the school years not ended, whose RUPN the DRANE is
    still to be told of (R96)."""

    requests: datetime
    lists: datetime
    mails: datetime
    addresses: datetime
    open_years: tuple[str, ...]

    @classmethod
    def on(cls, day: date, settings: RetentionSettings, calendar: SchoolCalendar) -> "Limits":
        """The limits of a whole day of the académie, whatever the hour."""

        def before(months: int) -> datetime:
            return calendar.midnight(months_before(day, months))

        years = map(SchoolYear, range(day.year - 2, day.year + 2))
        return cls(
            requests=before(settings.requests), lists=before(settings.lists), mails=before(settings.mails),
            addresses=before(settings.addresses),
            open_years=tuple(str(year) for year in years if calendar.end_of(year).last_day >= day),
        )  # fmt: skip


_INSTANTS: Final[dict[str, Any]] = {
    name: bindparam(name, type_=UtcDateTime()) for name in ("requests", "lists", "mails", "addresses")
}
_NAMED: Final = Limits(**_INSTANTS, open_years=cast("Any", bindparam("open_years", expanding=True)))
"""The limits as what a statement, built once, is to be given."""


def is_over(limits: Limits) -> ColumnElement[bool]:
    """The requests to erase: revoked, nothing left to remove, for long enough; never one whose removal is awaited."""
    confirmed = exists().where(REMOVAL.c.reference == REQUEST.c.reference, REMOVAL.c.closed_at < limits.requests)
    to_settle = exists().where(REPORT.c.reference == REQUEST.c.reference, REPORT.c.settlement.is_(None))
    nothing_to_remove = ~exists().where(REMOVAL.c.reference == REQUEST.c.reference)
    return and_(
        REQUEST.c.state == _REVOKED, REQUEST.c.erased_at.is_(None), REQUEST.c.since < limits.requests,
        or_(confirmed, nothing_to_remove), ~to_settle,
        or_(REQUEST.c.drane != _TO_REMOVE, REQUEST.c.school_year.not_in(limits.open_years)),
    )  # fmt: skip


_IS_ERASED: Final = REQUEST.c.erased_at.is_not(None)

_IS_GONE: Final = {False: _IS_ERASED, True: or_(_IS_ERASED, is_over(_NAMED))}
"""The requests that are erased; by True, as if those that are over were."""

_OF_INSTALLATION: Final = select(EVENT.c.actor).where(OF_INSTALLATION, EVENT.c.at >= _NAMED.requests)

_STAND_INS: Final = select(STAND_IN.c.operator).where(
    or_(STAND_IN.c.until.is_(None), STAND_IN.c.until >= _NAMED.requests)
)

_NEEDED_ACTORS: Final = {
    are_over_gone: select(EVENT.c.actor)
    .join(REQUEST, REQUEST.c.reference == EVENT.c.stream)
    .where(~is_gone)
    .union(_OF_INSTALLATION, _STAND_INS)
    for are_over_gone, is_gone in _IS_GONE.items()
}
"""The numbers that a request that stays has met, or the installation not long ago, for the limits given."""

_NAMED_CHEFS: Final = {
    are_over_gone: select(ESTABLISHMENT.c.uai)
    .where(ESTABLISHMENT.c.chef_name != "", ESTABLISHMENT.c.uai.not_in(select(REQUEST.c.uai).where(~is_gone)))
    .order_by(ESTABLISHMENT.c.uai)
    for are_over_gone, is_gone in _IS_GONE.items()
}
"""The establishments whose chef is still named, and that no request that stays is of."""


def due_kinds(connection: Connection, limits: Limits, members: Collection[str]) -> frozenset[str]:
    """Return the kinds of which a schedule of these limits would erase any, by their names in ``Counts``.

    ``members`` as for ``forgettable_actors``.
    """
    row = connection.execute(_ARE_DUE, asdict(limits)).one()
    due = {kind for kind, is_due in row._mapping.items() if is_due}
    if nameless_chefs(connection):
        due.add("chefs")
    if forgettable_actors(connection, limits, members):
        due.add("actors")
    return frozenset(due)


def is_awaited(before: datetime) -> ColumnElement[bool]:
    """The requests revoked before this instant whose removal nobody has confirmed: they stay, and are told."""
    still_open = exists().where(REMOVAL.c.reference == REQUEST.c.reference, REMOVAL.c.closed_at.is_(None))
    return and_(REQUEST.c.state == _REVOKED, REQUEST.c.since < before, still_open)


def count_awaited(connection: Connection, before: datetime) -> int:
    """Count them."""
    return count_rows(connection, REQUEST, is_awaited(before))


def erase_requests(connection: Connection, condition: ColumnElement[bool], now: datetime) -> Counts | None:
    """Erase a batch of the requests of this condition, with all that stands beside them; None when none is left.

    Their establishments are locked first, as for an action: an action on one of them is done before, or refused after.
    """
    chosen = select(REQUEST.c.reference, REQUEST.c.uai).where(condition).order_by(REQUEST.c.since, REQUEST.c.reference)
    candidates = connection.execute(chosen.limit(REQUESTS_AT_ONCE)).all()
    if not candidates:
        return None
    uais = sorted({row.uai for row in candidates})
    of_place = ESTABLISHMENT.c.uai.in_(uais)
    locked = select(ESTABLISHMENT.c.uai).where(of_place).order_by(ESTABLISHMENT.c.uai).with_for_update(key_share=True)
    connection.execute(locked).all()
    still = select(REQUEST.c.reference).where(condition, REQUEST.c.reference.in_([row.reference for row in candidates]))
    references = list(connection.execute(still).scalars())
    about = connection.execute(select(MAILS.c.id).where(_may_be_erased(), _about(references)))
    counts = Counts(
        requests=len(references),
        texts=_delete(connection, NOTE.c.stream.in_(references), NOTE),
        notes=_delete(connection, PRIVATE_NOTE.c.reference.in_(references), PRIVATE_NOTE),
        mails=_blank_mails(connection, about.scalars().all(), now),
    )
    for table in (WORD, ASSIGNMENT, TRANSMISSION_LINE):
        _delete(connection, table.c.reference.in_(references), table)
    connection.execute(update(CALL).where(CALL.c.reference.in_(references)).values(asked="", answer=""))
    of_them = REQUEST.c.reference.in_(references)
    connection.execute(update(REQUEST).where(of_them).values(**BLANK_REQUEST, erased_at=now, written_by=VERSION))
    return counts


def count_requests(connection: Connection, condition: ColumnElement[bool]) -> Counts:
    """Count what erasing all requests of this condition would take away."""
    references = select(REQUEST.c.reference).where(condition)
    return Counts(
        requests=count_rows(connection, REQUEST, condition),
        texts=count_rows(connection, NOTE, NOTE.c.stream.in_(references)),
        notes=count_rows(connection, PRIVATE_NOTE, PRIVATE_NOTE.c.reference.in_(references)),
        mails=count_rows(connection, MAILS, and_(_may_be_erased(), _about(references))),
    )


def is_old_mail(limits: Limits) -> ColumnElement[bool]:
    """The mails that will not leave any more, and are old enough."""
    left = func.coalesce(MAILS.c.sent_at, MAILS.c.created_at)
    return and_(_may_be_erased(), MAILS.c.created_at < limits.mails, left < limits.mails)


def count_mails(connection: Connection, limits: Limits, requests: ColumnElement[bool]) -> int:
    """The old mails but those of the requests that are erased for themselves."""
    references = select(REQUEST.c.reference).where(requests)
    return count_rows(connection, MAILS, and_(is_old_mail(limits), ~_about(references)))


def erase_mails(connection: Connection, condition: ColumnElement[bool], now: datetime) -> int:
    """Erase a batch of mails: their text, their facts, their recipient; when and how each left stays."""
    ids = select(MAILS.c.id).where(condition).order_by(MAILS.c.created_at, MAILS.c.id).limit(BATCH_SIZE)
    chosen = list(connection.execute(ids.with_for_update(skip_locked=True)).scalars())
    return _blank_mails(connection, chosen, now)


def erase_installation_texts(connection: Connection, before: datetime) -> int:
    """Erase a batch of the free texts beside the installation's own events: why a mailbox was set, a mail given up."""
    seqs = select(NOTE.c.seq).where(_is_old_text(before)).order_by(NOTE.c.seq).limit(BATCH_SIZE)
    chosen = list(connection.execute(seqs).scalars())
    return _delete(connection, and_(NOTE.c.stream == INSTALLATION, NOTE.c.seq.in_(chosen)), NOTE) if chosen else 0


def count_installation_texts(connection: Connection, before: datetime) -> int:
    """Count those that there are."""
    return count_rows(connection, NOTE, _is_old_text(before))


def forgettable_actors(
    connection: Connection, limits: Limits, members: Collection[str], *, are_over_gone: bool = False
) -> list[int]:
    """The numbers whose person no request that stays has met, nor the installation for long enough.

    ``members``: the keys of the people of the settings; ``are_over_gone``: as if those that are over were erased.
    """
    rows = connection.execute(_ACTOR_KEYS)
    known = [row.number for row in rows if row.key not in members and _names_person(row.key)]
    if not known:
        return []
    kept = set(connection.execute(_NEEDED_ACTORS[are_over_gone], asdict(limits)).scalars())
    return [number for number in known if number not in kept]


def _names_person(key: str) -> bool:
    """True of the key of an actor that names or addresses a person; not of a mailbox that has not said who it is."""
    role, _, rest = key.partition(":")
    return role in _OF_PEOPLE and not rest.endswith(":")


def forget_actors(connection: Connection, numbers: Sequence[int]) -> int:
    """Forget who stands behind these numbers, with the salt of the journal's commitment (R109); the numbers stay."""
    rows = [{"b_number": number, **erased_identity(number)} for number in numbers]
    return update_rows(connection, ACTOR, ("number",), ("key", "label", "nonce"), rows)


def nameless_chefs(
    connection: Connection, over: Limits | None = None, forgotten: Collection[int] = ()
) -> list[str]:  # fmt: skip
    """The establishments whose chef is still named, though nobody of them is known any more and no request stays.

    ``over``: as if the requests that are over by these limits were erased.
    """
    uais = list(connection.execute(_NAMED_CHEFS[over is not None], asdict(over) if over else {}).scalars())
    if not uais:
        return []
    known: set[str] = set()
    for number, key in connection.execute(_ACTOR_KEYS):
        role, _, rest = key.partition(":")
        if number not in forgotten and role in ("chef", "deputy") and _names_person(key):
            known.update(rest.partition(":")[0].split(","))
    return [uai for uai in uais if uai not in known]


def forget_chefs(connection: Connection, uais: Sequence[str]) -> int:
    """Forget the chef's name of these establishments: the next one is simply learnt (R37)."""
    still_named = (ESTABLISHMENT.c.uai.in_(uais), ESTABLISHMENT.c.chef_name != "")
    return connection.execute(update(ESTABLISHMENT).where(*still_named).values(chef_name="")).rowcount


def is_spent_token(before: datetime) -> ColumnElement[bool]:
    """The tokens that ended before this instant and still say whose they were."""
    return and_(func.coalesce(TOKENS.c.revoked_at, TOKENS.c.expires_at) < before, TOKENS.c.subject != "")


def count_tokens(connection: Connection, before: datetime) -> int:
    """Count those that there are."""
    return count_rows(connection, TOKENS, is_spent_token(before))


def erase_tokens(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Forget whose these tokens were, and what they were for; the journal knows them by their number."""
    ended = func.coalesce(TOKENS.c.revoked_at, TOKENS.c.expires_at)
    values = {"subject": "", "label": ERASED_TEXT, "revoked_at": ended}
    return connection.execute(update(TOKENS).where(condition).values(values)).rowcount


def written_names(prenom: str, nom: str) -> frozenset[str]:
    """A name as a text may bear it, folded: the prénom first, or the nom."""
    first, last = fold(prenom), fold(nom)
    return frozenset((f"{first} {last}".strip(), f"{last} {first}".strip())) - {""}


def find_mentions(connection: Connection, names: Set[str], own: Collection[str]) -> tuple[str, ...]:
    """Return the requests, but ``own``, of which a text bears one of these folded names or addresses."""
    found = {stream for stream, _, _ in _notes_with(connection, names)} | {
        reference for reference, _ in _private_notes_with(connection, names)
    }
    return tuple(sorted(found - set(own)))


def erase_mentions(connection: Connection, names: Set[str], references: Collection[str]) -> Counts:
    """Erase the texts of these requests that bear one of the names, and no other; the journal keeps their digests."""
    chosen = set(references)
    notes = [key for key in _notes_with(connection, names) if key[0] in chosen]
    private = [number for reference, number in _private_notes_with(connection, names) if reference in chosen]
    for keys in batches(notes):
        connection.execute(delete(NOTE).where(tuple_(*_NOTE_KEY).in_(keys)))
    for numbers in batches(private):
        connection.execute(delete(PRIVATE_NOTE).where(PRIVATE_NOTE.c.number.in_(numbers)))
    return Counts(texts=len(notes), notes=len(private))


def _blank_mails(connection: Connection, ids: Sequence[int], now: datetime) -> int:
    for some in batches(ids):
        of_them = MAILS.c.id.in_(some)
        connection.execute(update(MAILS).where(of_them).values(**BLANK_MAIL, erased_at=now))
        # the key of a mail to one person bears the address; its instant makes it unique for ever
        bears_address = MAILS.c.dedupe_key.contains("@", autoescape=True)
        connection.execute(update(MAILS).where(of_them, bears_address).values(dedupe_key=None))
    return len(ids)


def _may_be_erased() -> ColumnElement[bool]:
    return and_(MAILS.c.erased_at.is_(None), MAILS.c.next_attempt_at.is_(None), MAILS.c.lease_until.is_(None))


def _about(references: Any) -> ColumnElement[bool]:
    others = select(MAIL_REQUESTS.c.mail_id).where(MAIL_REQUESTS.c.reference.in_(references))
    return or_(MAILS.c.reference.in_(references), MAILS.c.id.in_(others))


def _is_old_text(before: datetime) -> ColumnElement[bool]:
    old = select(EVENT.c.seq).where(OF_INSTALLATION, EVENT.c.at < before)
    return and_(NOTE.c.stream == INSTALLATION, NOTE.c.seq.in_(old))


_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "requests": is_over(_NAMED), "mails": is_old_mail(_NAMED), "texts": _is_old_text(_NAMED.requests),
    "tokens": is_spent_token(_NAMED.requests), "addresses": is_old_origin(_NAMED.addresses),
}  # fmt: skip

_ARE_DUE: Final = select(*[exists().where(condition).label(kind) for kind, condition in _CONDITIONS.items()])
"""Whether there is any of each kind that its rows tell, for the limits given."""


def count_rows(connection: Connection, table: Any, condition: ColumnElement[bool]) -> int:
    """Count the rows of a table that this condition chooses."""
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _delete(connection: Connection, condition: ColumnElement[bool], table: Any) -> int:
    return connection.execute(delete(table).where(condition)).rowcount


def _notes_with(connection: Connection, names: Set[str]) -> Iterator[tuple[str, int, str]]:
    for stream, seq, field, body in connection.execute(select(*_NOTE_KEY, NOTE.c.body), execution_options=_STREAMED):
        if _bears(body, names):
            yield stream, seq, field


def _private_notes_with(connection: Connection, names: Set[str]) -> Iterator[tuple[str, int]]:
    columns = (PRIVATE_NOTE.c.reference, PRIVATE_NOTE.c.number, PRIVATE_NOTE.c.body)
    for reference, number, body in connection.execute(select(*columns), execution_options=_STREAMED):
        if _bears(body, names):
            yield reference, number


def _bears(body: str, names: Set[str]) -> bool:
    text = f" {fold(body)} "
    return any(f" {name} " in text for name in names)
