"""The columns and rows that each list gives to its file; a code is in none (R92)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from typing import Final

from notifications.rendering.markup import short_day
from portal.exports.spreadsheet_files import Ratio, Row, Sheet, Workbook
from states.school_calendar import SchoolYear
from states.validation import departement_name
from states.vocabulary import DRANE_MOVEMENTS
from workflow.activation.rates import AccountCount, ActivationTable, EstablishmentActivation, Measure
from workflow.database.file_tables import ListKind
from workflow.directory.service import EstablishmentLine
from workflow.drane import DraneLine
from workflow.evidence.lists import ListEntry
from workflow.figures.account import FiguresAccount
from workflow.figures.tables import Cell, FigureTable, Share
from workflow.journal.security_log import SecurityEvent
from workflow.mail import ListedMail
from workflow.removals.tasks import RemovalLine
from workflow.requests.worklist import CheckLine, WorkLine
from workflow.settings.sections import DraneColumn
from workflow.year_end.preview import EstablishmentEnd
from workflow.year_end.renewals import KeyToExtend, NotRenewed

READ_TOGETHER: Final = 500
"""Lines of a list that are read together for its file."""

_PREVIEW: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Référence", "Nom", "Prénom", "État",
    "Retrait à ouvrir", "Courriel", "Boîte", "Ce qui surprend", "Déjà renouvelée pour l'année suivante",
)  # fmt: skip


def preview_workbook(ends: Iterable[EstablishmentEnd], day: date) -> Workbook:
    """One row for each request that the year's end would revoke, year after year, by UAI (R53)."""
    return _workbook(f"apercu-fin-d-annee-{day}", "Fin d'année", _PREVIEW, _preview_rows(ends))


def _preview_rows(ends: Iterable[EstablishmentEnd]) -> Iterator[Row]:
    for end in ends:
        place = end.establishment
        for expiring in end.requests:
            request, removal = expiring.request, expiring.removal
            anomalies = [anomaly.label for anomaly in (*end.anomalies, *expiring.anomalies)]
            yield (
                end.school_year, place.departement, place.uai, place.nom, place.commune, request.reference, request.nom,
                request.prenom, request.state.label, removal.label if removal else "", end.mail.kind.label,
                end.mail.recipient or "aucune boîte : personne ne sera prévenu", " ; ".join(anomalies),
                expiring.renewed,
            )  # fmt: skip


_NOT_RENEWED: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Boîte", "Établissement ouvert", "Référence", "Nom",
    "Prénom", "Adresse électronique", "Expiration de la clé",
)  # fmt: skip


def not_renewed_workbook(year: SchoolYear, people: Iterable[NotRenewed]) -> Workbook:
    """One row a person and an establishment (R81)."""
    rows = (
        (
            year, person.departement, person.uai, person.establishment, person.commune, person.mailbox, person.is_open,
            person.reference, person.nom, person.prenom, person.mail, person.expires_on,
        )
        for person in people
    )  # fmt: skip
    return _workbook(f"non-renouveles-{year}", f"Non renouvelés {year}", _NOT_RENEWED, rows)


_WORKLIST: Final = (
    "Référence", "Année", "État", "Depuis le", "Nom", "Prénom", "Adresse électronique", "UAI", "Établissement",
    "Commune", "Département", "Chef d'établissement", "Déclaré à la DRANE le", "Délégation faite le",
    "Vérification de la liste", "Vérification de la délégation", "Code", "Remis le", "Expiration de la clé",
    "Signalement à régler", "Retrait à confirmer",
)  # fmt: skip


def worklist_workbook(lines: Iterable[WorkLine], timezone: tzinfo) -> Workbook:
    """One row a request, as the worklist shows it; days are the académie's (R89)."""
    return _workbook("demandes", "Demandes", _WORKLIST, _worklist_rows(lines, timezone))


def _worklist_rows(lines: Iterable[WorkLine], timezone: tzinfo) -> Iterator[Row]:
    for item in lines:
        line = item.line
        yield (
            line.reference, line.school_year, line.state.label, line.since.astimezone(timezone).date(), line.nom,
            line.prenom, line.mail, line.uai, line.establishment, line.commune, line.departement, line.chef_name,
            line.drane_declared_on, line.delegated_on, item.listing.label if item.listing else "",
            item.delegation.label if item.delegation else "", line.code_fate.label, line.handed_on, line.expires_on,
            line.report_open, line.removal_open,
        )  # fmt: skip


_ESTABLISHMENTS: Final = (
    "UAI", "Établissement", "Type", "Nature", "Commune", "Code du département", "Département", "Boîte",
    "Boîte fixée par un opérateur", "Téléphone", "Civilité du chef", "Ouvert", "Dans l'annuaire", "Demandes en cours",
)  # fmt: skip


def establishments_workbook(lines: Iterable[EstablishmentLine]) -> Workbook:
    """One row an establishment (R89)."""
    return _workbook("etablissements", "Établissements", _ESTABLISHMENTS, _establishment_rows(lines))


def _establishment_rows(lines: Iterable[EstablishmentLine]) -> Iterator[Row]:
    for line in lines:
        yield (
            line.uai, line.nom, line.kind, line.nature, line.commune, line.departement, line.departement_name,
            line.mailbox, bool(line.set_mailbox), line.telephone, line.chef_civility, line.is_open, line.is_listed,
            line.live_requests,
        )  # fmt: skip


def search_workbook(lines: Iterable[WorkLine], places: Iterable[EstablishmentLine], timezone: tzinfo) -> Workbook:
    """The requests and the establishments that a search shows (R89)."""
    requests = Sheet("Demandes", _WORKLIST, _worklist_rows(lines, timezone))
    return Workbook("recherche", (requests, Sheet("Établissements", _ESTABLISHMENTS, _establishment_rows(places))))


_CHECKS: Final = (
    "Référence", "Année", "Nom", "Prénom", "Adresse électronique", "UAI", "Établissement", "Commune", "Département",
    "Chef d'établissement", "Déclaré à la DRANE le", "Délégation faite le", "Vérification de la liste", "Vérifiée le",
    "Vérification de la délégation", "Vérifiée le", "À refaire parce que", "S'en occupe",
)  # fmt: skip


def checks_workbook(lines: Iterable[CheckLine]) -> Workbook:
    """One row a request to check, with all that is compared with the two lists (R34)."""
    return _workbook("a-verifier", "À vérifier", _CHECKS, _check_rows(lines))


def _check_rows(lines: Iterable[CheckLine]) -> Iterator[Row]:
    for line in lines:
        request, views = line.request, (line.listing, line.delegation)
        checks = [(view.check.outcome.label, view.check.checked_on) if view.check else ("", None) for view in views]
        problems = dict.fromkeys(view.problem.message for view in views if view.check and view.problem)
        yield (
            request.reference, request.school_year, request.nom, request.prenom, request.mail, request.uai,
            line.establishment, line.commune, line.departement, request.chef_name, request.drane_declared_on,
            request.delegated_on, *(cell for check in checks for cell in check), " ; ".join(problems),
            line.assignment.address if line.assignment else "",
        )  # fmt: skip


_REMOVALS: Final = (
    "Référence", "Année", "Nom", "Prénom", "Adresse électronique", "UAI", "Établissement", "Commune", "Département",
    "Retrait", "Depuis le", "À faire aujourd'hui", "Nouvelle expiration", "Fait", "Fait le", "Par",
)  # fmt: skip


def removals_workbook(lines: Iterable[RemovalLine], timezone: tzinfo) -> Workbook:
    """One row a right to remove, or removed, on the ODA server (R48)."""
    rows = (
        (
            line.request.reference, line.request.school_year, line.request.nom, line.request.prenom, line.request.mail,
            line.request.uai, line.establishment, line.commune, line.departement, line.kind.label,
            line.opened_at.astimezone(timezone).date(), line.to_do, line.todo.expires_on if line.todo else None,
            line.outcome.label if line.outcome else "", line.closed_at and line.closed_at.astimezone(timezone), line.by,
        )
        for line in lines
    )  # fmt: skip
    return _workbook("retraits", "Retraits", _REMOVALS, rows)


_MAILS: Final = (
    "N°", "Courriel", "Pour", "UAI", "Établissement", "Adresse", "Demande", "Inscrit le", "Étape", "Motif", "Essais",
    "Prochain essai", "Remis au relais le", "Réponse du serveur",
)  # fmt: skip


def mails_workbook(listed: Iterable[ListedMail], timezone: tzinfo) -> Workbook:
    """One row a mail, without its subject nor its text (R58, R60)."""
    return _workbook("courriels", "Courriels", _MAILS, _mail_rows(listed, timezone))


def _mail_rows(listed: Iterable[ListedMail], timezone: tzinfo) -> Iterator[Row]:
    for mail, place in listed:
        next_attempt, sent = (at and at.astimezone(timezone) for at in (mail.next_attempt_at, mail.sent_at))
        yield (
            mail.id, mail.title, mail.audience.label, mail.uai, place, mail.recipient, mail.reference,
            mail.created_at.astimezone(timezone), mail.stage.label, mail.fault.label if mail.fault else "",
            mail.attempts, next_attempt, sent, mail.last_reply,
        )  # fmt: skip


_KEYS_TO_EXTEND: Final = (
    "Référence", "Année", "Nom", "Prénom", "Adresse électronique", "UAI", "Établissement", "Commune",
    "Demande de la clé", "Nouvelle expiration",
)  # fmt: skip


def keys_to_extend_workbook(year: SchoolYear, keys: Iterable[KeyToExtend], last_day: date) -> Workbook:
    """One row a key of ``year`` to extend until ``last_day`` (R40)."""
    rows = (
        (
            key.request.reference, key.request.school_year, key.request.nom, key.request.prenom, key.request.mail,
            key.request.uai, key.establishment, key.commune, key.source, last_day,
        )
        for key in keys
    )  # fmt: skip
    return _workbook(f"cles-a-prolonger-{year}", "Clés à prolonger", _KEYS_TO_EXTEND, rows)


def _workbook(stem: str, title: str, headings: Sequence[str], rows: Iterable[Row]) -> Workbook:
    return Workbook(stem, (Sheet(title, headings, rows),))


_HELP: Final = (
    "Département", "UAI", "Établissement", "Type", "Commune", "RUPN avec une clé", "Comptes élèves", "Élèves activés",
    "Taux élèves", "Comptes responsables", "Responsables activés", "Taux responsables",
)  # fmt: skip


def activation_workbook(table: ActivationTable) -> Workbook:
    """The rates as the page shows them, rounded alike, then the numbers that they come from."""
    return Workbook(
        f"comptes-actives-{table.after.isoformat()}", (_activation_rates(table), _activation_numbers(table))
    )


def help_workbook(day: date, lines: Iterable[EstablishmentActivation]) -> Workbook:
    """The establishments that need help: a row each."""
    rows = (
        (
            departement_name(line.departement), line.uai, line.nom, line.kind, line.commune, line.has_key,
            *_accounts_and_rate(line.pupils), *_accounts_and_rate(line.parents),
        )
        for line in lines
    )  # fmt: skip
    return Workbook(f"aide-educonnect-{day.isoformat()}", (Sheet("Établissements", _HELP, rows),))


def _activation_rates(table: ActivationTable) -> Sheet:
    days = [day for day in (table.before, table.after) if day]
    measures = [f"Taux {measure.label} au {short_day(day)}" for measure in Measure for day in days]
    headings = ("Département", *measures, "Établissements ouverts", "Établissements dont un RUPN a une clé")
    rows = (
        (
            line.name,
            *(
                Ratio(percent / 100)
                if (percent := line.rate(measure, at_first=day != table.after)) is not None else None
                for measure in Measure for day in days
            ),
            line.establishments, line.with_key,
        )
        for line in table.all_lines
    )  # fmt: skip
    return Sheet("Taux d'activation", headings, rows)


def _activation_numbers(table: ActivationTable) -> Sheet:
    headings = ["Département", "Date"]
    headings += [f"{part} {measure.label}" for measure in Measure for part in ("Comptes", "Activés")]
    days = [(day, day != table.after) for day in (table.before, table.after) if day]
    rows = (
        [
            line.name,
            day,
            *(cell for measure in Measure for cell in _activation_pair(line.counts(measure, at_first=first))),
        ]
        for day, first in days
        for line in table.all_lines
    )
    return Sheet("Comptes", headings, rows)


def _activation_pair(count: AccountCount | None) -> tuple[int | None, int | None]:
    return (count.accounts, count.activated) if count else (None, None)


def _accounts_and_rate(count: AccountCount | None) -> tuple[int | None, int | None, Ratio | None]:
    return (*_activation_pair(count), Ratio(count.percent(1) / 100) if count else None)


_DRANE_VALUES: Final[Mapping[str, Callable[[DraneLine], object]]] = {
    "movement": lambda line: DRANE_MOVEMENTS.get(line.what, ""),
    "uai": lambda line: line.request.uai,
    "establishment": lambda line: line.establishment,
    "commune": lambda line: line.commune,
    "departement": lambda line: line.departement,
    "departement_name": lambda line: departement_name(line.departement),
    "nom": lambda line: line.request.nom,
    "prenom": lambda line: line.request.prenom,
    "mail": lambda line: line.request.mail,
    "school_year": lambda line: line.request.school_year,
    "reference": lambda line: line.request.reference,
}

_DECLARED: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Nom", "Prénom", "Adresse électronique", "Référence",
    "État", "Déclaré à la DRANE le", "Dernière transmission le", "Pour la DRANE",
)  # fmt: skip


def transmission_workbook(stem: str, lines: Iterable[DraneLine], columns: Sequence[DraneColumn]) -> Workbook:
    """The lines in the columns of the setting ``drane.columns``."""
    values = [_DRANE_VALUES[column.cell] for column in columns]
    rows = ([value(line) for value in values] for line in lines)
    return Workbook(stem, (Sheet("À transmettre à la DRANE", [column.title for column in columns], rows),))


def declared_workbook(year: SchoolYear, lines: Iterable[DraneLine], *, sent_by_us: bool) -> Workbook:
    """Every RUPN declared for a year, with the state of its request and, where we transmit, what the DRANE lacks."""
    rows = (
        (
            line.request.school_year, departement_name(line.departement), line.request.uai, line.establishment,
            line.commune, line.request.nom, line.request.prenom, line.request.mail, line.request.reference,
            line.request.state.label, line.request.drane_declared_on, line.request.drane_sent_on,
            line.what.label if sent_by_us else "",
        )
        for line in lines
    )  # fmt: skip
    return Workbook(f"rupn-declares-{year}", (Sheet(f"RUPN déclarés {year}", _DECLARED, rows),))


_PERSON = ("UAI", "Nom", "Prénom", "Nom d'usage", "Adresse électronique", "Autres adresses")

_LISTING = (*_PERSON, "Déclaré le")

_DELEGATION = (*_PERSON, "Application", "Début", "Fin", "Délégué par", "Délégué le")


def list_workbook(kind: ListKind, entries: Iterable[ListEntry]) -> Workbook:
    """One row an entry; the file can be imported again as it is."""
    if kind is ListKind.LISTING:
        return Workbook("liste-rupn", (Sheet("RUPN", _LISTING, _entry_rows(entries, is_delegation=False)),))
    return Workbook("liste-delegations", (Sheet("Délégations", _DELEGATION, _entry_rows(entries, is_delegation=True)),))


def _entry_rows(entries: Iterable[ListEntry], *, is_delegation: bool) -> Iterator[Row]:
    for entry in entries:
        person = (entry.uai, entry.nom, entry.prenom, entry.usage_name, entry.mail, entry.other_mails)
        delegation = (entry.application, entry.begins, entry.ends, entry.author) if is_delegation else ()
        yield (*person, *delegation, entry.recorded_on)


def figures_workbook(account: FiguresAccount, tables: Iterable[FigureTable]) -> Workbook:
    """The figures at two dates; nobody is named."""
    stem = f"chiffres-{account.now.day}-{account.before.day}"

    def row(cells: Sequence[Cell]) -> Row:
        return [Ratio(cell / 100) if isinstance(cell, Share) else cell for cell in cells]

    return Workbook(stem, [Sheet(table.title, table.headings, map(row, table.rows)) for table in tables])


_SECURITY_LOG: Final = (
    "N°", "Date et heure", "Événement", "Qui", "Rôle", "Précisions", "Adresses de réseau", "Navigateurs",
)  # fmt: skip


def security_workbook(events: Iterable[SecurityEvent], timezone: tzinfo) -> Workbook:
    """One row an event, the newest first."""
    rows = (
        (
            event.seq, event.at.astimezone(timezone), event.label, event.who, event.role.label,
            " ; ".join(f"{name} : {value}" for name, value in event.details),
            " ; ".join(origin.network for origin in event.origins),
            " ; ".join(dict.fromkeys(origin.browser for origin in event.origins if origin.browser)),
        )
        for event in events
    )  # fmt: skip
    return _workbook("journal-de-securite", "Journal de sécurité", _SECURITY_LOG, rows)
