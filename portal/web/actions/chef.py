"""What an establishment does of a request, as pages: the rectorat uses the same ones on its behalf (R5)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from notifications.vocabulary import member
from portal.web.actions import chef_fields as fields
from portal.web.actions.model import Action, Asked, Values
from portal.web.actions.proposals import proposals
from portal.web.forms import Field, Shape
from states import commands as c
from states.school_year import SchoolYear
from states.vocabulary import Change, Trigger, WithdrawReason

Common = Mapping[str, Any]


def first_delegation_day(asked: Asked) -> date | None:
    """A delegation of another year does not serve a renewal (R26)."""
    request = asked.view.request
    return asked.here.house.policy.calendar.accepts_from(request.school_year) if request.renews else None


def delegation_fields(asked: Asked) -> Sequence[Field]:
    """What the attestation of the delegation says (R26)."""
    proposed = proposals(asked.view, asked.here.house.settings.charter.version)
    day = fields.made_on(asked.today, first_delegation_day(asked), proposed.made_on)
    return [day, fields.why(asked.view.request.delegation_why)]


def _delegate(_: Asked, values: Values, common: Common) -> c.Delegate:
    return c.Delegate(why=values["why"], made_on=values["made_on"], **common)


def charter_fields(asked: Asked) -> Sequence[Field]:
    """What the signed charter says (R27)."""
    house = asked.here.house
    proposed = proposals(asked.view, house.settings.charter.version)
    opening = house.policy.calendar.accepts_from(asked.view.request.school_year)
    return [fields.signed_on(asked.today, opening, proposed.signed_on)]


def _sign(asked: Asked, values: Values, common: Common) -> c.SignCharter:
    version = asked.here.house.settings.charter.version
    return c.SignCharter(signed_on=values["signed_on"], version=version, copy_kept=True, **common)


def _submit(asked: Asked, _: Values, common: Common) -> c.Submit:
    """The identity is what the page showed: the version that comes with the form says that nobody changed it (R28)."""
    request = asked.view.request
    return c.Submit(nom=request.nom, prenom=request.prenom, mail=request.mail, **common)


def _hand_over(_: Asked, values: Values, common: Common) -> c.ConfirmHandover:
    return c.ConfirmHandover(handed_on=values["handed_on"], **common)


def _report(_: Asked, values: Values, common: Common) -> c.ReportChange:
    change, note = member(Change, values["change"]), values.get("note") or ""
    return c.ReportChange(change=change, effective_on=values["effective_on"], note=note, **common)


def _amend_fields(asked: Asked) -> Sequence[Field]:
    request = asked.view.request
    return [*fields.identity(request), *fields.drane(asked.here, asked.today, request)]


def _amend(_: Asked, values: Values, common: Common) -> c.Amend:
    return c.Amend(
        nom=values["nom"], prenom=values["prenom"], mail=values["mail"],
        drane_declared_on=values.get("drane_declared_on"),
        homonym_confirmed=bool(values.get(fields.HOMONYM.name)), **common,
    )  # fmt: skip


def _withdraw(_: Asked, values: Values, common: Common) -> c.Withdraw:
    return c.Withdraw(reason=member(WithdrawReason, values["reason"]), note=values["note"] or "", **common)


def years_of(asked: Asked) -> list[SchoolYear]:
    """The years to which this request can be renewed (R33)."""
    house, request = asked.here.house, asked.view.request
    calendar, now = house.policy.calendar, house.clock.now()
    return [
        year for year in calendar.open_years(now)
        if year > request.school_year or (year == request.school_year and not request.is_live)
    ]  # fmt: skip


def renewal_fields(asked: Asked) -> Sequence[Field]:
    """The year, asked only when two are possible; the later one is proposed."""
    years = years_of(asked)
    if len(years) < 2:
        return []
    options = tuple((str(year), str(year)) for year in years)
    field = Field(name="school_year", label="Année scolaire", shape=Shape.SELECT, options=options, value=str(years[-1]))
    return [field]


def renewal(_: Asked, values: Values, common: Common) -> c.Renew:
    """The command of a renewal (R33)."""
    year = values.get("school_year")
    return c.Renew(
        school_year=SchoolYear.parse(year) if year else None,
        homonym_confirmed=bool(values.get(fields.HOMONYM.name)), **common,
    )  # fmt: skip


_ALL: Final = (
    Action(
        trigger=Trigger.DELEGATE, slug="delegation", title="Attester la délégation", button="J'atteste la délégation",
        fields=delegation_fields, build=_delegate, template="actions/delegate.html",
    ),
    Action(
        trigger=Trigger.SIGN_CHARTER, slug="charte", title="Enregistrer la charte signée",
        button="La charte est signée et conservée", fields=charter_fields, build=_sign,
        template="actions/sign_charter.html",
    ),
    Action(
        trigger=Trigger.SUBMIT, slug="envoi", title="Envoyer la demande au rectorat",
        button="J'atteste et j'envoie la demande", build=_submit, template="actions/submit.html",
    ),
    Action(
        trigger=Trigger.CONFIRM_HANDOVER, slug="remise", title="Confirmer la remise du code",
        button="Le code est remis", fields=fields.handed_on, build=_hand_over,
        template="actions/confirm_handover.html",
    ),
    Action(
        trigger=Trigger.REPORT_CHANGE, slug="signalement", title="Signaler un changement ou une perte",
        button="Envoyer le signalement", fields=fields.change, build=_report, template="actions/report_change.html",
    ),
    Action(
        trigger=Trigger.AMEND, slug="correction", title="Corriger la déclaration", button="Enregistrer la correction",
        fields=_amend_fields, build=_amend, template="actions/amend.html", on_demand=(fields.HOMONYM,),
    ),
    Action(
        trigger=Trigger.WITHDRAW, slug="abandon", title="Abandonner la demande", button="Abandonner la demande",
        fields=fields.withdrawal, build=_withdraw, template="actions/withdraw.html", danger=True,
    ),
    Action(
        trigger=Trigger.RENEW, slug="renouvellement", title="Renouveler la demande", button="Renouveler la demande",
        fields=renewal_fields, build=renewal, template="actions/renew.html", on_demand=(fields.HOMONYM,),
    ),
)  # fmt: skip

CHEF: Final[Mapping[str, Action]] = {action.slug: action for action in _ALL}
"""The establishment's actions by the end of their address."""
SLUGS: Final[Mapping[Trigger, str]] = {action.trigger: action.slug for action in _ALL}
