"""The rectorat's work before a code: the two checks, and sending back (R34 to R38)."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from notifications.vocabulary import member
from portal.web.actions.model import Action, Asked, Values
from portal.web.actions.operator_reasons import by_step
from portal.web.forms import Field, Shape
from states.commands import CheckDelegation, CheckListing, Command, SendBack
from states.vocabulary import CheckOutcome, Labelled, Step, Trigger
from workflow.reading.ready import last_source

DISCREET: Final = "Sans nom de personne, rien sur la santé."
"""What the hint of every free text says."""
RECEIVED: Final = "liste reçue"


def choices(values: type[Labelled]) -> tuple[tuple[str, str], ...]:
    """A closed list as the options of a field."""
    return tuple((one.value, one.label[0].upper() + one.label[1:]) for one in values)


def source_of(asked: Asked, trigger: Trigger) -> str:
    """What is proposed as the list that was read: the operator's last one."""
    with asked.here.house.database.read() as connection:
        return last_source(connection, trigger, asked.visitor.actor.number) or RECEIVED


def _check_fields(trigger: Trigger, asked: Asked) -> list[Field]:
    return [
        Field(name="outcome", label="Qu'avez-vous trouvé ?", shape=Shape.CHOICE,
              options=choices(CheckOutcome)),
        Field(name="source", label="Dans quelle liste ?", hint=f"En quelques mots. {DISCREET}",
              value=source_of(asked, trigger)),
        Field(name="checked_on", label="Quel jour ?", shape=Shape.DAY, value=asked.today.isoformat(),
              hint="Le jour où la liste a été lue."),
    ]  # fmt: skip


def _check(
    command: type[CheckListing | CheckDelegation], _: Asked, values: Values, common: Mapping[str, Any]
) -> Command:
    outcome = member(CheckOutcome, values["outcome"])
    return command(outcome=outcome, source=values["source"], checked_on=values["checked_on"], **common)


def _send_back_fields(_: Asked) -> list[Field]:
    return [
        Field(name="step", label="Que doit refaire l'établissement ?", shape=Shape.CHOICE,
              options=tuple((one.value, f"La {one.label}") for one in Step)),
        Field(name="why", label="Pourquoi ?", hint=f"L'établissement lira ce texte. {DISCREET}", shape=Shape.AREA),
    ]  # fmt: skip


def _send_back(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    return SendBack(step=member(Step, values["step"]), why=values["why"], **common)


CHECKS: Final = (
    Action(
        trigger=Trigger.CHECK_LISTING, slug="verifier-liste", title="Vérifier la liste des RUPN",
        button="Enregistrer la vérification", template="actions/check.html",
        fields=partial(_check_fields, Trigger.CHECK_LISTING), build=partial(_check, CheckListing),
    ),
    Action(
        trigger=Trigger.CHECK_DELEGATION, slug="verifier-delegation", title="Vérifier la délégation",
        button="Enregistrer la vérification", template="actions/check.html",
        fields=partial(_check_fields, Trigger.CHECK_DELEGATION), build=partial(_check, CheckDelegation),
    ),
    Action(
        trigger=Trigger.SEND_BACK, slug="renvoyer", title="Renvoyer la demande à l'établissement",
        button="Renvoyer la demande", template="actions/send_back.html",
        fields=_send_back_fields, build=_send_back,
        more=lambda asked: {"ready": by_step(asked.here.house.settings)},
    ),
)  # fmt: skip
