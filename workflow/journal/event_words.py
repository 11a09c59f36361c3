"""The data of an event of the installation's chain in French: the chain keeps codes, people read words (R108)."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from notifications.vocabulary import Fault
from states import french
from states.decision import Scalar
from states.departements import departement_name
from states.rules.schedule import ClockFault, Hold
from states.vocabulary import Labelled, SignInMethod
from workflow.database.access_tables import Scope, SubstitutionEnd
from workflow.database.file_tables import ListKind
from workflow.journal.exports import ExportedList


class LimitName(Labelled):
    """What was refused, of the tries that are counted (R74, R108)."""

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
    """Why a token, or the binding of an identity, ended."""

    MAILBOX_CHANGED = "mailbox_changed", "la boîte de l'établissement a changé"
    CLOSED = "closed", "l'établissement est fermé"
    CHEF_CHANGED = "chef_changed", "un nouveau chef est là"
    CHEF = "chef", "le chef y a mis fin"
    OPERATOR = "operator", "un opérateur y a mis fin"
    YEAR_END = "year_end", "l'année scolaire a fini"
    NEW_CHEF = "new_chef", "un nouveau chef est là"
    PERSON_REMOVED = "person_removed", "la personne n'est plus dans les réglages"


_NAMES: Final[dict[str, str]] = {
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
    "calls": "appels", "method": "porte", "provider": "fournisseur", "binding": "liaison n°",
    "awaits_factor": "second facteur attendu",
    "number": "n°", "first_seal": "à partir du sceau n°",
    "why": "raison", "reason": "raison",
}  # fmt: skip
"""What each datum is called, in the order of a sentence. One that is not here is for who reads the chain itself."""

_WORDS: Final[dict[str, tuple[type[Labelled], ...]]] = {
    "list": (ExportedList, ListKind), "limit": (LimitName,), "scope": (Scope,),
    "why": (EndOfAccess, SubstitutionEnd, ClockFault, Hold),
    "reason": (EndOfAccess,), "fault": (Fault,), "method": (SignInMethod,),
}  # fmt: skip
"""The closed lists to which the codes of a datum belong."""

_FILTERS: Final[dict[str, str]] = {
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


def event_data(data: Mapping[str, Scalar]) -> tuple[Shown, ...]:
    """Return the data of an event that have a French name, in words; what was not the case is left out."""
    return tuple(
        (name, _in_words(key, data[key]))
        for key, name in _NAMES.items()
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
    for words in _WORDS.get(key, ()):
        member = words._value2member_map_.get(text)
        if isinstance(member, Labelled):
            return member.label
    return text


def _filter_in_words(code: str) -> str:
    name, _, value = code.partition("=")
    label = _FILTERS.get(name, name)
    if value == "*":
        return f"{label} (tapé, pas gardé)"
    if name == "departement":
        return f"{label} {departement_name(value)}"
    return f"{label} {value if value[:1].isdigit() else value.replace('-', ' ')}"
