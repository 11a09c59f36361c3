"""Mails as plain values: enumerations with French labels, a draft before it is stored, a mail as it is read back."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from states.vocabulary import Labelled


class Audience(Labelled):
    """The mailbox that a mail goes to: an establishment's functional one, the operators', the RUPN's own (R113)."""

    ESTABLISHMENT = "establishment", "établissement"
    OPERATORS = "operators", "opérateurs"
    RUPN = "rupn", "RUPN"


class Kind(Labelled):
    """Every mail that can leave (R55); the label is its title in a listing."""

    DECLARED = "declared", "déclaration enregistrée"
    DELEGATED = "delegated", "délégation enregistrée"
    CHARTER_SIGNED = "charter_signed", "charte enregistrée"
    SUBMITTED = "submitted", "demande reçue"
    SENT_BACK = "sent_back", "demande à reprendre"
    QUESTION = "question", "question du rectorat"
    CODE_ISSUED = "code_issued", "code à remettre"
    CODE_REISSUED = "code_reissued", "nouveau code à remettre"
    CODE_TO_READ = "code_to_read", "code à lire sur le portail"
    KEY_EXTENDED = "key_extended", "clé étendue"
    CHANGE_REPORTED = "change_reported", "signalement reçu"
    REPORT_SETTLED = "report_settled", "signalement traité"
    WITHDRAWN = "withdrawn", "demande abandonnée"
    REVOKED = "revoked", "droits révoqués"
    REMOVAL_CONFIRMED = "removal_confirmed", "droits retirés"
    REMOVAL_REOPENED = "removal_reopened", "retrait des droits à reprendre"
    YEAR_END = "year_end", "fin d'année scolaire"
    HANDOVER_REMINDER = "handover_reminder", "rappel : remise à confirmer"
    STALLED_REMINDER = "stalled_reminder", "rappel : demande à poursuivre"
    YEAR_END_NOTICE = "year_end_notice", "annonce de la fin d'année"
    RENEWAL_INVITATION = "renewal_invitation", "invitation à renouveler"
    NEW_REQUEST = "new_request", "nouvelle demande à traiter"
    REMOVAL_TASK = "removal_task", "droits à retirer"
    CHANGE_TO_HANDLE = "change_to_handle", "signalement à traiter"
    CHANGE_DUE = "change_due", "signalement à échéance"
    LATE_DIGEST = "late_digest", "demandes en retard"
    YEAR_END_REPORT = "year_end_report", "bilan de fin d'année"
    BRAKE_ALERT = "brake_alert", "fin d'année retenue"
    MAIL_UNDELIVERABLE = "mail_undeliverable", "courriel non remis"
    CLOCK_ALERT = "clock_alert", "horloge d'une machine à corriger"
    WEBHOOK_FAILING = "webhook_failing", "autre logiciel qui n'est plus prévenu"
    JOURNAL_SEAL = "journal_seal", "sceau du journal"
    MAILBOX_CHANGED = "mailbox_changed", "boîte de l'établissement changée"
    MAILBOX_TO_CONFIRM = "mailbox_to_confirm", "boîte d'un établissement changée"
    IDENTITY_BOUND = "identity_bound", "personne liée à l'établissement"
    NEW_SIGN_IN = "new_sign_in", "connexion d'un nouveau navigateur"
    FACTOR_CHANGED = "factor_changed", "second facteur changé"
    SUBSTITUTION = "substitution", "suppléance sur le portail"
    SUBSTITUTION_CHEF = "substitution_chef", "suppléance d'un chef d'établissement"
    SIGN_IN = "sign_in", "lien de connexion"
    SIGN_IN_RECTORAT = "sign_in_rectorat", "lien de connexion, rectorat"
    SIGN_IN_RUPN = "sign_in_rupn", "lien de connexion, RUPN"


class TransientMail(Labelled):
    """Mails sent at once, without the outbox: they follow from no event."""

    CHECK = "check", "essai du relais"


AnyKind = Kind | TransientMail

CODE_KINDS = (Kind.CODE_ISSUED, Kind.CODE_REISSUED)
"""The mails that carry the initialisation code."""
CODE_MAILS = (*CODE_KINDS, Kind.CODE_TO_READ)
"""The mails by which an establishment has its code: those that carry it, and the one that says where it is read."""
LINK_KINDS = (Kind.SIGN_IN, Kind.SIGN_IN_RECTORAT, Kind.SIGN_IN_RUPN)
"""The mails that carry a sign-in link, as secret as a code while it is valid (R72)."""
OPERATORS_TAG = "[ODA] "
"""The beginning of the subject of every mail to the operators, by which they are sorted (R55)."""
LINK_PATH = "/connexion/lien/"
"""The path of such a link on the portal; its secret follows."""


class Stage(Labelled):
    """The stages of a mail; ``sent`` means that the relay took it."""

    PENDING = "pending", "à envoyer"
    SENDING = "sending", "envoi en cours"
    SENT = "sent", "accepté par le relais"
    RETRY = "retry", "à réessayer"
    UNCERTAIN = "uncertain", "incertain"
    CANCELLED = "cancelled", "annulé"
    DEAD = "dead", "non remis"
    DISCARDED = "discarded", "écarté"


class Fault(Labelled):
    """The reasons why a mail is not sent, or why its fate is unknown."""

    NO_MAILBOX = "no_mailbox", "l'établissement n'a pas de boîte"
    TOO_LATE = "too_late", "heure limite passée"
    OBSOLETE = "obsolete", "la demande a été reprise entre-temps"
    CODE_ERASED = "code_erased", "le code ou le lien a été effacé"
    CODE_UNREADABLE = "code_unreadable", "le code ne peut pas être déchiffré"
    RENDERING = "rendering", "le texte n'a pas pu être composé"
    BAD_ADDRESS = "bad_address", "l'adresse n'est pas utilisable"
    RECIPIENT_REFUSED = "recipient_refused", "destinataire refusé"
    MESSAGE_REFUSED = "message_refused", "message refusé"
    DISPUTED = "disputed", "refusé, sans que l'on sache encore si c'est ce courriel seul ou tous"
    DEFERRED = "deferred", "remis à plus tard par le relais"
    DROPPED = "dropped", "connexion perdue avant l'envoi du message"
    EXHAUSTED = "exhausted", "tous les essais ont échoué"
    LOST_REPLY = "lost_reply", "connexion perdue avant la réponse au message"
    LEASE_LOST = "lease_lost", "l'envoi a été interrompu"


class RelayFault(Labelled):
    """The reasons why the relay takes no mail at all: no mail is at fault."""

    DOWN = "down", "le relais de messagerie ne répond pas"
    BUSY = "busy", "le relais remet tous les envois à plus tard"
    LOGIN_REFUSED = "login_refused", "le relais refuse l'identification du service"
    SENDER_REFUSED = "sender_refused", "le relais refuse l'expéditeur"
    RELAY_DENIED = "relay_denied", "le relais refuse de transmettre nos courriels"


class Erasure(Labelled):
    """The reasons why a code was erased (R61), or the secret of a sign-in link (R72)."""

    HANDED_OVER = "handed_over", "remis en main propre"
    REVOKED = "revoked", "demande révoquée"
    REPLACED = "replaced", "code remplacé"
    TAKEN_BACK = "taken_back", "envoi annulé"
    OVERDUE = "overdue", "durée de conservation passée"
    READ = "read", "lu sur le portail"
    USED = "used", "lien utilisé"


class Priority(IntEnum):
    """The order of sending: the smallest number leaves first."""

    SIGN_IN = 0
    CODE = 1
    REST = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A mail to enqueue: its recipient and its facts.

    ``recipient`` is empty when the establishment has no mailbox (R15). ``dedupe_key`` makes it leave once, however
    often it is enqueued. ``not_before`` None lets it leave at once; ``not_after`` None takes the lifetime of its kind.
    ``sealed_for`` names what its secret was sealed for when that is no request (R72). ``other_references``: other
    requests that it is about; it then needs a dedupe key.
    """

    kind: Kind
    audience: Audience
    recipient: str
    context: Any
    uai: str | None = None
    reference: str | None = None
    dedupe_key: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    sealed_for: str | None = None
    other_references: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A stored mail; its fields are the columns of ``outgoing_mail``.

    ``body`` and ``html`` show a placeholder where a code stands (R60); ``context`` and ``papers`` are JSON. The last
    fields are for ``outbox.queue``: see ``OutgoingMail``.
    """

    id: int
    kind: Kind
    audience: Audience
    uai: str | None = None
    reference: str | None = None
    recipient: str
    context: str
    priority: int
    created_at: datetime
    not_after: datetime
    stage: Stage
    attempts: int = 0
    next_attempt_at: datetime | None = None
    lease_token: str | None = None
    message_id: str | None = None
    dated_at: datetime | None = None
    subject: str | None = None
    body: str | None = None
    html: str | None = None
    papers: str | None = None
    last_reply: str | None = None
    fault: Fault | None = None
    sent_at: datetime | None = None
    doubted_at: datetime | None = None
    seal_id: str | None = None
    replaces_id: int | None = None
    put_off_since: datetime | None = None
    disputed: str | None = None
    others_accepted: bool = False
    proofs: int = 0
    relay_blamed: bool = False
    reported_at: datetime | None = None
    erased_at: datetime | None = None

    @property
    def title(self) -> str:
        """The mail's subject matter, in French, for a list."""
        return self.kind.label


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayCertificate:
    """What a connection shows of the relay's certificate.

    ``until`` is when it expires; ``refused`` is OpenSSL's number of why it is not admitted, of which no date is read.
    """

    until: datetime | None = None
    refused: int | None = None
