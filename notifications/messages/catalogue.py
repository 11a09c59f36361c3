"""The catalogue of mails: facts, audience, priority, lifetime and page of each kind; the académie's own values in them.

A mail leads to the page of the portal on which its request is done (R55): its kind and its facts decide it, when it is
worded. One that asks for nothing there leads to none. These pages ask to sign in and come back; none signs in by
itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from notifications.messages import facts
from notifications.messages.facts import Doc
from notifications.vocabulary import (
    CODE_KINDS,
    CODE_MAILS,
    LINK_KINDS,
    AnyKind,
    Audience,
    Fault,
    Kind,
    Priority,
    TransientMail,
)
from states.vocabulary import State, Step, WithdrawReason

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PageOf = Callable[[Any], str | None]
"""From the facts of a mail to the path of its page, which begins with a slash; None: nothing is to be done there."""

_CHEF_HOME: Final = "/etablissement"

_RENEWALS: Final = f"{_CHEF_HOME}/reprendre"

_RECTORAT_HOME: Final = "/rectorat"

_REDO_SLUGS: Final = {Step.DELEGATION: "delegation", Step.CHARTER: "charte", Step.CONFIRMATION: "envoi"}

_NEXT_SLUGS: Final = {State.DECLARED: "delegation", State.DELEGATED: "charte", State.CHARTER_SIGNED: "envoi"}

_ACCOUNT: Final = "/compte"
"""Where a person sees their open sessions and ends them (R107)."""

_SUBSTITUTIONS: Final = "/compte/suppleances"
"""Where a substitution is seen and ended (R114)."""

_OPERATORS: Final = Audience.OPERATORS

_A_DAY: Final = timedelta(days=1)

_SOON: Final = timedelta(days=3)

_A_WEEK: Final = timedelta(days=7)

_LONG: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Link:
    """A page of documentation."""

    title: Annotated[str, Doc("le titre du lien")]
    url: Annotated[str, Doc("son adresse")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A PDF file joined to the mails that open a key's use (R59).

    ``filename`` is its name as joined; ``path`` where it is on this machine, as a text: templates can read no file.
    """

    title: Annotated[str, Doc("le titre du document")]
    filename: Annotated[str, Doc("le nom du fichier joint")]
    path: Annotated[str, Doc("où est ce fichier sur le serveur ; à ne pas montrer")]


@dataclass(frozen=True, kw_only=True, slots=True)
class MailContext:
    """The settings that mails show: read when a mail is rendered, not frozen with its facts.

    ``expected_days`` and ``code_keep_days`` are in days; ``drane_sent_by_us``: the rectorat declares the RUPN to the
    DRANE (R25); ``one_key_a_person``: the setting ``key.scope`` (R42); ``key_has_other_uses``: ``key.other_uses``
    (R48); ``portal``: the portal's address, without a slash at its end.
    """

    academie: Annotated[str, Doc("le nom de l'académie")]
    timezone: Annotated[ZoneInfo, Doc("le fuseau horaire")]
    signature: Annotated[str, Doc("le nom du service, en fin de courriel")]
    contact: Annotated[str, Doc("à qui s'adresser")]
    charter_version: Annotated[str, Doc("la version de la charte en vigueur")]
    delegce_module: Annotated[str, Doc("le nom du module délégué dans DelegCE")]
    expected_days: Annotated[int, Doc("délai de traitement annoncé, en jours")] = 10
    code_keep_days: Annotated[int, Doc("durée de conservation du code, en jours")] = 30
    request_keep_months: Annotated[int, Doc("mois après le retrait de la clé où une demande est effacée")] = 12
    links: Annotated[tuple[Link, ...], Doc("les liens de documentation")] = ()
    documents: Annotated[
        tuple[Document, ...],
        Doc("les PDF joints aux courriels qui portent un code ou étendent une clé ; parfois aucun"),
    ] = ()
    drane_address: Annotated[str | None, Doc("l'adresse de l'application de la DRANE, si elle est réglée")] = None
    drane_sent_by_us: Annotated[bool, Doc("le rectorat transmet-il lui-même les déclarations à la DRANE ?")] = False
    one_key_a_person: Annotated[bool, Doc("une personne n'a-t-elle qu'une clé ?")] = True
    key_has_other_uses: Annotated[
        bool, Doc("une clé peut-elle servir à d'autres applications, de sorte que seuls ses droits se retirent ?")
    ] = True
    portal: Annotated[str, Doc("l'adresse du portail")] = "http://localhost:8000"
    rupn_page: Annotated[str | None, Doc("l'adresse de la page du RUPN sur le portail, si elle lui est ouverte")] = None
    oda_address: Annotated[str | None, Doc("l'adresse de la page où le RUPN se sert de sa clé, si elle est réglée")] = (
        None
    )
    data_protection: Annotated[
        str | None, Doc("comment écrire au délégué à la protection des données, si c'est réglé")
    ] = None

    def day_of(self, instant: datetime) -> date:
        """The académie's calendar day at this instant."""
        return instant.astimezone(self.timezone).date()


@dataclass(frozen=True)
class CatalogueEntry:
    """The properties of one kind of mail. ``lifetime``: how late it may leave after it was enqueued (R57).

    ``page``: where on the portal what it asks for is done, a path or what tells it from the facts (R55).
    """

    kind: Kind
    facts: type[Any]
    audience: Audience = Audience.ESTABLISHMENT
    lifetime: timedelta = timedelta(days=30)
    page: PageOf | str | None = None

    def page_of(self, facts: Any) -> str | None:
        """The path of that page for these facts; None when nothing is to be done there."""
        return self.page(facts) if callable(self.page) else self.page

    @property
    def has_code(self) -> bool:
        """True if a code stands in it: then it lives no longer than the code is kept (R61)."""
        return self.kind in CODE_KINDS

    @property
    def has_link(self) -> bool:
        """True if a sign-in link stands in it: a person waits for it at the screen (R72)."""
        return self.kind in LINK_KINDS

    @property
    def is_sealed(self) -> bool:
        """True if a secret takes its place in it on the wire alone (R60, R72)."""
        return self.has_code or self.has_link

    @property
    def needs_seal(self) -> bool:
        """True if it leaves only while a secret is kept: the one that it carries, or the one that it announces."""
        return self.is_sealed or self.kind in CODE_MAILS

    @property
    def priority(self) -> Priority:
        if self.has_link:
            return Priority.SIGN_IN
        return Priority.CODE if self.kind in CODE_MAILS else Priority.REST

    def lifetime_in(self, context: MailContext) -> timedelta:
        """The lifetime under these settings: a code's mail lives as long as the code is kept (R61)."""
        return timedelta(days=context.code_keep_days) if self.kind in CODE_MAILS else self.lifetime

    @cached_property
    def adapter(self) -> "TypeAdapter[Any]":
        from pydantic import TypeAdapter  # a child process that fills templates is given facts, and reads none

        return TypeAdapter(self.facts)

    def encode(self, facts: object) -> str:
        """Write facts as JSON. Raises TypeError when they are not this kind's."""
        if type(facts) is not self.facts:
            raise TypeError(f"{self.kind.value} takes {self.facts.__name__}, not {type(facts).__name__}")
        return self.adapter.dump_json(facts).decode()

    def decode(self, text: str) -> Any:
        """Read facts from their JSON, equal to those encoded. Raises pydantic's ValidationError."""
        return self.adapter.validate_json(text)


def chef_step(slug: str = "") -> PageOf:
    """The page on which the establishment takes a step of the request, or the request's own."""
    return lambda about: _request_page(_CHEF_HOME, about, slug)


def rectorat_step(slug: str = "") -> PageOf:
    """The page of the request at the rectorat, or that of one of its actions."""
    return lambda about: _request_page(_RECTORAT_HOME, about, slug)


def _request_page(home: str, about: facts.OnRequest, slug: str) -> str:
    return f"{home}/demandes/{quote(about.reference)}{f'/{slug}' if slug else ''}"


def chef_home(about: facts.OfEstablishment | facts.OnRequest) -> str:
    """The establishment's home: this one's, for a head who has several in one session."""
    return _of_school(_CHEF_HOME, about)


def renewals(about: facts.OfEstablishment) -> str:
    """The renewals of the establishment."""
    return _of_school(_RENEWALS, about)


def _of_school(path: str, about: facts.OfEstablishment | facts.OnRequest) -> str:
    """A page that shows one establishment of the session, put in view by its UAI."""
    return f"{path}?uai={quote(about.establishment.uai, safe='')}"


def people(about: facts.OfEstablishment) -> str:
    """The people bound to the establishment (R103)."""
    return _of_school(f"{_CHEF_HOME}/personnes", about)


def redo(about: facts.SentBack) -> str:
    """The step to redo; of a declaration the request itself, where it is read, corrected or kept."""
    return _request_page(_CHEF_HOME, about, _REDO_SLUGS.get(about.step, ""))


def go_on(about: facts.StalledReminder) -> str:
    """The step that waits for the establishment; its home when several do."""
    return (
        chef_home(about) if about.other_requests else _request_page(_CHEF_HOME, about, _NEXT_SLUGS.get(about.state, ""))
    )


def hand_over(about: facts.HandoverReminder) -> str:
    """The code to read, or the confirmation of its hand-over; the establishment's home when other requests wait too."""
    slug = "code" if about.to_read else "remise"
    return chef_home(about) if about.other_requests else _request_page(_CHEF_HOME, about, slug)


def renew(about: facts.YearEndNotice) -> str | None:
    """The renewals that are left, else the requests to finish; none before the next year is open."""
    if not about.next_year_label:
        return None
    return renewals(about) if about.to_renew else chef_home(about)


def declare_another(about: facts.Withdrawn) -> str | None:
    """A new declaration, when the request was abandoned for another person."""
    return _of_school(f"{_CHEF_HOME}/declarer", about) if about.reason is WithdrawReason.OTHER_PERSON else None


def settle(about: facts.ChangeToHandle | facts.ChangeDue) -> str:
    """The settlement of the report."""
    return f"{_request_page(_RECTORAT_HOME, about, 'regler')}?signalement={about.number}"


def after_year_end(about: facts.YearEndReport) -> str | None:
    """The rights to remove, else the mails that wait for a mailbox."""
    if about.removals + about.questions:
        return f"{_RECTORAT_HOME}/retraits"
    return f"{_RECTORAT_HOME}/courriels?motif={Fault.NO_MAILBOX.value}" if about.without_mailbox else None


def confirm_year_end(about: facts.BrakeAlert) -> str:
    """The confirmation of the year's end that is held."""
    return f"{_RECTORAT_HOME}/fin-d-annee/{quote(about.year.label)}/confirmer"


def clock_page(_: facts.ClockAlert) -> str:
    """The machines and their clocks, where a date that is right is confirmed (R52)."""
    return f"{_RECTORAT_HOME}/horloge"


def lost_webhooks(about: facts.WebhookFailing) -> str:
    """The messages that another system never received (R118)."""
    return f"{_RECTORAT_HOME}/webhooks?logiciel={quote(about.endpoint)}&etape=given_up"


def dead_mails(about: facts.MailUndeliverable) -> str:
    """The dead mail, all those of its cause; the establishment whose mailbox is at fault, or is missing."""
    place = f"{_RECTORAT_HOME}/etablissements/{quote(about.establishment.uai, safe='')}"
    is_known = about.establishment.uai != facts.UNKNOWN_UAI
    if about.count > 1 and about.same_mailbox and is_known:
        return place
    if about.count > 1:
        return f"{_RECTORAT_HOME}/courriels{f'?motif={quote(about.cause)}' if about.cause else ''}"
    if not about.recipient and is_known:
        return f"{place}/boite"
    return f"{_RECTORAT_HOME}/courriels{f'/{about.mail}' if about.mail else ''}"


def confirm_mailbox(about: facts.MailboxToConfirm) -> str | None:
    """The establishment, where its mailbox is confirmed; none when codes leave for it already."""
    if not about.codes_from:
        return None
    return f"{_RECTORAT_HOME}/etablissements/{quote(about.establishment.uai, safe='')}"


CATALOGUE: Final[dict[Kind, CatalogueEntry]] = {
    entry.kind: entry
    for entry in (
        CatalogueEntry(Kind.DECLARED, facts.Declared, page=chef_step("delegation")),
        CatalogueEntry(Kind.DELEGATED, facts.Delegated, page=chef_step("charte")),
        CatalogueEntry(Kind.CHARTER_SIGNED, facts.CharterSigned, page=chef_step("envoi")),
        CatalogueEntry(Kind.SUBMITTED, facts.Submitted),
        CatalogueEntry(Kind.SENT_BACK, facts.SentBack, lifetime=_LONG, page=redo),
        CatalogueEntry(Kind.QUESTION, facts.Question, page=chef_step("reponse")),
        CatalogueEntry(Kind.CODE_ISSUED, facts.CodeIssued, page=chef_step("remise")),
        CatalogueEntry(Kind.CODE_REISSUED, facts.CodeReissued, page=chef_step("remise")),
        CatalogueEntry(Kind.CODE_TO_READ, facts.CodeToRead, page=chef_step("code")),
        CatalogueEntry(Kind.KEY_EXTENDED, facts.KeyExtended),
        CatalogueEntry(Kind.CHANGE_REPORTED, facts.ChangeReported),
        CatalogueEntry(Kind.REPORT_SETTLED, facts.ReportSettled, lifetime=_LONG, page=chef_step()),
        CatalogueEntry(Kind.WITHDRAWN, facts.Withdrawn, lifetime=_LONG, page=declare_another),
        CatalogueEntry(Kind.REVOKED, facts.Revoked, lifetime=_LONG),
        CatalogueEntry(Kind.REMOVAL_CONFIRMED, facts.RemovalConfirmed, lifetime=_LONG),
        CatalogueEntry(Kind.REMOVAL_REOPENED, facts.RemovalReopened, lifetime=_LONG),
        CatalogueEntry(Kind.YEAR_END, facts.YearEnded, lifetime=_LONG, page=renewals),
        CatalogueEntry(Kind.HANDOVER_REMINDER, facts.HandoverReminder, lifetime=_SOON, page=hand_over),
        CatalogueEntry(Kind.STALLED_REMINDER, facts.StalledReminder, lifetime=_SOON, page=go_on),
        CatalogueEntry(Kind.YEAR_END_NOTICE, facts.YearEndNotice, lifetime=_SOON, page=renew),
        CatalogueEntry(Kind.RENEWAL_INVITATION, facts.RenewalInvitation, lifetime=_A_WEEK, page=renewals),
        CatalogueEntry(Kind.NEW_REQUEST, facts.NewRequest, _OPERATORS, _LONG, page=rectorat_step()),
        CatalogueEntry(Kind.REMOVAL_TASK, facts.RemovalTask, _OPERATORS, _LONG, page=rectorat_step("retrait")),
        CatalogueEntry(Kind.CHANGE_TO_HANDLE, facts.ChangeToHandle, _OPERATORS, _LONG, page=settle),
        CatalogueEntry(Kind.CHANGE_DUE, facts.ChangeDue, _OPERATORS, page=settle),
        CatalogueEntry(Kind.LATE_DIGEST, facts.LateDigest, _OPERATORS, _A_DAY, page=_RECTORAT_HOME),
        CatalogueEntry(Kind.YEAR_END_REPORT, facts.YearEndReport, _OPERATORS, _LONG, page=after_year_end),
        CatalogueEntry(Kind.BRAKE_ALERT, facts.BrakeAlert, _OPERATORS, _LONG, page=confirm_year_end),
        CatalogueEntry(Kind.MAIL_UNDELIVERABLE, facts.MailUndeliverable, _OPERATORS, page=dead_mails),
        CatalogueEntry(Kind.CLOCK_ALERT, facts.ClockAlert, _OPERATORS, page=clock_page),
        CatalogueEntry(Kind.WEBHOOK_FAILING, facts.WebhookFailing, _OPERATORS, page=lost_webhooks),
        CatalogueEntry(Kind.JOURNAL_SEAL, facts.JournalSealed, _OPERATORS, _LONG),
        CatalogueEntry(Kind.MAILBOX_CHANGED, facts.MailboxChanged),
        CatalogueEntry(Kind.MAILBOX_TO_CONFIRM, facts.MailboxToConfirm, _OPERATORS, page=confirm_mailbox),
        CatalogueEntry(Kind.IDENTITY_BOUND, facts.IdentityBound, page=people),
        CatalogueEntry(Kind.NEW_SIGN_IN, facts.NewSignIn, _OPERATORS, _A_WEEK, page=_ACCOUNT),
        CatalogueEntry(Kind.FACTOR_CHANGED, facts.FactorChanged, _OPERATORS, _A_WEEK, page=_ACCOUNT),
        CatalogueEntry(Kind.SUBSTITUTION, facts.Substituted, _OPERATORS, _A_WEEK, page=_SUBSTITUTIONS),
        CatalogueEntry(Kind.SUBSTITUTION_CHEF, facts.SubstitutedChef, lifetime=_A_WEEK, page=_SUBSTITUTIONS),
        CatalogueEntry(Kind.SIGN_IN, facts.SignIn, lifetime=timedelta(minutes=30)),
        CatalogueEntry(Kind.SIGN_IN_RECTORAT, facts.SignInRectorat, _OPERATORS, timedelta(minutes=30)),
        CatalogueEntry(Kind.SIGN_IN_RUPN, facts.SignInRupn, Audience.RUPN, timedelta(minutes=30)),
    )
}


def template_of(kind: AnyKind) -> str:
    """The template of a mail."""
    return f"mails/{kind.value}.j2"


def facts_class(kind: AnyKind) -> Any:
    """The class of a mail's facts."""
    return facts.RelayCheck if isinstance(kind, TransientMail) else CATALOGUE[kind].facts
