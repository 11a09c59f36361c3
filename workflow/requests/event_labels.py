"""Data of an event in French: the journal keeps codes, people read labels."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from states import french
from states.decision import Scalar
from states.vocabulary import (
    DRANE_MOVEMENTS,
    Change,
    CheckOutcome,
    DraneStanding,
    Labelled,
    ReissueReason,
    RemovalKind,
    RemovalOutcome,
    RequestedBy,
    RevokeReason,
    Settlement,
    SignInMethod,
    Step,
    Trigger,
    WithdrawReason,
)

Formatter = Callable[[Scalar], str]


def _day(value: Scalar) -> str:
    return french.day(date.fromisoformat(str(value)))


def _as_is(value: Scalar) -> str:
    return "oui" if value is True else str(value)


def _one_of(values: type[Labelled]) -> Formatter:
    labels = {value.value: value.label for value in values}
    return lambda value: labels.get(str(value), str(value))


_LABELS: Final[dict[str, tuple[str, Formatter]]] = {
    "uai": ("établissement", _as_is),
    "school_year": ("année scolaire", _as_is),
    "drane_declared_on": ("déclaré à la DRANE le", _day),
    "drane_sent_by_us": ("transmis à la DRANE par le rectorat", _as_is),
    "mail_confirmed": ("adresse d'un autre domaine confirmée", _as_is),
    "homonym_confirmed": ("homonyme confirmé", _as_is),
    "made_on": ("délégation faite le", _day),
    "signed_on": ("charte signée le", _day),
    "version": ("version de la charte", _as_is),
    "copy_kept": ("exemplaire conservé", _as_is),
    "outcome": ("résultat", _one_of(CheckOutcome)),
    "checked_on": ("vérifié le", _day),
    "automatic": ("faite d'elle-même, tout concordant", _as_is),
    "list_number": ("import de la liste n°", _as_is),
    "list_line": ("ligne", _as_is),
    "list_entry": ("entrée n°", _as_is),
    "list_score": ("ressemblance sur 100", _as_is),
    "step": ("étape à refaire", _one_of(Step)),
    "batch": ("lot de codes n°", _as_is),
    "anew": ("à la place du code précédent", _as_is),
    "extends": ("clé de la demande", _as_is),
    "key_elsewhere": ("clé qui sert déjà à une autre application", _as_is),
    "expires_on": ("expiration à porter sur le serveur ODA", _day),
    "replaced_code": ("le code précédent n'est pas rétabli", _as_is),
    "new_key_confirmed": ("nouvelle clé confirmée", _as_is),
    "method": ("connecté par", _one_of(SignInMethod)),
    "handed_on": ("code remis le", _day),
    "report": ("signalement n°", _as_is),
    "change": ("ce qui change", _one_of(Change)),
    "effective_on": ("à partir du", _day),
    "settlement": ("suite donnée", _one_of(Settlement)),
    "revoke_on": ("révocation prévue le", _day),
    "reports": ("signalement réglé n°", _as_is),
    "name_changed": ("nom ou prénom corrigé", _as_is),
    "mail_changed": ("adresse corrigée", _as_is),
    "reason": ("raison", _as_is),
    "removal": ("retrait", _one_of(RemovalKind)),
    "last_day": ("dernier jour de l'année", _day),
    "renews": ("renouvelle la demande", _as_is),
    "chef_changed": ("le chef d'établissement a changé", _as_is),
    "transmitted": ("transmis à la DRANE", lambda value: DRANE_MOVEMENTS.get(DraneStanding.of(str(value)), str(value))),
    "transmitted_on": ("transmis le", _day),
    "asked_how": ("demandé par l'établissement", _one_of(RequestedBy)),
    "asked_on": ("demandé le", _day),
}
"""Label and format of each key, in the order of a sentence; the journal's own order is alphabetical."""

_LABELS_OF_TRIGGER: Final[dict[tuple[Trigger, str], tuple[str, Formatter]]] = {
    (Trigger.REISSUE_CODE, "reason"): ("raison", _one_of(ReissueReason)),
    (Trigger.DRAW_CODE, "reason"): ("raison", _one_of(ReissueReason)),
    (Trigger.WITHDRAW, "reason"): ("raison", _one_of(WithdrawReason)),
    (Trigger.REVOKE, "reason"): ("raison", _one_of(RevokeReason)),
    (Trigger.CONFIRM_REMOVAL, "outcome"): ("retrait", _one_of(RemovalOutcome)),
    (Trigger.REOPEN_REMOVAL, "outcome"): ("avait été confirmé", _one_of(RemovalOutcome)),
}

_RANKS: Final = {key: rank for rank, key in enumerate(_LABELS)}

NOTE_LABELS: Final[dict[str, str]] = {
    "chef_before": "chef d'établissement précédent", "chef_after": "nouveau chef d'établissement",
    "why": "raison", "note": "précision", "source": "source", "asked_by": "demandé par",
    "question": "question", "answer": "réponse",
}  # fmt: skip
"""The label of each free text beside an event."""


def event_details(trigger: Trigger, data: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    """The data as (label, value), in French; unknown values and what was not the case are left out."""
    details = []
    for key in sorted(data, key=lambda key: _RANKS.get(key, len(_RANKS))):
        value = data[key]
        if value is None or value is False:
            continue
        label, format_value = _LABELS_OF_TRIGGER.get((trigger, key)) or _LABELS.get(key) or (key, _as_is)
        details.append((label, format_value(value)))
    return tuple(details)


def has_label(key: str) -> bool:
    """Return True when a key of an event's data has its French label."""
    return key in _LABELS
