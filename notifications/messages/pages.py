"""The page of the portal on which each mail's request is done (R55): decided by its kind and its facts, when worded.

A mail that asks for nothing there leads to none. These pages ask to sign in and come back; none signs in by itself.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from notifications.messages import facts
from notifications.vocabulary import Fault
from states.vocabulary import State, Step, WithdrawReason

PageOf = Callable[[Any], str | None]
"""From the facts of a mail to the path of its page, which begins with a slash; None: nothing is to be done there."""

CHEF_HOME: Final = "/etablissement"
RENEWALS: Final = f"{CHEF_HOME}/reprendre"
RECTORAT_HOME: Final = "/rectorat"


def chef_step(slug: str = "") -> PageOf:
    """The page on which the establishment takes a step of the request, or the request's own."""
    return lambda about: _request_page(CHEF_HOME, about, slug)


def rectorat_step(slug: str = "") -> PageOf:
    """The page of the request at the rectorat, or that of one of its actions."""
    return lambda about: _request_page(RECTORAT_HOME, about, slug)


def _request_page(home: str, about: facts.OnRequest, slug: str) -> str:
    return f"{home}/demandes/{quote(about.reference)}{f'/{slug}' if slug else ''}"


_REDO_SLUGS: Final = {Step.DELEGATION: "delegation", Step.CHARTER: "charte", Step.CONFIRMATION: "envoi"}

_NEXT_SLUGS: Final = {State.DECLARED: "delegation", State.DELEGATED: "charte", State.CHARTER_SIGNED: "envoi"}


def chef_home(about: facts.OfEstablishment | facts.OnRequest) -> str:
    """The establishment's home: this one's, for a head who has several in one session."""
    return _of_school(CHEF_HOME, about)


def renewals(about: facts.OfEstablishment) -> str:
    """The renewals of the establishment."""
    return _of_school(RENEWALS, about)


def _of_school(path: str, about: facts.OfEstablishment | facts.OnRequest) -> str:
    """A page that shows one establishment of the session, put in view by its UAI."""
    return f"{path}?uai={quote(about.establishment.uai, safe='')}"


def people(about: facts.OfEstablishment) -> str:
    """The people bound to the establishment (R103)."""
    return _of_school(f"{CHEF_HOME}/personnes", about)


def redo(about: facts.SentBack) -> str:
    """The step to redo; of a declaration the request itself, where it is read, corrected or kept."""
    return _request_page(CHEF_HOME, about, _REDO_SLUGS.get(about.step, ""))


def go_on(about: facts.StalledReminder) -> str:
    """The step that waits for the establishment; its home when several do."""
    return (
        chef_home(about) if about.other_requests else _request_page(CHEF_HOME, about, _NEXT_SLUGS.get(about.state, ""))
    )


def hand_over(about: facts.HandoverReminder) -> str:
    """The code to read, or the confirmation of its hand-over; the establishment's home when other requests wait too."""
    slug = "code" if about.to_read else "remise"
    return chef_home(about) if about.other_requests else _request_page(CHEF_HOME, about, slug)


def renew(about: facts.YearEndNotice) -> str | None:
    """The renewals that are left, else the requests to finish; none before the next year is open."""
    if not about.next_year_label:
        return None
    return renewals(about) if about.to_renew else chef_home(about)


def declare_another(about: facts.Withdrawn) -> str | None:
    """A new declaration, when the request was abandoned for another person."""
    return _of_school(f"{CHEF_HOME}/declarer", about) if about.reason is WithdrawReason.OTHER_PERSON else None


def settle(about: facts.ChangeToHandle | facts.ChangeDue) -> str:
    """The settlement of the report."""
    return f"{_request_page(RECTORAT_HOME, about, 'regler')}?signalement={about.number}"


def after_year_end(about: facts.YearEndReport) -> str | None:
    """The rights to remove, else the mails that wait for a mailbox."""
    if about.removals + about.questions:
        return f"{RECTORAT_HOME}/retraits"
    return f"{RECTORAT_HOME}/courriels?motif={Fault.NO_MAILBOX.value}" if about.without_mailbox else None


def confirm_year_end(about: facts.BrakeAlert) -> str:
    """The confirmation of the year's end that is held."""
    return f"{RECTORAT_HOME}/fin-d-annee/{quote(about.year.label)}/confirmer"


def clock_page(_: facts.ClockAlert) -> str:
    """The machines and their clocks, where a date that is right is confirmed (R52)."""
    return f"{RECTORAT_HOME}/horloge"


def lost_webhooks(about: facts.WebhookFailing) -> str:
    """What another system never received (R118)."""
    return f"{RECTORAT_HOME}/webhooks?logiciel={quote(about.endpoint)}&etape=given_up"


def dead_mails(about: facts.MailUndeliverable) -> str:
    """The dead mail, all those of its cause; the establishment whose mailbox is at fault, or is missing."""
    place = f"{RECTORAT_HOME}/etablissements/{quote(about.establishment.uai, safe='')}"
    is_known = about.establishment.uai != facts.UNKNOWN_UAI
    if about.count > 1 and about.same_mailbox and is_known:
        return place
    if about.count > 1:
        return f"{RECTORAT_HOME}/courriels{f'?motif={quote(about.cause)}' if about.cause else ''}"
    if not about.recipient and is_known:
        return f"{place}/boite"
    return f"{RECTORAT_HOME}/courriels{f'/{about.mail}' if about.mail else ''}"


ACCOUNT: Final = "/compte"
"""Where a person sees their open sessions and ends them (R107)."""


SUBSTITUTIONS: Final = "/compte/suppleances"
"""Where a substitution is seen and ended (R114)."""


def confirm_mailbox(about: facts.MailboxToConfirm) -> str | None:
    """The establishment, where its mailbox is confirmed; none when codes leave for it already."""
    if not about.codes_from:
        return None
    return f"{RECTORAT_HOME}/etablissements/{quote(about.establishment.uai, safe='')}"
