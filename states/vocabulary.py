"""Enumerations of the domain: every closed list of values, with the French label that a reader sees."""

from enum import StrEnum
from typing import Self


class Labelled(StrEnum):
    """A closed list whose members carry a French label: ``MEMBER = "stored value", "French label"``.

    A member is found by what is stored, ``State("declared")``; the label's default is for that call alone. Raises
    TypeError for a member that is declared without one.
    """

    label: str
    __hash__ = str.__hash__  # equal to their text, and hashed as quickly: they are keys everywhere

    def __new__(cls, value: str, label: str = "") -> Self:
        if not label:
            raise TypeError(f"{cls.__name__}: {value!r} has no label")
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class State(Labelled):
    """States of a request (R1)."""

    DECLARED = "declared", "déclarée"
    DELEGATED = "delegated", "déléguée"
    CHARTER_SIGNED = "charter_signed", "charte signée"
    REQUESTED = "requested", "demandée"
    CODE_ISSUED = "code_issued", "code transmis"
    REVOKED = "revoked", "révoquée"


class StandInKind(Labelled):
    """The ways in which an operator can act in an establishment's stead, besides at its request (R6)."""

    MAILBOX = "mailbox", "boîte fixée"
    TOKEN = "token", "jeton fait"


LIVE_STATES = tuple(state for state in State if state is not State.REVOKED)


class Trigger(Labelled):
    """Events of a request's life; the label is an infinitive, as on a button."""

    DECLARE = "declare", "déclarer le RUPN"
    DELEGATE = "delegate", "attester la délégation"
    SIGN_CHARTER = "sign_charter", "enregistrer la charte signée"
    SUBMIT = "submit", "envoyer la demande"
    CHECK_LISTING = "check_listing", "vérifier la liste des RUPN"
    CHECK_DELEGATION = "check_delegation", "vérifier la délégation"
    SEND_BACK = "send_back", "renvoyer à l'établissement"
    DRAW_CODE = "draw_code", "tirer un code"
    ISSUE_CODE = "issue_code", "émettre le code"
    REISSUE_CODE = "reissue_code", "réémettre le code"
    TAKE_BACK_CODE = "take_back_code", "annuler l'envoi du code"
    OPEN_CODE = "open_code", "lire le code"
    CONFIRM_HANDOVER = "confirm_handover", "confirmer la remise"
    CONFIRM_EXPIRY = "confirm_expiry", "cocher la date d'expiration"
    REPORT_CHANGE = "report_change", "signaler un changement"
    SETTLE_CHANGE = "settle_change", "régler un signalement"
    AMEND = "amend", "corriger"
    TAKE_BACK = "take_back", "reprendre la demande pour la corriger"
    WITHDRAW = "withdraw", "abandonner"
    REVOKE = "revoke", "révoquer"
    EXPIRE = "expire", "révoquer à la fin de l'année"
    CONFIRM_REMOVAL = "confirm_removal", "confirmer le retrait des droits"
    REOPEN_REMOVAL = "reopen_removal", "rouvrir ce retrait"
    RENEW = "renew", "renouveler"
    ASK_QUESTION = "ask_question", "poser une question à l'établissement"
    ANSWER_QUESTION = "answer_question", "répondre à la question du rectorat"
    SEND_TO_DRANE = "send_to_drane", "noter la transmission à la DRANE"


class Role(Labelled):
    """The capacity in which somebody acts (R2)."""

    CHEF = "chef", "chef d'établissement"
    DEPUTY = "deputy", "adjoint"
    OPERATOR = "operator", "opérateur du rectorat"
    READER = "reader", "lecteur"
    SCHEDULE = "schedule", "échéancier"
    CONNECTOR = "connector", "connecteur du serveur ODA"
    RUPN = "rupn", "RUPN"


class Channel(Labelled):
    """The way by which an action came in."""

    CLI = "cli", "ligne de commande"
    WEB = "web", "portail"
    API = "api", "interface de programmation"
    SCHEDULE = "schedule", "échéancier"
    CONNECTOR = "connector", "connecteur du serveur ODA"


class SignInMethod(Labelled):
    """The way by which somebody signed in to the portal (R72, R101, R102)."""

    MAIL_LINK = "mail_link", "lien reçu par courriel"
    PROVIDER = "provider", "fournisseur d'identité"
    TRUSTED_HEADERS = "trusted_headers", "guichet de l'académie"


class Scope(Labelled):
    """The scope of an access token: what a program may do with it (R76)."""

    READ = "read", "lire"
    ACT = "act", "lire et agir"


class FactorChange(Labelled):
    """A change of somebody's second factor (R106)."""

    ADDED = "added", "activé"
    REMOVED = "removed", "retiré"
    RECOVERY_CODE_USED = "recovery_code_used", "code de secours utilisé"


class CheckOutcome(Labelled):
    """Result of a check of a list (R34)."""

    POSITIVE = "positive", "conforme"
    NEGATIVE = "negative", "introuvable"


class DraneStanding(Labelled):
    """The news of the RUPN of a request that the DRANE has yet to be sent (R96)."""

    TO_ADD = "to_add", "à transmettre"
    TO_CORRECT = "to_correct", "correction à transmettre"
    TO_REMOVE = "to_remove", "à retirer"
    UP_TO_DATE = "up_to_date", "transmis"
    NOTHING = "nothing", "rien à transmettre"


DRANE_MOVEMENTS = {
    DraneStanding.TO_ADD: "ajout", DraneStanding.TO_CORRECT: "correction", DraneStanding.TO_REMOVE: "retrait",
}  # fmt: skip
"""What is to be sent, as the file for the DRANE and the history name it."""


class Step(Labelled):
    """The step that a request sent back must redo (R38)."""

    DECLARATION = "declaration", "déclaration"
    DELEGATION = "delegation", "délégation"
    CHARTER = "charter", "charte"
    CONFIRMATION = "confirmation", "confirmation"


class ReissueReason(Labelled):
    """Reasons to issue a code again (R44)."""

    NOT_RECEIVED = "not_received", "code non reçu"
    LOST = "lost", "code perdu"
    REFUSED = "refused", "code refusé"
    PIN_FORGOTTEN = "pin_forgotten", "code PIN oublié"
    COMPROMISED = "compromised", "clé compromise"
    TYPING_ERROR = "typing_error", "code erroné (erreur de saisie)"


class Change(Labelled):
    """Changes that a report announces (R32)."""

    MISSION = "mission", "changement de mission"
    DEPARTURE = "departure", "départ"
    ABSENCE = "absence", "absence"
    CODE_NOT_RECEIVED = "code_not_received", "code non reçu"
    CODE_REFUSED = "code_refused", "code refusé"
    PIN_FORGOTTEN = "pin_forgotten", "code PIN oublié ou perdu"
    NOT_NEEDED = "not_needed", "clé devenue inutile"
    KEY_COMPROMISED = "key_compromised", "compromission de la clé"
    KEY_LOST = "key_lost", "code ou code PIN perdu"
    LISTING_LOST = "listing_lost", "ne figure plus dans la liste des RUPN"
    DELEGATION_ENDED = "delegation_ended", "n'a plus de délégation en cours"
    NOT_RUPN = "not_rupn", "le RUPN dit ne plus l'être"


EVIDENCE_CHANGES = (Change.LISTING_LOST, Change.DELEGATION_ENDED)
"""Changes that the rectorat reads in its two lists, of which no establishment reports (R95)."""

RUPN_CHANGES = (Change.NOT_RUPN,)
"""The reports that the RUPN makes himself, on his own page (R113)."""

CODE_CHANGES = (Change.CODE_NOT_RECEIVED, Change.CODE_REFUSED)
"""Changes that are about an initialisation code: an extended key has none (R32)."""

NEW_CODE_CHANGES = (*CODE_CHANGES, Change.PIN_FORGOTTEN, Change.KEY_LOST)
"""Changes to which a new code is the answer (R44)."""

KEY_CHANGES = (*NEW_CODE_CHANGES, Change.NOT_NEEDED, Change.KEY_COMPROMISED)
"""Changes of a key that is there (R32)."""

DATED_CHANGES = (Change.MISSION, Change.DEPARTURE, Change.ABSENCE, Change.NOT_NEEDED, *EVIDENCE_CHANGES, *RUPN_CHANGES)
"""Changes after which the key may serve until a day: a revocation can be dated (R46)."""

_REPORTED_OTHERWISE = (Change.KEY_LOST, *EVIDENCE_CHANGES, *RUPN_CHANGES)

REPORTED_CHANGES = tuple(change for change in Change if change not in _REPORTED_OTHERWISE)
"""Changes offered to who reports; the others are of older reports, programs, the two lists and the RUPN's page."""


class Settlement(Labelled):
    """Settlements of a report (R46)."""

    REVOKED = "revoked", "droits révoqués"
    REISSUED = "reissued", "code réémis"
    REVOCATION_DATED = "revocation_dated", "révocation datée"
    NO_EFFECT = "no_effect", "sans effet"


class WithdrawReason(Labelled):
    """Reasons for which an establishment gives up (R30)."""

    NOT_NEEDED = "not_needed", "la clé n'est plus nécessaire"
    OTHER_PERSON = "other_person", "une autre personne est désignée"
    ERROR = "error", "erreur de saisie"
    OTHER = "other", "autre raison"


class RevokeReason(Labelled):
    """Reasons for which the rectorat revokes (R45)."""

    MISSION = "mission", "changement de mission"
    DEPARTURE = "departure", "départ"
    ABSENCE = "absence", "absence durable"
    COMPROMISE = "compromise", "clé compromise"
    NOT_NEEDED = "not_needed", "clé devenue inutile"
    LISTING_LOST = "listing_lost", "absence de la liste des RUPN"
    DELEGATION_ENDED = "delegation_ended", "fin de la délégation"
    REFUSAL = "refusal", "demande refusée"
    ERROR = "error", "erreur"
    OTHER = "other", "autre raison"


class Action(Labelled):
    """The operator's task on the ODA server."""

    REMOVE_KEY = "remove_key", "supprimer la clé"
    REMOVE_RIGHTS = "remove_rights", "retirer les droits de la clé"
    KEEP_KEY = "keep_key", "retirer les droits de cet établissement, garder la clé"
    CHANGE_EXPIRY = "change_expiry", "garder la clé, changer sa date d'expiration"


class RemovalOutcome(Labelled):
    """Results of a removal on the ODA server (R49)."""

    REMOVED = "removed", "clé supprimée"
    ABSENT = "absent", "clé déjà absente du serveur"
    EXPIRED = "expired", "clé déjà expirée sur le serveur"
    KEPT = "kept", "droits retirés, clé gardée"


class RemovalKind(Labelled):
    """Questions that a removal task asks (R47)."""

    REMOVE_RIGHTS = "remove_rights", "droits à retirer"
    KEY_ENABLED = "key_enabled", "une clé a-t-elle été activée ?"


class CallStage(Labelled):
    """Stages of the connector's call about a removal task (R49)."""

    WAITING = "waiting", "à faire"
    DONE = "done", "fait"
    REFUSED = "refused", "à reprendre par un opérateur"


class RequestedBy(Labelled):
    """Ways in which an establishment asks an operator to act for it (R5)."""

    TELEPHONE = "telephone", "par téléphone"
    MAIL = "mail", "par courriel"
    TICKET = "ticket", "par le centre de service"
    VISIT = "visit", "sur place"


class CodeStatus(Labelled):
    """Delivery of the code, beside the request's state (R58); HELD: it waits to be said on the ODA server (R97).

    TO_READ, READ: it is read on its page of the portal, and goes by no mail (R112).
    """

    NONE = "none", "aucun code"
    HELD = "held", "tiré, pas encore transmis"
    WAITING = "waiting", "en attente d'envoi"
    SENDING = "sending", "envoi en cours"
    ACCEPTED = "accepted", "accepté par le relais"
    TO_READ = "to_read", "pas encore lu"
    READ = "read", "lu sur le portail"
    UNCERTAIN = "uncertain", "envoi incertain"
    UNDELIVERABLE = "undeliverable", "non remis"
    EXTENDED = "extended", "clé étendue"
    HANDED_OVER = "handed_over", "remis en main propre"


ON_ITS_WAY = (CodeStatus.WAITING, CodeStatus.SENDING)
