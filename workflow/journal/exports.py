"""Lists that leave as files: each is an event of the installation's chain, without a name (R92, R108)."""

import logging
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from notifications.ports import Clock, DatabaseTrouble
from states.decision import Scalar
from states.model import Actor
from states.school_calendar import SchoolYear
from states.vocabulary import Labelled
from workflow.database.connection import Database
from workflow.journal import installation
from workflow.journal.chain import JournalHasher
from workflow.journal.stream import Origin, coming_from, current_origin, write_line

_log: Final = logging.getLogger("oda")

MOST_WAITING: Final = 1000
"""Exports that wait in memory for a database which answers no more."""


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


_WORD: Final = re.compile(r"[a-z0-9_-]{1,40}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4}")
_YEAR: Final = re.compile(r"\d{4}-\d{4}|toutes")

_CODED: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(
        ("etat", "verifications", "age", "a", "tri", "etape", "motif", "genre", "vue", "surprises", "ordre", "sujet",
         "mesure", "ouverts", "ouvert", "statut", "quoi"), _WORD
    ),
    **dict.fromkeys(("annee", "year"), _YEAR),
    **dict.fromkeys(("jour", "du", "au", "avant", "apres", "date"), _DAY),
    "departement": re.compile(r"[0-9][0-9AB][0-9]?"),
    "etablissement": re.compile(r"[0-9]{7}[A-Za-z]"), "uai": re.compile(r"[0-9]{7}[A-Za-z]"),
    "demande": re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}"), "qui": re.compile(r"\d{1,9}"),
}  # fmt: skip
"""The filters whose values are codes, with the form of their values; of any other its name alone is kept."""

_NOT_FILTERS: Final = ("format", "suite", "lettres")


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
        codes += [f"{name}={_criterion_code(one)}" for one in values if one not in (None, "", False)]
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
        """What the journal keeps of it."""
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
            try:
                self._write(waiting)
            except DatabaseTrouble as trouble:
                self._waiting.appendleft(waiting)
                _log.error("exports not recorded yet: %d (%s)", len(self._waiting), type(trouble).__name__)
                write_line("exported", "not_recorded", waiting.at, actor=waiting.actor.number, **waiting.export.data)
                return len(self._waiting)

    def _write(self, waiting: _Waiting) -> None:
        with coming_from(waiting.origin), self._database.write() as connection:
            installation.record(
                connection, self._hasher, "exported", waiting.actor, waiting.at, waiting.export.data,
            )  # fmt: skip
