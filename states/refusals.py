"""Refusals and warnings (R7): one function each, which gives a typed reason in French, with its rule and a remedy.

Their order is that of the process: access, fields, the establishment's steps, checks and codes, what follows a code,
the school year.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from states import french
from states.model import DrawnBatch, LastEvent, Report, Request
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import Change, CodeStatus, RevokeReason, Role, StandInKind, State, Trigger


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a stable ``code`` for programs, its ``rule`` in docs/processus.md, what is wrong, what to do.

    ``field`` names the command's field at fault, None when no single one is.
    """

    code: str
    rule: str
    message: str
    remedy: str
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.message} ({self.rule}). {self.remedy}"


def in_quotes(state: State) -> str:
    return f"« {state.label} »"


def unknown_request(reference: str) -> Reason:
    return Reason(
        "unknown_request", "R1", f"Aucune demande ne porte la référence « {reference} »",
        "Vérifier la référence : elle a la forme ODA-2027-00042.", "reference",
    )  # fmt: skip


def request_erased(reference: str) -> Reason:
    return Reason(
        "request_erased", "R110",
        f"Ce qui était personnel dans la demande {reference} est effacé : plus rien ne s'y fait",
        "Déclarer la personne de nouveau s'il le faut.",
    )  # fmt: skip


def wrong_state(request: Request, trigger: Trigger, sources: Iterable[State], last: LastEvent | None,
                zone: tzinfo) -> Reason:  # fmt: skip
    return Reason(
        "wrong_state", "R1",
        f"La demande {request.reference} est {in_quotes(request.state)}{_last_action(last, zone)}",
        _instead(request.state, trigger, sources),
    )  # fmt: skip


def _last_action(last: LastEvent | None, zone: tzinfo) -> str:
    """`` ; dernière action : attester la délégation, par le rectorat, le 29 novembre 2026 à 3 h 58``."""
    if last is None:
        return ""
    who = last.actor
    for role, article in ((Role.CHEF, "le "), (Role.DEPUTY, "l'")):
        who = f"{article}{who}" if who.startswith(role.label) else who
    return f" ; dernière action : {last.trigger.label}, par {who}, le {french.instant(last.at, zone)}"


_NEXT: Final = {
    State.DECLARED: Trigger.DELEGATE, State.DELEGATED: Trigger.SIGN_CHARTER, State.CHARTER_SIGNED: Trigger.SUBMIT,
    State.REQUESTED: Trigger.ISSUE_CODE,
}  # fmt: skip
"""The action that takes a request on, by its state."""

_TOO_LATE: Final = {
    Trigger.WITHDRAW: "Le code est transmis : signaler un changement, le rectorat révoquera la demande.",
    Trigger.AMEND: "La demande est partie : la reprendre pour la corriger, ou signaler l'erreur au rectorat.",
    Trigger.TAKE_BACK: "Le rectorat a répondu : lui signaler l'erreur.",
    Trigger.SEND_BACK: "Le code est transmis : révoquer la demande si elle est fausse.",
}


def _instead(state: State, trigger: Trigger, sources: Iterable[State]) -> str:
    """The remedy for a request that is past the action, or not yet there."""
    if state is State.REVOKED:
        return "Cette demande est close : si la clé est encore utile, renouveler la demande."
    life, possible = list(State), list(sources)
    if possible and life.index(state) < min(map(life.index, possible)):
        return f"Faire d'abord : {(_NEXT.get(state) or Trigger.REVOKE).label}."
    following = f" Prochaine étape : {_NEXT[state].label}." if state in _NEXT else ""
    return _TOO_LATE.get(trigger) or f"Rien à refaire : cette étape est faite.{following}"


def wrong_role(trigger: Trigger, allowed: Iterable[Role]) -> Reason:
    """Those of ``allowed`` may, programs aside: of them nobody asks anything."""
    people = [_WITH_ARTICLE[r] for r in Role if r in allowed and r in _WITH_ARTICLE]
    message, remedy = f"Seul {french.listing(people, 'ou')} peut {trigger.label}", "Le lui demander."
    if trigger is Trigger.EXPIRE or not people:
        message = f"L'action « {trigger.label} » n'est ouverte à personne"
        remedy = "Elle se fait seule à la fin de l'année ; avant, un opérateur peut révoquer."
    return Reason("wrong_role", "R2", message, remedy)


_WITH_ARTICLE: Final = {
    Role.CHEF: "un chef d'établissement", Role.DEPUTY: "un adjoint", Role.OPERATOR: "un opérateur du rectorat",
}  # fmt: skip
"""Whom an action may be asked of."""


def not_your_establishment() -> Reason:
    return Reason(
        "not_your_establishment", "R3", "Cet établissement n'est pas de ceux dont vous avez la charge",
        "Vérifier l'UAI ou la référence ; sinon écrire au centre de service.",
    )  # fmt: skip


def deputy_may_not_act() -> Reason:
    return Reason(
        "deputy_may_not_act", "R4", "L'académie réserve cette action au chef d'établissement en titre",
        "La faire faire par le chef d'établissement.",
    )  # fmt: skip


def behalf_needed(trigger: Trigger) -> Reason:
    return Reason(
        "behalf_needed", "R5",
        f"L'action « {trigger.label} » est celle du chef : un opérateur ne la fait qu'à sa demande",
        "Dire qui l'a demandée, comment et quand.", "on_behalf",
    )  # fmt: skip


def four_eyes(*, issued: bool) -> Reason:
    """``issued``: who issued would now act for the establishment; else the other way round."""
    if issued:
        message, remedy = "Vous avez émis le code de cette demande, ou étendu la clé", "Un autre opérateur doit agir."
    else:
        message = "Vous avez agi au nom de l'établissement dans cette demande"
        remedy = "Un autre opérateur doit émettre le code."
    return Reason("four_eyes", "R6", message, remedy)


_STOOD_IN: Final = {
    StandInKind.MAILBOX: "Vous avez fixé la boîte de cet établissement",
    StandInKind.TOKEN: "Vous avez fait un jeton qui agit pour cet établissement",
}


def stands_in(kind: StandInKind) -> Reason:
    """An operator who can act in the establishment's stead would get a code that he alone wanted."""
    return Reason("stands_in", "R6", _STOOD_IN[kind], "Un autre opérateur doit envoyer le code.")


def mailbox_held(operator: str, until: datetime, zone: tzinfo) -> Reason:
    """``operator``: the address of who set the mailbox; ``until``: when a code may leave without a second one."""
    return Reason(
        "mailbox_held", "R14", f"La boîte de l'établissement vient d'être fixée par {operator}",
        "La faire confirmer par un autre opérateur, sur la page de l'établissement, ou attendre le"
        f" {french.instant(until, zone)}.",
    )  # fmt: skip


def changed_meanwhile(last: LastEvent | None, zone: tzinfo) -> Reason:
    message = "La demande a changé entre-temps"
    if last:
        message += _last_action(last, zone)
    return Reason("changed_meanwhile", "R9", message, "Relire la demande, puis recommencer si c'est encore utile.")


def unknown_establishment(uai: str, problem: str | None) -> Reason:
    advice = f" : {problem}." if problem else " ; s'il est juste, écrire au centre de service."
    return Reason(
        "unknown_establishment", "R11", f"L'UAI « {uai} » n'est pas dans l'annuaire" if uai else "L'UAI est vide",
        f"Vérifier l'UAI{advice}" if uai else "Donner l'UAI de l'établissement, par exemple 0310001H.", "uai",
    )  # fmt: skip


_IN_A_FEW_WORDS = "Quelques mots suffisent, sans nom ni donnée de santé."


_AS_LISTED = "L'écrire comme dans l'annuaire de l'académie."


_REMEDIES = {
    "nom": _AS_LISTED, "prenom": _AS_LISTED, "mail": _AS_LISTED, "on_behalf": "Dire qui a demandé, comment et quand.",
    "why": _IN_A_FEW_WORDS, "note": _IN_A_FEW_WORDS, "source": _IN_A_FEW_WORDS,
}  # fmt: skip


def bad_field(field: str, label: str, problem: str, rule: str) -> Reason:
    """``problem`` follows ``label`` in a sentence; the remedy says what a good value is."""
    return Reason("bad_field", rule, f"{label} {problem}", _REMEDIES.get(field, "Corriger et recommencer."), field)


def bad_mail(field: str, label: str, problem: str, example: str = "") -> Reason:
    such_as = f", par exemple {example}" if example else ""
    return Reason(
        "bad_field", "R16", f"{label} {problem}", f"L'écrire comme dans l'annuaire de l'académie{such_as}.", field
    )


def shared_mailbox(example: str) -> Reason:
    """The single-use code of the key would arrive where the whole establishment reads."""
    return Reason(
        "shared_mailbox", "R16", "Cette adresse est la boîte fonctionnelle d'un établissement",
        f"Donner l'adresse professionnelle du RUPN lui-même, par exemple {example} : le code à usage unique de sa clé"
        " y arrive.", "mail",
    )  # fmt: skip


def unusual_mail(likely: str) -> Reason:
    """``likely``: the known domain that was probably meant, empty when there is none."""
    doubt = f" : le domaine ressemble à « {likely} »" if likely else ""
    return Reason(
        "unusual_mail", "R16", f"Cette adresse n'est pas de celles de l'académie{doubt}",
        "La corriger, ou confirmer que c'est bien l'adresse professionnelle du RUPN.", "mail_confirmed",
    )  # fmt: skip


def date_out_of_bounds(field: str, label: str, rule: str, after: date | None, before: date | None) -> Reason:
    """A bound before this century is no bound: nobody needs to read it."""
    after = after if after and after > LONG_PAST else None
    if after and before and after == before:
        remedy = f"Cette date doit être le {french.day(after)}."
    elif after and before:
        remedy = f"Donner une date comprise entre le {french.day(after)} et le {french.day(before)}."
    elif after:
        remedy = f"Donner une date au plus tôt le {french.day(after)}."
    elif before:
        remedy = f"Donner une date au plus tard le {french.day(before)}."
    else:
        remedy = "Donner une date plus récente."
    return Reason("date_out_of_bounds", rule, f"{label} n'est pas possible à cette date", remedy, field)


LONG_PAST: Final = date(2000, 1, 1)
"""No day that people give lies before: an older one is a slip of the keyboard."""


def closed_establishment(nom: str) -> Reason:
    return Reason(
        "closed_establishment", "R12", f"L'établissement {nom} est fermé dans l'annuaire",
        "Si c'est une erreur, la signaler au centre de service.",
    )  # fmt: skip


def no_mailbox(nom: str) -> Reason:
    return Reason(
        "no_mailbox", "R13", f"L'annuaire ne donne pas de boîte fonctionnelle à l'établissement {nom}",
        "Écrire au centre de service : un opérateur peut fixer la boîte.",
    )  # fmt: skip


def same_person(other: Request) -> Reason:
    return Reason(
        "same_person", "R18",
        f"Une demande est déjà en cours pour cette personne en {other.school_year} : {other.reference},"
        f" {in_quotes(other.state)}",
        f"Poursuivre la demande {other.reference}.",
    )  # fmt: skip


def too_many_requests(live: int) -> Reason:
    return Reason(
        "too_many_requests", "R18", f"L'établissement a déjà {french.plural(live, 'demande')} en cours, le plus permis",
        "Abandonner celles qui ne servent plus ; sinon écrire au centre de service.",
    )  # fmt: skip


def homonym(other: Request) -> Reason:
    return Reason(
        "homonym", "R17",
        f"Une personne de mêmes nom et prénom a déjà la demande {other.reference} dans l'établissement",
        "Si c'est une autre personne, confirmer l'homonyme ; sinon poursuivre cette demande.", "homonym_confirmed",
    )  # fmt: skip


def charter_version(in_force: str, signed: str) -> Reason:
    return Reason(
        "charter_version", "R27", f"La version « {signed} » de la charte n'est pas celle en vigueur",
        f"Faire signer la version « {in_force} ».", "version",
    )  # fmt: skip


def copy_not_kept() -> Reason:
    return Reason(
        "copy_not_kept", "R27", "L'exemplaire signé de la charte doit rester dans l'établissement",
        "Conserver l'exemplaire, puis le confirmer.", "copy_kept",
    )  # fmt: skip


def identity_not_confirmed(field: str, label: str) -> Reason:
    return Reason(
        "identity_not_confirmed", "R28", f"{label} ne correspond pas à ce qui est enregistré",
        "Relire l'identité du RUPN ; la corriger d'abord si elle est fausse.", field,
    )  # fmt: skip


def nothing_to_amend() -> Reason:
    return Reason("nothing_to_amend", "R29", "La correction ne change rien", "Donner au moins une valeur nouvelle.")


def other_request(other: Request, *, by_mail: bool) -> Reason:
    """``by_mail``: the same address; else the name alone presumes the same person."""
    doubt = "" if by_mail else " ; à vérifier : même nom, autre adresse"
    return Reason(
        "other_request", "R19",
        f"La demande {other.reference} est en cours pour cette personne dans l'établissement {other.uai},"
        f" en {other.school_year} ({other.state.label}){doubt}", "En tenir compte : une personne n'a qu'une clé.",
    )  # fmt: skip


def other_request_elsewhere() -> Reason:
    """Another school's request, of which a chef learns nothing more (R3)."""
    return Reason(
        "other_request", "R19", "Une demande est en cours pour cette personne dans un autre établissement",
        "Le rectorat en tient compte.",
    )  # fmt: skip


def nothing_to_hand_over() -> Reason:
    return Reason(
        "nothing_to_hand_over",
        "R31",
        "La clé a été étendue : il n'y a pas de code à remettre",
        "Rien à faire.",
    )


def already_handed_over(day: str) -> Reason:
    return Reason("already_handed_over", "R31", f"La remise est déjà confirmée, au {day}", "Rien à faire.", "handed_on")


def code_not_delivered(status: CodeStatus) -> Reason:
    return Reason(
        "code_not_delivered", "R58", f"Le code n'est pas parvenu à l'établissement ({status.label})",
        "Attendre le courriel, ou demander au rectorat de réémettre le code.",
    )  # fmt: skip


def code_not_read() -> Reason:
    return Reason(
        "code_not_read", "R112", "Le code n'a pas encore été lu sur sa page",
        "Le lire, le remettre en main propre, puis confirmer la remise.",
    )  # fmt: skip


def national_identity_needed() -> Reason:
    return Reason(
        "national_identity_needed", "R112", "Le code ne se lit que par le chef d'établissement connecté en son nom",
        "Se déconnecter, puis se connecter par le fournisseur d'identité ou le guichet de l'académie.",
    )  # fmt: skip


def code_already_read(at: str, who: str) -> Reason:
    by = f" par {who}" if who else ""
    return Reason(
        "code_already_read", "R112", f"Le code a déjà été affiché, {at}{by} : il est effacé",
        "Le demander à qui l'a lu ; s'il est perdu, demander un nouveau code.",
    )  # fmt: skip


def no_code_to_read() -> Reason:
    return Reason(
        "no_code_to_read", "R112", "Aucun code de cette demande n'attend d'être lu ici",
        "Voir où en est la demande ; au besoin, demander un nouveau code.",
    )  # fmt: skip


def code_readable_from(until: str) -> Reason:
    return Reason(
        "code_readable_from", "R112", f"Le code vient d'être enregistré : il se lit à partir de {until}",
        "Attendre cet instant, puis recharger la page.",
    )  # fmt: skip


def change_of_the_rupn() -> Reason:
    return Reason(
        "change_of_the_rupn", "R113", "Le RUPN dit lui-même, et ne dit que cela, qu'il ne l'est plus",
        "Signaler un autre changement.", "change",
    )  # fmt: skip


def not_your_request() -> Reason:
    return Reason(
        "not_your_request", "R113", "Cette demande n'est pas la vôtre",
        "Se connecter sous l'adresse que porte la demande.",
    )  # fmt: skip


def no_key_to_report() -> Reason:
    return Reason(
        "no_key_to_report", "R32", "Cette demande n'a pas de clé : ni code émis, ni clé étendue",
        "Signaler la clé sur la demande qui l'a reçue, ou signaler un autre changement.", "change",
    )  # fmt: skip


def no_code_to_report() -> Reason:
    return Reason(
        "no_code_to_report", "R32", "La clé a été étendue : cette demande n'a pas de code d'initialisation",
        "Signaler plutôt que le code PIN est oublié ou perdu.", "change",
    )  # fmt: skip


def already_reported(number: int) -> Reason:
    return Reason(
        "already_reported", "R32", f"Ce changement est déjà signalé, n° {number}",
        "Rien à faire : le rectorat va le régler.", "change",
    )  # fmt: skip


def no_such_report(number: int | None) -> Reason:
    message = "Aucun signalement n'est ouvert" if number is None else f"Le signalement n° {number} n'existe pas"
    return Reason("no_such_report", "R46", message, "Voir les signalements de la demande.", "report")


def which_report(numbers: list[int]) -> Reason:
    several = french.listing([str(n) for n in numbers])
    return Reason(
        "which_report", "R46", f"Plusieurs signalements sont ouverts : n° {several}", "Dire lequel.", "report"
    )


def report_settled(number: int) -> Reason:
    return Reason("report_settled", "R46", f"Le signalement n° {number} est déjà réglé", "Rien à faire.", "report")


def settled_as_revoked() -> Reason:
    return Reason(
        "settled_as_revoked", "R46", "La demande n'est pas révoquée",
        "La révoquer, ce qui règle aussi le signalement, ou régler autrement.", "settlement",
    )  # fmt: skip


def settled_as_reissued() -> Reason:
    return Reason(
        "settled_as_reissued", "R46", "Aucun code n'a été réémis depuis ce signalement",
        "Réémettre le code, ce qui règle aussi le signalement, ou régler autrement.", "settlement",
    )  # fmt: skip


def nothing_to_revoke() -> Reason:
    return Reason(
        "nothing_to_revoke", "R46", "La demande est close, ou son année finie : il n'y a plus rien à révoquer un jour",
        "Régler par « droits révoqués » une fois la demande close, ou par « sans effet ».", "settlement",
    )  # fmt: skip


def not_to_be_dated(change: Change) -> Reason:
    return Reason(
        "not_to_be_dated", "R46", f"Un signalement « {change.label} » n'attend pas une révocation à venir",
        "Réémettre le code, révoquer maintenant, ou laisser sans effet.", "settlement",
    )  # fmt: skip


def revocation_day_missing() -> Reason:
    return Reason(
        "revocation_day_missing", "R46", "Le jour de la révocation n'est pas donné",
        "Donner le jour à partir duquel les droits sont retirés.", "revoke_on",
    )  # fmt: skip


def day_without_revocation() -> Reason:
    return Reason(
        "day_without_revocation", "R46", "Un jour de révocation ne va qu'avec une révocation datée",
        "Choisir « révocation datée », ou ne pas donner de jour.", "revoke_on",
    )  # fmt: skip


def no_dated_revocation() -> Reason:
    return Reason(
        "no_dated_revocation", "R46", "Aucune révocation n'est prévue à ce jour", "Attendre le jour dit.",
    )  # fmt: skip


def revoked_before_its_day(report: Report) -> Reason:
    return Reason(
        "revoked_before_its_day", "R45",
        f"Le signalement n° {report.number} ({report.change.label}) ne prenait effet que le"
        f" {french.day(report.effective_on)} : les droits sont révoqués dès aujourd'hui",
        "Si c'est trop tôt, prévenir l'établissement, qui peut renouveler la demande.",
    )  # fmt: skip


def renewed_after_revocation(reason: RevokeReason) -> Reason:
    return Reason(
        "renewed_after_revocation", "R33", f"La demande précédente a été révoquée par le rectorat : {reason.label}",
        "Si cette raison vaut encore, abandonner la nouvelle demande.",
    )  # fmt: skip


def check_recorded() -> Reason:
    return Reason(
        "check_recorded", "R29", "Le rectorat a déjà commencé à vérifier cette demande",
        "Écrire au centre de service, qui peut vous la renvoyer à corriger.",
    )  # fmt: skip


def not_an_automatic_check() -> Reason:
    """Only a row that agrees makes a check by itself, only the schedule records it, and it records no other (R94)."""
    return Reason(
        "not_an_automatic_check", "R94", "Une vérification ne se fait d'elle-même que d'une ligne qui concorde",
        "La faire soi-même, en disant quelle liste a été lue.", "evidence",
    )  # fmt: skip


def change_of_the_lists() -> Reason:
    return Reason(
        "change_of_the_lists", "R95", "Ce changement est de ceux que le rectorat lit dans ses listes",
        "Dire ce qui change pour la personne ou pour sa clé.", "change",
    )  # fmt: skip


def no_removal_open() -> Reason:
    return Reason(
        "no_removal_open", "R49", "Aucun retrait n'est à confirmer : la demande n'avait ni code ni clé",
        "Rien à faire.",
    )  # fmt: skip


def removal_confirmed(label: str) -> Reason:
    return Reason(
        "removal_confirmed", "R49", f"Le retrait est déjà confirmé : {label}",
        "Rien à faire ; si ce n'est pas ce qui a été fait, rouvrir ce retrait.",
    )  # fmt: skip


def removal_still_open() -> Reason:
    return Reason("removal_still_open", "R49", "Ce retrait n'est pas confirmé : il est encore à faire", "Rien à faire.")


def key_still_used(holders: list[Request], request: Request) -> Reason:
    return Reason(
        "key_still_used", "R49", f"La clé de cette personne sert aussi ailleurs : {describe_holders(holders, request)}",
        "Si elle n'est plus sur le serveur ODA, réémettre un code pour qui en a besoin.",
    )  # fmt: skip


def key_awaited(renewals: list[Request], request: Request) -> Reason:
    """``renewals`` were renewed and verified in time to keep the key (R48)."""
    return Reason(
        "key_awaited", "R49",
        f"La clé devait être gardée pour une demande renouvelée et vérifiée : {describe_holders(renewals, request)}",
        "Si elle n'est plus sur le serveur ODA, émettre un code pour cette demande.",
    )  # fmt: skip


def describe_holders(holders: list[Request], request: Request) -> str:
    """References and establishments; who is known by the name only is to be verified (R17, R42)."""
    doubt = " ; à vérifier : même nom, autre adresse"
    same = request.folded_mail
    return french.listing(
        [f"{r.reference} ({r.uai}{'' if r.folded_mail == same else doubt})" for r in holders]
    )  # fmt: skip


def question_already_open() -> Reason:
    return Reason(
        "question_already_open", "R90", "Une question attend déjà la réponse de l'établissement",
        "Attendre sa réponse, ou lui téléphoner.", "question",
    )  # fmt: skip


def no_question_open() -> Reason:
    return Reason(
        "no_question_open", "R90", "Aucune question du rectorat n'attend de réponse", "Rien à faire.", "answer"
    )


def nothing_for_drane(request: Request) -> Reason:
    if not request.drane_sent_on:
        message = "Ce RUPN n'a pas été transmis à la DRANE, et sa demande est révoquée"
    elif request.is_live:
        message = f"La transmission de ce RUPN à la DRANE est déjà notée, au {french.day(request.drane_sent_on)}"
    else:
        message = f"Le retrait de ce RUPN est déjà transmis à la DRANE, au {french.day(request.drane_sent_on)}"
    return Reason("nothing_for_drane", "R96", message, "Rien à faire.")


def not_to_remove_from_drane() -> Reason:
    return Reason(
        "not_to_remove_from_drane", "R96", "La demande est en cours : son RUPN n'est pas à retirer de la liste de la"
        " DRANE", "Relire la liste « à transmettre ».",
    )  # fmt: skip


def check_missing(label: str) -> Reason:
    return Reason(
        "check_missing", "R39", f"{label} n'est pas faite", "La faire, puis émettre.",
    )  # fmt: skip


def check_negative(label: str) -> Reason:
    return Reason(
        "check_negative", "R39", f"{label} est négative",
        "La refaire si la liste a changé, ou renvoyer la demande à l'établissement.",
    )  # fmt: skip


def check_void(label: str, changed: Sequence[str] = ()) -> Reason:
    """``changed``: what has changed since it was made, each with its article; empty when it is not known."""
    what = french.listing(list(changed)) or "ce qu'elle avait vu"
    verb = "ont" if len(changed) > 1 else "a"
    return Reason("check_void", "R35", f"{label} ne vaut plus : {what} {verb} changé depuis", "La refaire.")


def check_too_old(label: str, days: int, earliest: date | None = None) -> Reason:
    """``earliest``: the first day that a check now recorded may bear."""
    age = f"date de plus de {french.plural(days, 'jour')}" if days else "n'est pas d'aujourd'hui"
    remedy = f"La refaire : sa date est au plus tôt le {french.day(earliest)}." if earliest else "La refaire."
    return Reason("check_too_old", "R36", f"{label} {age}", remedy, "checked_on" if earliest else None)


def code_or_extension() -> Reason:
    return Reason(
        "code_or_extension", "R40",
        "Il faut un code, une demande dont la clé est étendue, ou une clé qui sert déjà ailleurs : un seul des trois",
        "Donner le code, ou dire de quelle demande vient la clé, ou qu'elle sert déjà ailleurs.", "code",
    )  # fmt: skip


def code_format(example: str) -> Reason:
    return Reason(
        "code_format", "R41", f"Le code n'a pas la forme attendue : {example}",
        "Le relire sur le serveur ODA, puis le saisir de nouveau.", "code",
    )  # fmt: skip


def no_other_uses() -> Reason:
    return Reason(
        "no_other_uses", "R40", "Dans cette académie, une clé ne sert à rien d'autre qu'à ces demandes",
        "Émettre un code, ou étendre la clé d'une autre demande.", "key_elsewhere",
    )  # fmt: skip


def second_code() -> Reason:
    return Reason(
        "second_code", "R42",
        "Un code a déjà été émis pour cette demande : si vous en avez fait un autre sur le serveur ODA, il a pu"
        " annuler le premier",
        "Voir sur le serveur quel code porte la clé ; si ce n'est pas celui qui a été envoyé, réémettre le code.",
    )  # fmt: skip


_SAY_IT_IS_WRONG = "S'il est erroné, réémettre le code avec la raison « code erroné (erreur de saisie) »."


def hold_over(when: str) -> Reason:
    return Reason(
        "hold_over", "R62", f"Le délai pour annuler l'envoi du code a pris fin le {when}", _SAY_IT_IS_WRONG,
    )  # fmt: skip


def code_has_left() -> Reason:
    return Reason("code_has_left", "R62", "Le courriel du code est parti, ou part en ce moment", _SAY_IT_IS_WRONG)


def no_code_waits() -> Reason:
    return Reason("no_code_waits", "R62", "Aucun code n'attend de partir", "Rien à annuler.")


def codes_are_typed() -> Reason:
    return Reason(
        "codes_are_typed", "R97", "Dans cette académie, les codes sont saisis et non tirés",
        "Saisir le code que porte le serveur ODA, ou changer le réglage code.source.",
    )  # fmt: skip


def code_already_drawn(number: int, batch: DrawnBatch | None, zone: tzinfo) -> Reason:
    how = f" par {batch.drawn_by}, le {french.instant(batch.drawn_at, zone)}" if batch else ""
    return Reason(
        "code_already_drawn", "R97", f"Un code est déjà tiré pour cette demande{how} : c'est le lot n° {number}",
        "Le transmettre depuis ce lot ; ou l'effacer, ou en tirer un autre, s'il n'est pas sur le serveur ODA.",
    )  # fmt: skip


def no_drawn_code() -> Reason:
    return Reason(
        "no_drawn_code", "R97", "Aucun code tiré n'attend pour cette demande : il est transmis, ou effacé",
        "Lire l'histoire de la demande ; s'il n'est pas transmis, en tirer un autre.", "drawn",
    )  # fmt: skip


def drawn_code_erased() -> Reason:
    return Reason(
        "drawn_code_erased", "R61", "Le code tiré a attendu trop longtemps : il est effacé",
        "En tirer un autre, et le porter sur le serveur ODA.", "drawn",
    )  # fmt: skip


def file_not_taken(number: int) -> Reason:
    return Reason(
        "file_not_taken", "R97",
        f"Personne n'a téléchargé le fichier du lot n° {number} : ses codes ne peuvent pas être sur le serveur ODA",
        "Télécharger le fichier, le donner à la console du serveur, puis dire que c'est fait.", "drawn",
    )  # fmt: skip


def reissue_reason_missing() -> Reason:
    return Reason(
        "reissue_reason_missing", "R44", "Cette demande a déjà eu un code : il manque la raison d'un nouveau",
        "Dire pourquoi un code est tiré de nouveau.", "reason",
    )  # fmt: skip


def not_extendable(reference: str, why: str) -> Reason:
    return Reason(
        "not_extendable", "R40", f"La clé de la demande {reference} ne peut pas être étendue : {why}",
        "Choisir une demande de la même personne dont la clé existe encore, ou émettre un code.", "extends",
    )  # fmt: skip


def key_in_use(holders: list[Request], request: Request, *, again: bool = False) -> Reason:
    """``again``: the code would be issued anew, so that there is nothing to extend."""
    names, confirm = describe_holders(holders, request), "confirmer qu'une nouvelle clé est voulue"
    return Reason(
        "key_in_use", "R42", f"Cette personne a déjà une clé : {names} ; un nouveau code la réinitialiserait",
        f"Prévenir ces établissements, puis {confirm}." if again else f"Étendre la clé existante, ou {confirm}.",
        "new_key_confirmed",
    )  # fmt: skip


def key_scope_is_request() -> Reason:
    return Reason(
        "key_scope_is_request", "R42", "L'académie donne une clé à chaque demande",
        "Émettre un code.", "extends",
    )  # fmt: skip


def nothing_to_tick() -> Reason:
    return Reason("nothing_to_tick", "R43", "La date enregistrée est déjà celle-là", "Rien à faire.", "expires_on")


def report_first() -> Reason:
    return Reason(
        "report_first", "R44", "Aucune compromission n'est signalée depuis ce code",
        "La signaler, puis réémettre.", "reason",
    )  # fmt: skip


def report_still_open() -> Reason:
    return Reason(
        "report_still_open", "R44", "Le signalement de la compromission n'est pas réglé",
        "Choisir la raison « clé compromise » : le nouveau code règle le signalement.", "reason",
    )  # fmt: skip


def _day(end: YearEnd) -> str:
    """The last day, said to be the default one when no date is known (R22)."""
    return french.day(end.last_day) + (" (date par défaut)" if end.is_default else "")


def year_closed(year: SchoolYear, open_years: Iterable[SchoolYear]) -> Reason:
    years = french.listing([str(y) for y in open_years], "ou")
    return Reason(
        "year_closed", "R20", f"L'année scolaire {year} n'accepte pas de déclaration aujourd'hui",
        f"Choisir {years}.", "school_year",
    )  # fmt: skip


def year_ended(end: YearEnd) -> Reason:
    return Reason(
        "year_ended", "R24", f"L'année scolaire {end.school_year} de cette demande a fini le {_day(end)}",
        "Renouveler la demande pour l'année qui vient.",
    )  # fmt: skip


def year_not_ended(end: YearEnd) -> Reason:
    return Reason(
        "year_not_ended", "R50", f"L'année scolaire {end.school_year} court jusqu'au {_day(end)} inclus",
        "Pour retirer les droits avant, révoquer la demande.",
    )  # fmt: skip


def not_renewable(year: SchoolYear, opens: date) -> Reason:
    return Reason(
        "not_renewable", "R33", f"Aucune année ouverte ne suit {year} pour cette demande",
        f"Attendre l'ouverture de la campagne, le {french.day(opens)}.", "school_year",
    )  # fmt: skip


def wrong_renewal_year(year: SchoolYear, possible: Iterable[SchoolYear]) -> Reason:
    years = french.listing([str(y) for y in possible], "ou")
    return Reason(
        "wrong_renewal_year", "R33", f"Cette demande ne se renouvelle pas pour {year}", f"Choisir {years}.",
        "school_year",
    )  # fmt: skip


def late_declaration(end: YearEnd) -> Reason:
    return Reason(
        "late_declaration", "R21", f"L'année scolaire {end.school_year} finit le {_day(end)} : la clé servira peu",
        "Déclarer plutôt pour l'année suivante dès que sa campagne est ouverte.",
    )  # fmt: skip
