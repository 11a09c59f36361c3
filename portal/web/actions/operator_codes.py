"""The code, the extension of a key, and the day that the key bears on the ODA server (R39 to R44)."""

from collections.abc import Mapping
from typing import Any, Final

from notifications.vocabulary import member
from portal.web.actions.model import Action, Asked, Values
from portal.web.actions.operator_checks import choices
from portal.web.forms import Field, Shape
from states import french
from states.commands import Code, Command, ConfirmExpiry, IssueCode, ReissueCode
from states.facts import Request
from states.removal import holders
from states.vocabulary import ReissueReason, Trigger

NEW: Final = "nouveau"
"""Said instead of a reference when a new code is wanted although a key exists."""
_ONCE: Final = "Copié du serveur ODA, sans espace. Il part par courriel et n'est plus jamais affiché."


def keys_in_use(asked: Asked) -> list[Request]:
    """The person's other live requests that rely on a key (R42)."""
    return holders(asked.view.others, one_key_a_person=asked.here.house.policy.one_key_a_person)


def extension_label(other: Request) -> str:
    """How the key of another request is told from the rest."""
    until = f", expire le {french.day(other.expires_on)}" if other.expires_on else ""
    return f"Étendre la clé de la demande {other.reference} ({other.uai}, {other.school_year}{until})"


def _expiry(asked: Asked) -> Field:
    default = " (date par défaut, la rentrée suivante n'étant pas connue)" if asked.view.year_end.is_default else ""
    return Field(
        name="expires_on", label="Date d'expiration à porter sur le serveur ODA", shape=Shape.DAY,
        hint=f"Fin de l'année scolaire : {french.day(asked.view.key_date)}{default}. Elle est enregistrée.",
        value=asked.view.key_date.isoformat(),
    )  # fmt: skip


def _new_key() -> Field:
    return Field(
        name="new_key_confirmed", shape=Shape.CHECK, required=False,
        label="Une nouvelle clé est voulue : celle que la personne utilise ailleurs ne marchera plus",
    )  # fmt: skip


def _issue_fields(asked: Asked) -> list[Field]:
    keys = keys_in_use(asked)
    code = Field(name="code", label="Code d'initialisation", hint=_ONCE, shape=Shape.CODE, focus=True,
                 missing="Donner le code que le serveur ODA affiche.")  # fmt: skip
    if not keys:
        return [code, _expiry(asked)]
    options = (*((one.reference, extension_label(one)) for one in keys), (NEW, "Émettre un nouveau code"))
    return [
        Field(name="extends", label="Étendre la clé, ou émettre un code ?", shape=Shape.CHOICE, options=options,
              value=keys[0].reference),
        Field(name="code", label="Code d'initialisation", hint=f"Pour un nouveau code seulement. {_ONCE}",
              shape=Shape.CODE, required=False),
        _new_key(),
        _expiry(asked),
    ]  # fmt: skip


def _issue(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    key = values.get("extends")
    return IssueCode(
        code=Code(clear=values["code"]) if values["code"] else None, extends=None if key == NEW else key,
        expires_on=values["expires_on"], new_key_confirmed=values.get("new_key_confirmed", False), **common,
    )  # fmt: skip


def _extend_fields(asked: Asked) -> list[Field]:
    return [
        Field(name="extends", label="De quelle demande vient la clé ?", hint="Sa référence, par exemple ODA-2027-00042."
              " C'est une autre demande de la même personne, dont la clé existe encore.", focus=True),
        _expiry(asked),
    ]  # fmt: skip


def _extend(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    reference = "".join(one for one in values["extends"].upper() if one.isascii() and one.isprintable())
    return IssueCode(extends=reference, expires_on=values["expires_on"], **common)


def _reissue_fields(asked: Asked) -> list[Field]:
    return [
        Field(name="reason", label="Pourquoi ?", shape=Shape.CHOICE, options=choices(ReissueReason)),
        Field(name="code", label="Nouveau code d'initialisation", hint=_ONCE, shape=Shape.CODE,
              missing="Donner le code que le serveur ODA affiche."),
        *([_new_key()] if keys_in_use(asked) else []),
    ]  # fmt: skip


def _reissue(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    return ReissueCode(
        reason=member(ReissueReason, values["reason"]), code=Code(clear=values["code"]),
        new_key_confirmed=values.get("new_key_confirmed", False), **common,
    )  # fmt: skip


CODES: Final = (
    Action(
        trigger=Trigger.ISSUE_CODE, slug="emettre", title="Émettre le code, ou étendre la clé", template=
        "actions/issue.html", button="Enregistrer l'émission", fields=_issue_fields, build=_issue,
    ),
    Action(
        trigger=Trigger.ISSUE_CODE, slug="etendre", title="Étendre une clé qui existe déjà", template=
        "actions/issue.html", button="Étendre la clé", fields=_extend_fields, build=_extend,
    ),
    Action(
        trigger=Trigger.REISSUE_CODE, slug="reemettre", title="Réémettre le code", template="actions/issue.html",
        button="Réémettre le code", fields=_reissue_fields, build=_reissue,
    ),
    Action(
        trigger=Trigger.CONFIRM_EXPIRY, slug="expiration", title="Cocher la date d'expiration", template=
        "actions/expiry.html", button="Cocher cette date", fields=lambda asked: [_expiry(asked)],
        build=lambda _, values, common: ConfirmExpiry(expires_on=values["expires_on"], **common),
    ),
)  # fmt: skip
