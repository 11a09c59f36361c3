"""Descriptions in French of the fields of each action, with an example that is accepted."""

from typing import Any, Final

from states.vocabulary import Trigger

_TEXT = "quelques mots, sans nom ni donnée de santé"

FIELDS: Final[dict[str, tuple[str, Any]]] = {
    "reference": ("La référence de la demande.", "ODA-2027-00001"),
    "expected_version": ("La version lue : si la demande a changé depuis, l'action est refusée (R9).", None),
    "on_behalf": ("Qui, dans l'établissement, l'a demandé ; pour un opérateur seulement (R5).", None),
    "uai": ("L'UAI de l'établissement (R11).", "0310001H"),
    "nom": ("Le nom du RUPN, comme dans l'annuaire de l'académie (R16).", "Durand"),
    "prenom": ("Son prénom (R16).", "Zoé"),
    "mail": ("Son adresse académique (R16).", "zoe.durand@ac-toulouse.fr"),
    "school_year": ("L'année scolaire ; absente : celle qui est proposée (R20).", "2026-2027"),
    "drane_declared_on": ("Le jour de la déclaration à la DRANE ; absent : pas encore (R25).", "2026-09-10"),
    "mail_confirmed": ("C'est bien l'adresse professionnelle du RUPN, bien que d'un autre domaine (R16).", None),
    "homonym_confirmed": ("C'est bien une autre personne, de mêmes nom et prénom (R17).", None),
    "why": (f"Pourquoi : {_TEXT}.", "accueil des familles"),
    "note": (f"Une précision : {_TEXT}.", None),
    "made_on": ("Le jour où la délégation a été faite dans DelegCE.", "2026-09-14"),
    "signed_on": ("Le jour de la signature.", "2026-09-14"),
    "version": ("La version signée, lue sur la charte.", "2026-1"),
    "copy_kept": ("L'exemplaire signé est conservé dans l'établissement.", True),
    "outcome": ("Ce que la vérification a trouvé.", "positive"),
    "source": (f"Où l'on a regardé : {_TEXT}.", "liste de la DRANE du 14 septembre"),
    "checked_on": ("Le jour de la vérification ; absent : aujourd'hui (R36).", "2026-09-14"),
    "step": ("L'étape à refaire.", "charter"),
    "code": ("Le code d'initialisation ; il n'est jamais renvoyé ni journalisé (R41, R60).", "Ab12Cd34"),
    "extends": ("La demande dont la clé sert aussi ici, au lieu d'un code (R40).", None),
    "key_elsewhere": ("La personne a déjà une clé, qui sert à une autre application : aucun code (R40).", None),
    "expires_on": ("L'expiration portée sur le serveur ODA ; absente : la fin de l'année (R43).", "2027-08-31"),
    "new_key_confirmed": ("La personne a déjà une clé, et une nouvelle est voulue (R42).", None),
    "drawn": ("Le code tiré pour cette demande est sur le serveur ODA : son courriel peut partir (R97).", None),
    "handed_on": ("Le jour de la remise.", "2026-09-14"),
    "change": ("Ce qui change.", "departure"),
    "effective_on": ("À partir de quel jour.", "2026-10-01"),
    "settlement": ("La suite donnée.", "no_effect"),
    "revoke_on": ("Le jour où l'échéancier révoquera, pour une révocation datée seulement (R46).", None),
    "report": ("Le numéro du signalement ; absent : le seul qui soit ouvert.", 1),
    "reason": ("La raison.", None),
    "question": (f"La question, que l'établissement lira : {_TEXT}.", "le RUPN est-il bien celui de la liste ?"),
    "answer": (f"La réponse : {_TEXT}.", "oui, la liste est en retard"),
    "sent_on": ("Le jour de la transmission à la DRANE ; absent : aujourd'hui (R96).", "2026-09-14"),
    "what": ("Ce qui a été transmis ; absent : ce que la demande a à transmettre.", None),
    "seen": ("L'empreinte de la ligne transmise ; absente : la demande telle qu'elle est.", None),
    "settle_change.why": (f"Pourquoi : {_TEXT}.", "le départ est annulé"),
    "reopen_removal.why": (f"Pourquoi : {_TEXT}.", "confirmé pour une autre demande"),
    "send_back.why": (f"Pourquoi : {_TEXT}.", "charte de l'an passé"),
    "reissue_code.reason": ("La raison.", "not_received"),
    "withdraw.reason": ("La raison.", "not_needed"),
    "revoke.reason": ("La raison.", "departure"),
    "confirm_removal.outcome": ("Ce qui a été fait sur le serveur ODA.", "removed"),
    "confirm_expiry.expires_on": ("L'expiration portée ; absente : la fin de l'année (R43).", "2027-07-31"),
    "renew.school_year": ("L'année scolaire ; absente : la dernière qui soit ouverte (R33).", None),
    "amend.nom": ("Le nom corrigé ; après la charte, elle est à signer de nouveau.", None),
    "amend.prenom": ("Le prénom corrigé, de même.", None),
    "amend.mail": ("L'adresse corrigée.", "z.durand@ac-toulouse.fr"),
    "amend.drane_declared_on": ("Le jour de la déclaration à la DRANE.", None),
}
"""A field's sentence and example, of every action or of one (``trigger.field``); None: the example leaves it out."""

BEHALF: Final[dict[str, Any]] = {"who": "Mme Martin, principale", "how": "telephone", "when": "2026-09-14"}


def of_field(trigger: Trigger, name: str) -> tuple[str, Any]:
    """The sentence and the example of a field of a command."""
    return FIELDS.get(f"{trigger.value}.{name}") or FIELDS[name]
