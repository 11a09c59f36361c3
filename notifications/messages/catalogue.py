"""The whole catalogue: for each kind of mail, its facts, whom it is for, how urgent it is, how long it may wait."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from notifications.messages import facts as contexts
from notifications.messages.facts import Doc
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, AnyKind, Audience, Kind, Priority, TransientMail

# What the wording of mails takes from the settings: the académie's own names, addresses and delays.


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
    """Plain values read at the first claim of a mail, not frozen with its facts.

    ``portal`` is the portal's address, without a slash at its end.

    ``expected_days`` and ``code_keep_days`` are in days; ``drane_sent_by_us``: the rectorat declares the RUPN to the
    DRANE (R25); ``one_key_a_person``: the setting ``key.scope`` (R42).
    """

    academie: Annotated[str, Doc("le nom de l'académie")]
    timezone: Annotated[ZoneInfo, Doc("le fuseau horaire")]
    signature: Annotated[str, Doc("le nom du service, en fin de courriel")]
    contact: Annotated[str, Doc("à qui s'adresser")]
    charter_version: Annotated[str, Doc("la version de la charte en vigueur")]
    delegce_module: Annotated[str, Doc("le nom du module délégué dans DelegCE")]
    expected_days: Annotated[int, Doc("délai de traitement annoncé, en jours")] = 10
    code_keep_days: Annotated[int, Doc("durée de conservation du code, en jours")] = 30
    links: Annotated[tuple[Link, ...], Doc("les liens de documentation")] = ()
    documents: Annotated[
        tuple[Document, ...],
        Doc("les PDF joints aux courriels qui portent un code ou étendent une clé ; parfois aucun"),
    ] = ()
    drane_address: Annotated[str | None, Doc("l'adresse de l'application de la DRANE, si elle est réglée")] = None
    drane_sent_by_us: Annotated[bool, Doc("le rectorat transmet-il lui-même les déclarations à la DRANE ?")] = False
    one_key_a_person: Annotated[bool, Doc("une personne n'a-t-elle qu'une clé ?")] = True
    portal: Annotated[str, Doc("l'adresse du portail")] = "http://localhost:8000"

    def day_of(self, instant: datetime) -> date:
        """The académie's calendar day at this instant."""
        return instant.astimezone(self.timezone).date()


_SOON = timedelta(days=3)


_LONG = timedelta(days=60)


def template_of(kind: AnyKind) -> str:
    """The template of a mail."""
    return f"mails/{kind.value}.j2"


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue. ``lifetime``: how late it may leave after it was enqueued (R57)."""

    kind: Kind
    facts: type[Any]
    audience: Audience = Audience.ESTABLISHMENT
    lifetime: timedelta = field(default=timedelta(days=30))

    @property
    def template(self) -> str:
        return template_of(self.kind)

    @property
    def title(self) -> str:
        """In French, for a listing."""
        return self.kind.label

    @property
    def has_code(self) -> bool:
        """Whether a code stands in it: then it lives no longer than the code is kept (R61)."""
        return self.kind in CODE_KINDS

    @property
    def has_link(self) -> bool:
        """Whether a sign-in link stands in it: whoever waits for it is looking at the screen (R72)."""
        return self.kind in LINK_KINDS

    @property
    def is_sealed(self) -> bool:
        """Whether a secret takes its place in it on the wire alone (R60, R72)."""
        return self.has_code or self.has_link

    @property
    def priority(self) -> Priority:
        if self.has_link:
            return Priority.SIGN_IN
        return Priority.CODE if self.has_code else Priority.REST

    def lifetime_in(self, context: MailContext) -> timedelta:
        """The lifetime under these settings: a code's mail lives as long as the code is kept (R61)."""
        return timedelta(days=context.code_keep_days) if self.has_code else self.lifetime

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.facts)

    def encode(self, facts: object) -> str:
        """The facts as JSON. Raises TypeError when they are not this kind's."""
        if type(facts) is not self.facts:
            raise TypeError(f"{self.kind.value} takes {self.facts.__name__}, not {type(facts).__name__}")
        return self.adapter.dump_json(facts).decode()

    def decode(self, text: str) -> Any:
        """The facts from their JSON, equal to those encoded. Raises pydantic's ValidationError."""
        return self.adapter.validate_json(text)


def facts_class(kind: AnyKind) -> Any:
    """The class of a mail's facts."""
    return contexts.RelayCheck if isinstance(kind, TransientMail) else CATALOGUE[kind].facts


_E, _OPERATORS = Entry, Audience.OPERATORS


CATALOGUE: Final[dict[Kind, Entry]] = {
    entry.kind: entry
    for entry in (
        _E(Kind.DECLARED, contexts.Declared),
        _E(Kind.DELEGATED, contexts.Delegated),
        _E(Kind.CHARTER_SIGNED, contexts.CharterSigned),
        _E(Kind.SUBMITTED, contexts.Submitted),
        _E(Kind.SENT_BACK, contexts.SentBack, lifetime=_LONG),
        _E(Kind.CODE_ISSUED, contexts.CodeIssued),
        _E(Kind.CODE_REISSUED, contexts.CodeReissued),
        _E(Kind.KEY_EXTENDED, contexts.KeyExtended),
        _E(Kind.CHANGE_REPORTED, contexts.ChangeReported),
        _E(Kind.WITHDRAWN, contexts.Withdrawn, lifetime=_LONG),
        _E(Kind.REVOKED, contexts.Revoked, lifetime=_LONG),
        _E(Kind.YEAR_END, contexts.YearEnded, lifetime=_LONG),
        _E(Kind.HANDOVER_REMINDER, contexts.HandoverReminder, lifetime=_SOON),
        _E(Kind.STALLED_REMINDER, contexts.StalledReminder, lifetime=_SOON),
        _E(Kind.YEAR_END_NOTICE, contexts.YearEndNotice, lifetime=_SOON),
        _E(Kind.RENEWAL_INVITATION, contexts.RenewalInvitation, lifetime=timedelta(days=7)),
        _E(Kind.NEW_REQUEST, contexts.NewRequest, _OPERATORS, _LONG),
        _E(Kind.REMOVAL_TASK, contexts.RemovalTask, _OPERATORS, _LONG),
        _E(Kind.CHANGE_TO_HANDLE, contexts.ChangeToHandle, _OPERATORS, _LONG),
        _E(Kind.CHANGE_DUE, contexts.ChangeDue, _OPERATORS),
        _E(Kind.LATE_DIGEST, contexts.LateDigest, _OPERATORS, timedelta(days=1)),
        _E(Kind.YEAR_END_REPORT, contexts.YearEndReport, _OPERATORS, _LONG),
        _E(Kind.BRAKE_ALERT, contexts.BrakeAlert, _OPERATORS, _LONG),
        _E(Kind.MAIL_UNDELIVERABLE, contexts.MailUndeliverable, _OPERATORS),
        _E(Kind.CLOCK_ALERT, contexts.ClockAlert, _OPERATORS),
        _E(Kind.SIGN_IN, contexts.SignIn, lifetime=timedelta(minutes=30)),
        _E(Kind.SIGN_IN_RECTORAT, contexts.SignInRectorat, _OPERATORS, timedelta(minutes=30)),
    )
}
