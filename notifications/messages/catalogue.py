"""The catalogue of mails: facts, audience, priority and lifetime of each kind; the académie's own values in them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from notifications.messages import facts, pages
from notifications.messages.facts import Doc
from notifications.messages.pages import PageOf
from notifications.vocabulary import (
    CODE_KINDS,
    CODE_MAILS,
    LINK_KINDS,
    AnyKind,
    Audience,
    Kind,
    Priority,
    TransientMail,
)


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
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.facts)

    def encode(self, facts: object) -> str:
        """Write facts as JSON. Raises TypeError when they are not this kind's."""
        if type(facts) is not self.facts:
            raise TypeError(f"{self.kind.value} takes {self.facts.__name__}, not {type(facts).__name__}")
        return self.adapter.dump_json(facts).decode()

    def decode(self, text: str) -> Any:
        """Read facts from their JSON, equal to those encoded. Raises pydantic's ValidationError."""
        return self.adapter.validate_json(text)


_OPERATORS: Final = Audience.OPERATORS
_A_DAY: Final = timedelta(days=1)
_SOON: Final = timedelta(days=3)
_A_WEEK: Final = timedelta(days=7)
_LONG: Final = timedelta(days=60)

CATALOGUE: Final[dict[Kind, CatalogueEntry]] = {
    entry.kind: entry
    for entry in (
        CatalogueEntry(Kind.DECLARED, facts.Declared, page=pages.chef_step("delegation")),
        CatalogueEntry(Kind.DELEGATED, facts.Delegated, page=pages.chef_step("charte")),
        CatalogueEntry(Kind.CHARTER_SIGNED, facts.CharterSigned, page=pages.chef_step("envoi")),
        CatalogueEntry(Kind.SUBMITTED, facts.Submitted),
        CatalogueEntry(Kind.SENT_BACK, facts.SentBack, lifetime=_LONG, page=pages.redo),
        CatalogueEntry(Kind.QUESTION, facts.Question, page=pages.chef_step("reponse")),
        CatalogueEntry(Kind.CODE_ISSUED, facts.CodeIssued, page=pages.chef_step("remise")),
        CatalogueEntry(Kind.CODE_REISSUED, facts.CodeReissued, page=pages.chef_step("remise")),
        CatalogueEntry(Kind.CODE_TO_READ, facts.CodeToRead, page=pages.chef_step("code")),
        CatalogueEntry(Kind.KEY_EXTENDED, facts.KeyExtended),
        CatalogueEntry(Kind.CHANGE_REPORTED, facts.ChangeReported),
        CatalogueEntry(Kind.REPORT_SETTLED, facts.ReportSettled, lifetime=_LONG, page=pages.chef_step()),
        CatalogueEntry(Kind.WITHDRAWN, facts.Withdrawn, lifetime=_LONG, page=pages.declare_another),
        CatalogueEntry(Kind.REVOKED, facts.Revoked, lifetime=_LONG),
        CatalogueEntry(Kind.REMOVAL_CONFIRMED, facts.RemovalConfirmed, lifetime=_LONG),
        CatalogueEntry(Kind.YEAR_END, facts.YearEnded, lifetime=_LONG, page=pages.renewals),
        CatalogueEntry(Kind.HANDOVER_REMINDER, facts.HandoverReminder, lifetime=_SOON, page=pages.hand_over),
        CatalogueEntry(Kind.STALLED_REMINDER, facts.StalledReminder, lifetime=_SOON, page=pages.go_on),
        CatalogueEntry(Kind.YEAR_END_NOTICE, facts.YearEndNotice, lifetime=_SOON, page=pages.renew),
        CatalogueEntry(Kind.RENEWAL_INVITATION, facts.RenewalInvitation, lifetime=_A_WEEK, page=pages.renewals),
        CatalogueEntry(Kind.NEW_REQUEST, facts.NewRequest, _OPERATORS, _LONG, page=pages.rectorat_step()),
        CatalogueEntry(Kind.REMOVAL_TASK, facts.RemovalTask, _OPERATORS, _LONG, page=pages.rectorat_step("retrait")),
        CatalogueEntry(Kind.CHANGE_TO_HANDLE, facts.ChangeToHandle, _OPERATORS, _LONG, page=pages.settle),
        CatalogueEntry(Kind.CHANGE_DUE, facts.ChangeDue, _OPERATORS, page=pages.settle),
        CatalogueEntry(Kind.LATE_DIGEST, facts.LateDigest, _OPERATORS, _A_DAY, page=pages.RECTORAT_HOME),
        CatalogueEntry(Kind.YEAR_END_REPORT, facts.YearEndReport, _OPERATORS, _LONG, page=pages.after_year_end),
        CatalogueEntry(Kind.BRAKE_ALERT, facts.BrakeAlert, _OPERATORS, _LONG, page=pages.confirm_year_end),
        CatalogueEntry(Kind.MAIL_UNDELIVERABLE, facts.MailUndeliverable, _OPERATORS, page=pages.dead_mails),
        CatalogueEntry(Kind.CLOCK_ALERT, facts.ClockAlert, _OPERATORS, page=pages.clock_page),
        CatalogueEntry(Kind.WEBHOOK_FAILING, facts.WebhookFailing, _OPERATORS, page=pages.lost_webhooks),
        CatalogueEntry(Kind.JOURNAL_SEAL, facts.JournalSealed, _OPERATORS, _LONG),
        CatalogueEntry(Kind.MAILBOX_CHANGED, facts.MailboxChanged),
        CatalogueEntry(Kind.MAILBOX_TO_CONFIRM, facts.MailboxToConfirm, _OPERATORS, page=pages.confirm_mailbox),
        CatalogueEntry(Kind.IDENTITY_BOUND, facts.IdentityBound, page=pages.people),
        CatalogueEntry(Kind.NEW_SIGN_IN, facts.NewSignIn, _OPERATORS, _A_WEEK, page=pages.ACCOUNT),
        CatalogueEntry(Kind.FACTOR_CHANGED, facts.FactorChanged, _OPERATORS, _A_WEEK, page=pages.ACCOUNT),
        CatalogueEntry(Kind.SUBSTITUTION, facts.Substituted, _OPERATORS, _A_WEEK, page=pages.SUBSTITUTIONS),
        CatalogueEntry(Kind.SUBSTITUTION_CHEF, facts.SubstitutedChef, lifetime=_A_WEEK, page=pages.SUBSTITUTIONS),
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
