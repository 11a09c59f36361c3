"""The security journal as it is read: the installation's chain, newest first, with who acted and from where (R108).

The chain keeps codes, people read words. Each page is three queries, however many events it shows. Lists that leave as
files are its events too, without a name (R92).
"""

import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import ColumnElement, Connection, func, or_, select, tuple_

from notifications.ports import Clock, DatabaseTrouble
from notifications.sql import batches
from notifications.vocabulary import Fault
from states import french
from states.decision import Scalar
from states.model import Actor
from states.rules.schedule import ClockFault, Hold
from states.school_calendar import SchoolYear
from states.validation import departement_name
from states.vocabulary import Labelled, Role, Scope, SignInMethod
from workflow.database.access_tables import SubstitutionEnd
from workflow.database.connection import Database
from workflow.database.file_tables import ListKind
from workflow.database.journal_tables import ACTOR, EVENT, NOTE, SECURITY_ADDRESSES
from workflow.journal import chain
from workflow.journal.chain import INSTALLATION, JournalHasher, Origin, coming_from, current_origin, write_line
from workflow.journal.event_kinds import EventGroup, EventKind, kind_label, kinds_of

_log: Final = logging.getLogger("oda")

MOST_WAITING: Final = 1000
"""Exports that wait in memory for a database which answers no more."""

_WORD: Final = re.compile(r"[a-z0-9_-]{1,40}")

_DAY_EXPORTS: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4}")

_YEAR: Final = re.compile(r"\d{4}-\d{4}|toutes")

_CODED: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(
        ("etat", "verifications", "age", "a", "tri", "etape", "motif", "genre", "vue", "surprises", "ordre", "sujet",
         "mesure", "ouverts", "ouvert", "statut", "quoi"), _WORD
    ),
    **dict.fromkeys(("annee", "year"), _YEAR),
    **dict.fromkeys(("jour", "du", "au", "avant", "apres", "date"), _DAY_EXPORTS),
    "departement": re.compile(r"[0-9][0-9AB][0-9]?"),
    "etablissement": re.compile(r"[0-9]{7}[A-Za-z]"), "uai": re.compile(r"[0-9]{7}[A-Za-z]"),
    "demande": re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}"), "qui": re.compile(r"\d{1,9}"),
}  # fmt: skip
"""The filters whose values are codes, with the form of their values; of any other its name alone is kept."""

_NOT_FILTERS: Final = ("format", "suite", "lettres")

_NAMES_OF_DATA: Final[dict[str, str]] = {
    "list": "liste", "limit": "quoi", "refused": "refus", "rows": "lignes", "format": "format", "filters": "filtres",
    "subjects": "réseaux ou boîtes en cause", "establishments": "établissements", "sessions": "connexions",
    "links": "liens", "tokens": "jetons", "token": "jeton n°", "scope": "portée", "days": "jours",
    "of": "pour l'acteur n°", "uai": "établissement", "cleared": "rendue à l'annuaire", "batch": "lot n°",
    "codes": "codes", "again": "de nouveau", "transmission": "transmission n°", "lines": "lignes",
    "list_date": "date de la liste", "new": "nouvelles", "changed": "changées", "gone": "disparues",
    "unchanged": "inchangées", "outside": "hors annuaire", "warnings": "avertissements",
    "without_mailbox": "sans boîte", "lost": "perdues", "keys": "clés", "resealed": "codes chiffrés de nouveau",
    "removed": "clés retirées", "unreadable": "illisibles", "school_year": "année scolaire",
    "first_day": "premier jour", "last_day": "dernier jour", "revoked": "demandes révoquées", "machine": "machine",
    "skew_seconds": "écart en secondes", "fault": "motif", "mail": "courriel n°", "reference": "demande",
    "calls": "appels", "deliveries": "messages", "method": "porte", "provider": "fournisseur", "binding": "liaison n°",
    "awaits_factor": "second facteur attendu",
    "number": "n°", "first_seal": "à partir du sceau n°",
    "why": "raison", "reason": "raison",
}  # fmt: skip
"""The name of each datum, in the order of a sentence. One that is not here is for who reads the chain itself."""

_NAMES_OF_FILTERS: Final[dict[str, str]] = {
    "etat": "état", "verifications": "vérifications", "age": "depuis", "a": "à faire", "tri": "ordre",
    "annee": "année", "departement": "département", "etablissement": "établissement", "uai": "établissement",
    "demande": "demande", "etape": "étape", "motif": "motif", "genre": "genre", "vue": "vue", "jour": "jour",
    "du": "depuis le", "au": "jusqu'au", "nom": "nom", "mots": "mots",
    "type": "type", "surprises": "surprises seules", "sujet": "sujet", "personne": "personne", "n": "n°",
    "states": "état", "name": "nom", "late": "en retard", "year": "année", "who": "personne", "about": "sujet",
    "kind": "genre", "since": "depuis le", "until": "jusqu'au", "search": "mots", "on": "jour", "from": "du",
    "to": "au", "stage": "étape", "reference": "demande", "pupils": "élèves", "closed": "fermés", "all": "tous",
}  # fmt: skip

_TOLD_AT_ZERO: Final = ("rows", "lines", "refused", "token")
"""The numbers that say something at 0; the others are left out, as what was not the case is."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Shown = tuple[str, str]
"""The French name of a datum, and its value in words."""

READ_TOGETHER: Final = 500
"""Events that are read together for a file."""

OF_THE_PROOF: Final = (EventKind.ACTOR_NAMED,)
"""The kinds that come with others and say nothing by themselves: shown to who asks for them (R109)."""

A: Final = SECURITY_ADDRESSES

_NOTES: Final = {"why": "raison", "address": "adresse fixée"}
"""The French names of the free texts beside these events."""


class ExportedList(Labelled):
    """A list that may be taken away, by a page or a command."""

    REQUESTS = "requests", "les demandes"
    SEARCH = "search", "le résultat d'une recherche"
    CHECKS = "checks", "les vérifications à faire"
    ESTABLISHMENTS = "establishments", "les établissements"
    MAILS = "mails", "les courriels, sans leur texte"
    REMOVALS = "removals", "les retraits"
    REMOVALS_FILE = "removals_file", "le fichier des retraits pour le serveur ODA"
    LISTING = "listing", "la liste des RUPN"
    DELEGATION = "delegation", "la liste des délégations"
    TO_SEND = "to_send", "ce qui est à transmettre à la DRANE"
    TRANSMISSION = "transmission", "une transmission à la DRANE"
    DECLARED = "declared", "les RUPN déclarés d'une année"
    PREVIEW = "year_end_preview", "l'aperçu d'une fin d'année"
    NOT_RENEWED = "not_renewed", "les RUPN qui ne sont pas renouvelés"
    KEYS_TO_EXTEND = "keys_to_extend", "les clés à prolonger"
    YEAR_END_REPORT = "year_end_report", "le bilan d'une fin d'année"
    FIGURES = "figures", "les chiffres, sans personne"
    ACTIVATION = "activation", "les comptes activés, sans personne"
    ACTIVATION_PLACES = "activation_places", "les comptes activés par établissement"
    SECURITY = "security", "le journal de sécurité"
    JOURNAL = "journal", "le journal entier, sans personne"


def filter_codes(page: str) -> str:
    """Return the filters of a page's address as codes: ``etat=demandee departement=31 nom=*``.

    What a person typed, a name perhaps, becomes a star.
    """
    parts = urlsplit(page)
    codes = [f"annee={word}" for word in parts.path.split("/") if re.fullmatch(r"[0-9]{4}-[0-9]{4}", word)]
    codes += [f"n={word}" for word in parts.path.split("/") if re.fullmatch(r"[0-9]{1,9}", word)]
    for name, value in parse_qsl(parts.query):
        form = _CODED.get(name)
        if name in _NOT_FILTERS or not _WORD.fullmatch(name):
            continue
        codes.append(f"{name}={value}" if form and form.fullmatch(value) else f"{name}=*")
    return " ".join(codes)[:500]


def criteria_codes(criteria: Mapping[str, object]) -> str:
    """Return the filters of a command as codes, those that are set; what a person typed becomes a star."""
    codes = []
    for name, value in criteria.items():
        values = value if isinstance(value, (tuple, list)) else (value,)
        codes += [f"{name}={_criterion_code(item)}" for item in values if item not in (None, "", False)]
    return " ".join(codes)[:500]


def _criterion_code(value: object) -> str:
    if isinstance(value, Labelled):
        return value.value
    if isinstance(value, bool):
        return "oui"
    if isinstance(value, (int, date, SchoolYear)):
        return str(value)
    text = str(value)
    is_code = any(form.fullmatch(text) for form in (_CODED["departement"], _CODED["uai"], _CODED["demande"]))
    return text if is_code else "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """One file that leaves: which list, in which format, how many rows, under which filters (codes)."""

    what: ExportedList
    format: str
    rows: int | None = None
    filters: str = ""

    @property
    def data(self) -> dict[str, Scalar]:
        """The data that the journal keeps of it."""
        data: dict[str, Scalar] = {"list": self.what.value, "format": self.format}
        if self.rows is not None:
            data["rows"] = self.rows
        return data | ({"filters": self.filters} if self.filters else {})


@dataclass(frozen=True, slots=True)
class _Waiting:
    export: Export
    actor: Actor
    at: datetime
    origin: Origin | None


class ExportJournal:
    """Records exports, each in a short transaction of its own: none holds the database while a file is read.

    A database that does not answer holds no file back: what could not be recorded waits in memory for the next export,
    or the next tick, and our own log says so.
    """

    def __init__(self, database: Database, hasher: JournalHasher, clock: Clock) -> None:
        self._database, self._hasher, self._clock = database, hasher, clock
        self._waiting: deque[_Waiting] = deque(maxlen=MOST_WAITING)

    def record(self, actor: Actor, export: Export) -> None:
        """Record that this file leaves. It raises nothing."""
        self.recorder(actor, export)()

    def recorder(self, actor: Actor, export: Export) -> Callable[[], None]:
        """Return what records this file once it leaves, from any thread, with where its person is now."""
        origin = current_origin()

        def record() -> None:
            self._waiting.append(_Waiting(export, actor, self._clock.now(), origin))
            self.catch_up()

        return record

    def catch_up(self) -> int:
        """Record those that wait; return how many still do."""
        while True:
            try:
                waiting = self._waiting.popleft()
            except IndexError:
                return 0
            export = waiting.export
            try:
                with coming_from(waiting.origin), self._database.write() as connection:
                    chain.record(connection, self._hasher, "exported", waiting.actor, waiting.at, export.data)
            except DatabaseTrouble as trouble:
                self._waiting.appendleft(waiting)
                _log.error("exports not recorded yet: %d (%s)", len(self._waiting), type(trouble).__name__)
                write_line("exported", "not_recorded", waiting.at, actor=waiting.actor.number, **export.data)
                return len(self._waiting)


class LimitName(Labelled):
    """A kind of tries that are counted, and refused beyond a limit (R74, R108)."""

    LINKS_OF_CLIENT = "link-client", "liens demandés d'un même réseau"
    LINKS_OF_SUBJECT = "link-subject", "liens demandés pour une boîte, en une demi-heure"
    LINKS_OF_SUBJECT_A_DAY = "link-subject-day", "liens demandés pour une boîte, en un jour"
    LINKS_FROM_STRANGERS = "link-strangers", "liens demandés pour une boîte, de réseaux inconnus d'elle"
    LINKS_FROM_STRANGERS_A_DAY = "link-strangers-day", "liens demandés de réseaux inconnus, en un jour"
    OPENINGS = "opening", "liens de connexion ouverts en vain"
    PROVIDER = "provider", "retours en vain d'un fournisseur d'identité"
    IDENTITIES = "identity", "identités reconnues, mais qui n'ouvrent rien"
    TOKENS = "token", "jetons refusés"
    COMMANDS_OF_TOKEN = "token-commands", "actions d'un même jeton"
    FACTOR_TRIES = "factor", "codes faux du second facteur, en une demi-heure"
    FACTOR_TRIES_A_DAY = "factor-day", "codes faux du second facteur, en un jour"
    CODES_OF_BROWSER = "code-browser", "six chiffres faux dans un navigateur"
    CODES_OF_CLIENT = "code-client", "six chiffres faux, d'un même réseau"
    CODES_OF_SUBJECT = "code-subject", "six chiffres faux pour une boîte"
    CODES_FROM_STRANGERS = "code-strangers", "six chiffres faux, de réseaux inconnus des boîtes"
    FORGED_FORMS = "forged", "formulaires qui ne venaient pas de nos pages"
    FORBIDDEN = "forbidden", "pages ou actions d'un autre rôle"
    REFUSED_CALLS = "api-refused", "appels de l'API refusés : demande inconnue, d'ailleurs ou dans un autre état"


class EndOfAccess(Labelled):
    """A reason for which a token, or the binding of an identity, ended."""

    MAILBOX_CHANGED = "mailbox_changed", "la boîte de l'établissement a changé"
    CLOSED = "closed", "l'établissement est fermé"
    CHEF_CHANGED = "chef_changed", "un nouveau chef est là"
    CHEF = "chef", "le chef y a mis fin"
    OPERATOR = "operator", "un opérateur y a mis fin"
    YEAR_END = "year_end", "l'année scolaire a fini"
    NEW_CHEF = "new_chef", "un nouveau chef est là"
    PERSON_REMOVED = "person_removed", "la personne n'est plus dans les réglages"


_WORDS_OF_DATA: Final[dict[str, tuple[type[Labelled], ...]]] = {
    "list": (ExportedList, ListKind), "limit": (LimitName,), "scope": (Scope,),
    "why": (EndOfAccess, SubstitutionEnd, ClockFault, Hold),
    "reason": (EndOfAccess,), "fault": (Fault,), "method": (SignInMethod,),
}  # fmt: skip
"""The closed lists to which the codes of a datum belong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityFilters:
    """Filters of the journal: None and empty ones leave everything in, but what only serves the proof.

    ``person``: an address, a name, a UAI, or a part of one, as the journal names who acts. ``until`` is excluded.
    """

    group: EventGroup | None = None
    kind: EventKind | None = None
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityEvent:
    """One event of the installation's chain. ``origins``: where it came from, empty once that is erased (R108)."""

    seq: int
    at: datetime
    kind: str
    actor: int
    role: Role
    who: str
    data: Mapping[str, Scalar]
    notes: tuple[Shown, ...]
    origins: tuple[Origin, ...]

    @property
    def label(self) -> str:
        return kind_label(self.kind)

    @property
    def details(self) -> tuple[Shown, ...]:
        """The event's data, in words; then the free texts beside it, as long as they are kept."""
        return (*event_data(self.data), *self.notes)


@dataclass(frozen=True, slots=True)
class SecurityPage:
    """Some events, the newest first; ``before`` is the next page's cursor, None at the end."""

    events: tuple[SecurityEvent, ...]
    before: int | None


def list_security_events(
    connection: Connection, filters: SecurityFilters, *, before: int | None = None, limit: int = 50
) -> SecurityPage:  # fmt: skip
    """Return a page of the journal; ``before`` is the cursor of the page that came first."""
    where = _conditions(connection, filters)
    if before is not None:
        where.append(EVENT.c.seq < before)
    columns = (EVENT.c.seq, EVENT.c.at, EVENT.c.kind, EVENT.c.actor, EVENT.c.role, EVENT.c.canonical, ACTOR.c.label)
    query = select(*columns).join(ACTOR, ACTOR.c.number == EVENT.c.actor).where(*where)
    rows = connection.execute(query.order_by(EVENT.c.seq.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    events = tuple(_with_beside(connection, shown))
    return SecurityPage(events, int(shown[-1].seq) if len(rows) > limit else None)


def walk_security_events(connection: Connection, filters: SecurityFilters) -> Iterator[SecurityEvent]:
    """Yield all that the filters leave, the newest first."""
    before: int | None = None
    while True:
        page = list_security_events(connection, filters, before=before, limit=READ_TOGETHER)
        yield from page.events
        if page.before is None:
            return
        before = page.before


def event_data(data: Mapping[str, Scalar]) -> tuple[Shown, ...]:
    """Return the data of an event that have a French name, in words; what was not the case is left out."""
    return tuple(
        (name, _in_words(key, data[key]))
        for key, name in _NAMES_OF_DATA.items()
        if key in data and (data[key] or (data[key] == 0 and data[key] is not False and key in _TOLD_AT_ZERO))
    )


def _in_words(key: str, value: Scalar) -> str:
    if value is True:
        return "oui"
    text = str(value)
    if key == "filters":
        return ", ".join(map(_filter_in_words, text.split()))
    if key == "format":
        return text.upper()
    if _DAY.fullmatch(text):
        return french.day(date.fromisoformat(text))
    for words in _WORDS_OF_DATA.get(key, ()):
        member = words._value2member_map_.get(text)
        if isinstance(member, Labelled):
            return member.label
    return text


def _filter_in_words(code: str) -> str:
    name, _, value = code.partition("=")
    label = _NAMES_OF_FILTERS.get(name, name)
    if value == "*":
        return f"{label} (tapé, pas gardé)"
    if name == "departement":
        return f"{label} {departement_name(value)}"
    return f"{label} {value if value[:1].isdigit() else value.replace('-', ' ')}"


def _conditions(connection: Connection, filters: SecurityFilters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [EVENT.c.stream == INSTALLATION]
    if filters.kind:
        where.append(EVENT.c.kind == filters.kind.value)
    elif filters.group:
        where.append(EVENT.c.kind.in_([kind.value for kind in kinds_of(filters.group)]))
    else:
        where.append(EVENT.c.kind.not_in([kind.value for kind in OF_THE_PROOF]))
    if filters.since:
        where.append(EVENT.c.at >= filters.since)
    if filters.until:
        where.append(EVENT.c.at < filters.until)
    if pieces := filters.person.lower().split():
        in_label, in_key = func.lower(ACTOR.c.label), func.lower(ACTOR.c.key)  # a name, an address, an establishment
        named = [
            or_(in_label.contains(piece, autoescape=True), in_key.contains(piece, autoescape=True)) for piece in pieces
        ]
        numbers = connection.execute(select(ACTOR.c.number).where(*named)).scalars()
        where.append(EVENT.c.actor.in_(list(numbers)))
    return where


def _with_beside(connection: Connection, rows: Sequence[Any]) -> Iterator[SecurityEvent]:
    """Yield the events with what stands beside them: free texts, and where they came from."""
    numbers = [row.seq for row in rows]
    notes: dict[int, list[Shown]] = {}
    origins: dict[int, list[Origin]] = {}
    for batch in batches(numbers):
        of_batch = tuple_(NOTE.c.stream, NOTE.c.seq).in_([(INSTALLATION, seq) for seq in batch])
        for note in connection.execute(select(NOTE.c.seq, NOTE.c.field, NOTE.c.body).where(of_batch)):
            notes.setdefault(note.seq, []).append((_NOTES.get(note.field, note.field), note.body))
        kept = select(A).where(A.c.stream == INSTALLATION, A.c.seq.in_(batch)).order_by(A.c.seq, A.c.rank)
        for place in connection.execute(kept):
            origins.setdefault(place.seq, []).append(Origin(place.network, place.browser, place.times))
    for row in rows:
        yield SecurityEvent(
            seq=row.seq, at=row.at, kind=row.kind, actor=row.actor, role=Role(row.role), who=row.label,
            data=json.loads(row.canonical)["data"], notes=tuple(notes.get(row.seq, ())),
            origins=tuple(origins.get(row.seq, ())),
        )  # fmt: skip
