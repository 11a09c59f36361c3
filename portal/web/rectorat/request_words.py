"""What the page of a request says of its code and of its mails, in sentences."""

from typing import Final

from notifications.mail import Mail
from notifications.vocabulary import Stage
from states.vocabulary import CodeFate, Trigger
from workflow.reading.history import EventView

FATES: Final = {
    CodeFate.NONE: "Aucun code en cours.",
    CodeFate.WAITING: "Le courriel du code n'est pas encore parti : il attend son tour.",
    CodeFate.ACCEPTED: "Le courriel du code est parti ; l'établissement n'a pas encore confirmé la remise.",
    CodeFate.UNCERTAIN: "On ne sait pas si le courriel du code est arrivé : demander à l'établissement.",
    CodeFate.UNDELIVERABLE: "Le code n'est pas arrivé : corriger la boîte et renvoyer le courriel, ou réémettre.",
    CodeFate.EXTENDED: "La clé existante a été étendue : il n'y a pas de code à remettre.",
    CodeFate.HANDED_OVER: "Le code a été remis au RUPN en main propre.",
}
"""What became of the code (R58)."""

HAPPENED: Final = {
    Trigger.DECLARE: "RUPN déclaré",
    Trigger.DELEGATE: "Délégation attestée",
    Trigger.SIGN_CHARTER: "Charte signée enregistrée",
    Trigger.SUBMIT: "Demande envoyée au rectorat",
    Trigger.CHECK_LISTING: "Liste des RUPN vérifiée",
    Trigger.CHECK_DELEGATION: "Délégation vérifiée",
    Trigger.SEND_BACK: "Demande renvoyée à l'établissement",
    Trigger.REISSUE_CODE: "Code réémis",
    Trigger.CONFIRM_HANDOVER: "Remise confirmée",
    Trigger.CONFIRM_EXPIRY: "Date d'expiration cochée",
    Trigger.REPORT_CHANGE: "Changement signalé",
    Trigger.SETTLE_CHANGE: "Signalement réglé",
    Trigger.AMEND: "Déclaration corrigée",
    Trigger.WITHDRAW: "Demande abandonnée",
    Trigger.REVOKE: "Demande révoquée",
    Trigger.EXPIRE: "Demande révoquée, l'année étant finie",
    Trigger.CONFIRM_REMOVAL: "Retrait des droits confirmé",
    Trigger.RENEW: "Demande née d'un renouvellement",
}
"""Each event of the history (R8)."""

_COLOURS: Final = {
    Stage.SENT: "success",
    Stage.DEAD: "error",
    Stage.UNCERTAIN: "warning",
    Stage.RETRY: "warning",
    Stage.PENDING: "info",
    Stage.SENDING: "info",
}


def happened(event: EventView) -> str:
    """An event in a few words."""
    if event.trigger is Trigger.ISSUE_CODE:
        return "Clé existante étendue" if event.data.get("extends") else "Code émis"
    return HAPPENED[event.trigger]


def told(event: EventView) -> list[tuple[str, str]]:
    """What an event says further, free texts included."""
    notes = [(note.label, "(texte effacé)" if note.body is None else f"« {note.body} »") for note in event.notes]
    return [*event.details, *notes]


def colour(mail: Mail) -> str:
    """The kind of badge that a mail's stage deserves; empty for a plain one."""
    return _COLOURS.get(mail.stage, "")
