"""French wordings that pages, the command line and the API share: of each trigger, of a tick, of a year's end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from states.vocabulary import Role, Trigger

if TYPE_CHECKING:
    from states.school_calendar import YearEnd
    from workflow.removals.connector.service import RoundResult
    from workflow.requests.detail import EventView
    from workflow.schedule.tick import TickResult
    from workflow.year_end.service import HeldYear

DIRECTORY_COLUMNS: Final[Mapping[str, str]] = {
    "nom": "nom", "kind": "type", "commune": "commune", "departement": "département", "mailbox": "boîte",
    "telephone": "téléphone", "departement_name": "nom du département", "nature": "nature",
    "chef_civility": "civilité du chef", "siret": "SIRET", "is_open": "ouvert", "is_listed": "dans l'annuaire",
}  # fmt: skip
"""The columns of an establishment that an import may change, as people read them."""


@dataclass(frozen=True)
class PageTexts:
    """The title and the button of the page on which an action is prepared."""

    title: str
    button: str


@dataclass(frozen=True, kw_only=True)
class BulkTexts:
    """An action on many requests. ``choice`` names it in a list; ``done`` is said of each request."""

    choice: str = ""
    button: str = ""
    done: str = ""
    consequence: str = ""
    """The consequence of an action that cannot be taken back."""


@dataclass(frozen=True, kw_only=True)
class TriggerTexts:
    """The French wordings of one trigger, besides its own label.

    ``done`` is the sentence of an accepted action, ``event`` its line in the rectorat's history, ``api`` and
    ``command`` its description for programs and in ``oda request --help``. ``pages``: by the end of their address.
    """

    done: str
    event: str
    api: str = ""
    command: str = ""
    pages: Mapping[str, PageTexts] = field(default_factory=dict)
    bulk: BulkTexts = BulkTexts()


TRIGGER_TEXTS: Final[Mapping[Trigger, TriggerTexts]] = {
    Trigger.DECLARE: TriggerTexts(
        done="le RUPN est déclaré",
        event="RUPN déclaré",
        api="Déclare un RUPN (référent pour les ressources et usages pédagogiques numériques) pour une année scolaire"
        " (R25).",
        command="Déclare un RUPN (R25).",
    ),
    Trigger.DELEGATE: TriggerTexts(
        done="la délégation est attestée",
        event="Délégation attestée",
        api="Atteste que la délégation est indispensable et qu'elle est faite dans DelegCE (R26).",
        command="Atteste la délégation faite dans DelegCE (R26).",
        pages={"delegation": PageTexts("Attester la délégation", "J'atteste la délégation")},
    ),
    Trigger.SIGN_CHARTER: TriggerTexts(
        done="la charte signée est enregistrée",
        event="Charte signée enregistrée",
        api="Enregistre la charte signée par le RUPN (R27).",
        command="Enregistre la charte signée (R27).",
        pages={"charte": PageTexts("Enregistrer la charte signée", "La charte est signée et conservée")},
    ),
    Trigger.SUBMIT: TriggerTexts(
        done="la demande est envoyée au rectorat",
        event="Demande envoyée au rectorat",
        api="Envoie la demande au rectorat, l'identité du RUPN relue et confirmée (R28).",
        command="Envoie la demande au rectorat (R28).",
        pages={"envoi": PageTexts("Envoyer la demande au rectorat", "J'atteste et j'envoie la demande")},
    ),
    Trigger.CHECK_LISTING: TriggerTexts(
        done="la vérification de la liste est enregistrée",
        event="Liste des RUPN vérifiée",
        api="Enregistre la vérification de la liste des RUPN (R34).",
        command="Enregistre la vérification de la liste des RUPN (R34).",
        pages={"verifier-liste": PageTexts("Vérifier la liste des RUPN", "Enregistrer la vérification")},
        bulk=BulkTexts(
            choice="Enregistrer la vérification de la liste des RUPN",
            button="Enregistrer la vérification",
            done="vérification de la liste enregistrée",
        ),
    ),
    Trigger.CHECK_DELEGATION: TriggerTexts(
        done="la vérification de la délégation est enregistrée",
        event="Délégation vérifiée",
        api="Enregistre la vérification de la délégation (R34).",
        command="Enregistre la vérification de la délégation (R34).",
        pages={"verifier-delegation": PageTexts("Vérifier la délégation", "Enregistrer la vérification")},
        bulk=BulkTexts(
            choice="Enregistrer la vérification de la délégation",
            button="Enregistrer la vérification",
            done="vérification de la délégation enregistrée",
        ),
    ),
    Trigger.SEND_BACK: TriggerTexts(
        done="la demande est renvoyée à l'établissement",
        event="Demande renvoyée à l'établissement",
        api="Renvoie la demande à l'établissement, à l'étape qui est à refaire (R38).",
        command="Renvoie la demande à l'établissement (R38).",
        pages={"renvoyer": PageTexts("Renvoyer la demande à l'établissement", "Renvoyer la demande")},
        bulk=BulkTexts(
            choice="Renvoyer à l'établissement",
            button="Renvoyer ces demandes",
            done="demande renvoyée",
            consequence="Chaque établissement reçoit la raison par courriel et refait l'étape choisie.",
        ),
    ),
    Trigger.ASK_QUESTION: TriggerTexts(
        done="la question est envoyée à l'établissement",
        event="Question posée à l'établissement",
        api="Pose une question à l'établissement, qui la reçoit par courriel ; la demande reste où elle en est (R90).",
        command="Pose une question à l'établissement (R90).",
        pages={"question": PageTexts("Poser une question à l'établissement", "Envoyer la question")},
    ),
    Trigger.ANSWER_QUESTION: TriggerTexts(
        done="la réponse est envoyée au rectorat",
        event="Réponse de l'établissement",
        api="Répond à la question du rectorat (R90).",
        command="Répond à la question du rectorat (R90).",
        pages={"reponse": PageTexts("Répondre au rectorat", "Envoyer la réponse")},
    ),
    Trigger.SEND_TO_DRANE: TriggerTexts(
        done="la transmission à la DRANE est notée",
        event="Transmis à la DRANE",
        api="Note que le rectorat a transmis ce RUPN, sa correction ou son retrait à la DRANE (R96).",
        command="Note la transmission d'un RUPN, d'une correction ou d'un retrait à la DRANE (R96).",
        pages={"transmis-drane": PageTexts("Noter la transmission à la DRANE", "Noter la transmission")},
    ),
    Trigger.DRAW_CODE: TriggerTexts(
        done="un code est tiré ; il attend d'être porté sur le serveur ODA",
        event="Code tiré, pas encore transmis",
        pages={"tirer-un-code": PageTexts("Tirer un code", "Tirer le code")},
        bulk=BulkTexts(choice="Tirer les codes", button="Tirer les codes", done="code tiré"),
    ),
    Trigger.ISSUE_CODE: TriggerTexts(
        done="l'émission est enregistrée, le courriel va partir",
        event="Code émis",
        api="Émet le code, étend la clé d'une autre demande, ou celle qui sert à une autre application : un seul des"
        " trois (R39 à R43).",
        command="Émet le code, ou étend la clé (R39 à R43).",
        pages={
            "emettre": PageTexts("Émettre le code, ou étendre la clé", "Envoyer le code"),
            "etendre": PageTexts("Étendre une clé qui existe déjà", "Étendre la clé"),
            "cle-existante": PageTexts("Garder la clé qui sert à une autre application", "La clé servira aussi ici"),
        },
        bulk=BulkTexts(choice="Saisir les codes", button="Envoyer les codes saisis", done="code émis"),
    ),
    Trigger.REISSUE_CODE: TriggerTexts(
        done="le nouveau code est enregistré, le courriel va partir",
        event="Code réémis",
        api="Remplace le code ; sa remise est à confirmer de nouveau (R44).",
        command="Réémet un code (R44).",
        pages={"reemettre": PageTexts("Réémettre le code", "Envoyer le nouveau code")},
    ),
    Trigger.TAKE_BACK_CODE: TriggerTexts(
        done="l'envoi du code est annulé, rien n'est parti",
        event="Envoi du code annulé",
        api="Annule l'envoi d'un code qui vient d'être saisi, tant que son courriel n'est pas parti (R62).",
        command="Annule l'envoi d'un code qui vient d'être saisi (R62).",
        pages={"annuler-envoi": PageTexts("Annuler l'envoi du code", "Annuler l'envoi")},
    ),
    Trigger.OPEN_CODE: TriggerTexts(
        done="le code a été affiché",
        event="Code lu sur le portail",
        pages={"code": PageTexts("Lire le code", "Afficher le code")},
    ),
    Trigger.CONFIRM_HANDOVER: TriggerTexts(
        done="la remise est confirmée",
        event="Remise confirmée",
        api="Confirme que le code a été remis en main propre (R31).",
        command="Confirme la remise du code en main propre (R31).",
        pages={"remise": PageTexts("Confirmer la remise du code", "Le code est remis")},
    ),
    Trigger.CONFIRM_EXPIRY: TriggerTexts(
        done="la date d'expiration est cochée",
        event="Date d'expiration cochée",
        api="Dit quelle expiration la clé porte désormais sur le serveur ODA (R43).",
        command="Coche la date d'expiration portée sur le serveur ODA (R43).",
        pages={"expiration": PageTexts("Cocher la date d'expiration", "Cocher cette date")},
        bulk=BulkTexts(
            choice="Cocher la date d'expiration", button="Cocher ces dates", done="date d'expiration cochée"
        ),
    ),
    Trigger.REPORT_CHANGE: TriggerTexts(
        done="le signalement est enregistré",
        event="Changement signalé",
        api="Signale un changement, ou un code ou un code PIN qui ne sert plus (R32).",
        command="Signale un changement (R32).",
        pages={
            "signalement": PageTexts("Signaler un changement", "Envoyer le signalement"),
            "nouveau-code": PageTexts("Demander un nouveau code", "Demander un nouveau code"),
            "rendre": PageTexts("Rendre la clé", "Rendre la clé"),
            "signaler": PageTexts("Signaler un changement", "Enregistrer le signalement"),
        },
    ),
    Trigger.SETTLE_CHANGE: TriggerTexts(
        done="le signalement est réglé",
        event="Signalement réglé",
        api="Dit quelle suite est donnée à un signalement ; révoquer et réémettre le disent d'eux-mêmes (R46).",
        command="Règle un signalement (R46).",
        pages={"regler": PageTexts("Répondre à un signalement", "Enregistrer et régler le signalement")},
        bulk=BulkTexts(choice="Régler le signalement", button="Régler ces signalements", done="signalement réglé"),
    ),
    Trigger.AMEND: TriggerTexts(
        done="la correction est enregistrée",
        event="Déclaration corrigée",
        api="Corrige une demande avant son envoi ; ce qui est absent reste comme il est (R29).",
        command="Corrige une demande pas encore envoyée (R29).",
        pages={"correction": PageTexts("Corriger la déclaration", "Enregistrer la correction")},
    ),
    Trigger.TAKE_BACK: TriggerTexts(
        done="la demande est reprise : elle est à corriger, puis à envoyer de nouveau",
        event="Demande reprise pour être corrigée",
        api="Reprend une demande envoyée, pour la corriger, tant que rien n'y est vérifié (R29).",
        command="Reprend une demande envoyée, pour la corriger (R29).",
        pages={"reprise": PageTexts("Corriger la demande envoyée", "Reprendre la demande pour la corriger")},
    ),
    Trigger.WITHDRAW: TriggerTexts(
        done="la demande est abandonnée",
        event="Demande abandonnée",
        api="Abandonne une demande dont le code n'est pas transmis (R30).",
        command="Abandonne une demande (R30).",
        pages={"abandon": PageTexts("Abandonner la demande", "Abandonner la demande")},
    ),
    Trigger.REVOKE: TriggerTexts(
        done="la demande est révoquée",
        event="Demande révoquée",
        api="Retire les droits avant la fin de l'année (R45).",
        command="Révoque des demandes (R45).",
        pages={"revoquer": PageTexts("Révoquer la demande", "Révoquer la demande")},
        bulk=BulkTexts(
            choice="Révoquer",
            button="Révoquer ces demandes",
            done="demande révoquée",
            consequence="Chaque demande est close et son établissement averti ; les droits restent à retirer"
            " sur le serveur ODA.",
        ),
    ),
    Trigger.EXPIRE: TriggerTexts(
        done="l'année scolaire est finie : la demande est close",
        event="Demande révoquée, l'année étant finie",
    ),
    Trigger.CONFIRM_REMOVAL: TriggerTexts(
        done="le retrait est confirmé",
        event="Retrait des droits confirmé",
        api="Confirme ce qui a été fait sur le serveur ODA après une révocation (R49).",
        command="Confirme le retrait des droits (R49).",
        pages={"retrait": PageTexts("Confirmer le retrait des droits", "Confirmer le retrait")},
        bulk=BulkTexts(
            choice="Confirmer le retrait des droits",
            button="Confirmer ces retraits",
            done="retrait confirmé",
            consequence="La tâche de retrait est close : ne confirmer que ce qui est fait sur le serveur ODA.",
        ),
    ),
    Trigger.REOPEN_REMOVAL: TriggerTexts(
        done="le retrait est rouvert",
        event="Retrait des droits rouvert",
        api="Rouvre un retrait confirmé à tort : il est de nouveau à faire (R49).",
        command="Rouvre un retrait confirmé à tort (R49).",
        pages={"rouvrir-retrait": PageTexts("Rouvrir ce retrait", "Rouvrir ce retrait")},
    ),
    Trigger.RENEW: TriggerTexts(
        done="la demande est renouvelée",
        event="Demande née d'un renouvellement",
        api="Fait naître la demande de l'année suivante pour la même personne (R33).",
        command="Renouvelle une demande (R33).",
        pages={"renouvellement": PageTexts("Renouveler la demande", "Renouveler la demande")},
    ),
}
"""One row per trigger, read by the pages, the command line and the API: nothing is worded twice."""


def happened(event: "EventView") -> str:
    """An event of a history, in a few words."""
    if event.trigger is Trigger.ISSUE_CODE and event.data.get("extends"):
        return "Clé existante étendue"
    if event.trigger is Trigger.TAKE_BACK_CODE and event.data.get("batch"):
        return "Code tiré effacé"
    if event.trigger is Trigger.REPORT_CHANGE and event.role is Role.RUPN:
        return "Le RUPN dit ne plus l'être"
    if event.trigger is Trigger.REVOKE and event.role is Role.SCHEDULE:
        return "Demande révoquée au jour prévu"
    if event.trigger is Trigger.SETTLE_CHANGE and event.data.get("revoke_on"):
        return "Révocation datée"
    return TRIGGER_TEXTS[event.trigger].event


def done_lines(ticked: "TickResult", sent: int = 0) -> Iterator[str]:
    """The results of a tick, in French; nothing for nothing."""
    from states.french import plural

    for year, count in ticked.revoked.items():
        if count:
            yield f"Fin de l'année {year} : {plural(count, 'demande révoquée', 'demandes révoquées')}."
    if ticked.dated:
        yield f"{plural(ticked.dated, 'demande révoquée', 'demandes révoquées')} au jour prévu (R46)."
    if ticked.erased:
        yield f"{plural(ticked.erased, 'code effacé', 'codes effacés')}, gardés trop longtemps (R61)."
    if ticked.due_reports:
        yield f"{plural(ticked.due_reports, 'signalement à échéance', 'signalements à échéance')}."
    mails = ticked.daily_mails
    if mails.notices:
        yield f"Fin d'année annoncée à {plural(mails.notices, 'établissement')} (R78)."
    if mails.invitations:
        yield f"{plural(mails.invitations, 'établissement invité', 'établissements invités')} à renouveler (R81)."
    if mails.reminders:
        yield f"{plural(mails.reminders, 'rappel inscrit', 'rappels inscrits')} (R79)."
    if mails.digests:
        yield "Récapitulatif des retards inscrit (R80)."
    if sent:
        yield f"{plural(sent, 'courriel remis', 'courriels remis')} au relais."


def trouble_lines(ticked: "TickResult") -> Iterator[str]:
    """The works that a tick could not do, in French, each with what to do (R52)."""
    from states.french import span
    from states.rules.schedule import STEADY_START, ClockFault

    if ticked.clock_fault:
        yield f"L'horloge n'est pas crue : {ticked.clock_fault.label}. Rien de ce qui ne se défait pas n'est fait."
        remedy = "vérifier la date et la remettre à l'heure ; si elle est juste, « oda clock confirm »"
        if ticked.clock_fault is ClockFault.STARTED:
            remedy = f"rien, tout reprend de soi-même dans {span(STEADY_START)} ; plus tôt par « oda clock confirm »"
        yield f"  — Que faire : {remedy}."
    yield from ticked.troubles


def called_lines(called: "RoundResult | None") -> Iterator[str]:
    """The results of the connector (R84); nothing for nothing."""
    from states.french import plural

    if called and called.confirmed:
        yield f"{plural(called.confirmed, 'retrait confirmé', 'retraits confirmés')} par le serveur ODA."
    if called and called.waiting:
        yield f"{plural(called.waiting, 'retrait sera redemandé', 'retraits seront redemandés')} au serveur ODA."
    if called and called.refused:
        given_back = plural(called.refused, "retrait rendu", "retraits rendus")
        yield f"{given_back} aux opérateurs : voir « oda connector calls »."


def held_lines(years: "Iterable[HeldYear]") -> Iterator[str]:
    """Each end that waits for an operator, and what to do (R52)."""
    from states.french import day

    for year in years:
        yield f"La fin de l'année {year.school_year} ({day(year.last_day)}) est retenue : {year.hold.label}."
        yield f"  — Que faire : lire « oda year-end preview », puis « oda year-end confirm {year.school_year} »."


def how_found(end: "YearEnd", zone: str | None = None) -> str:
    """The origin of its date (R22); ``zone`` is the académie's holiday zone."""
    from states.school_calendar import EndRule

    how = {
        EndRule.EVE_OF_RENTREE: "veille de la rentrée des élèves",
        EndRule.SUMMER_START: f"début des vacances d'été{f' de la zone {zone}' if zone else ''}",
        EndRule.FIXED_DAY: "jour fixe du réglage school_year.end",
        EndRule.GIVEN: "date donnée dans school_year.end_dates",
        EndRule.DEFAULT: "DATE PAR DÉFAUT, faute de date connue",
    }
    return how[end.rule]


def end_in_words(end: "YearEnd", zone: str | None = None) -> str:
    """``31 août 2027 à 24 h (veille de la rentrée des élèves)`` (R22)."""
    from states.french import day

    return f"{day(end.last_day)} à 24 h ({how_found(end, zone)})"
