"""What an accepted action did, in a few French words: the same on a page, in a terminal, in an answer to a program."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from states.vocabulary import Trigger

if TYPE_CHECKING:
    from states.school_calendar import YearEnd
    from workflow.removals.connector.service import Called
    from workflow.schedule.tick import DutiesDone, TickResult
    from workflow.year_end.service import HeldYear


def done_lines(ticked: "TickResult", sent: int = 0) -> Iterator[str]:
    """What a tick did, in French; nothing for nothing."""
    from states.french import plural

    for year, count in ticked.revoked.items():
        if count:
            yield f"Fin de l'année {year} : {plural(count, 'demande révoquée', 'demandes révoquées')}."
    if ticked.erased:
        yield f"{plural(ticked.erased, 'code effacé', 'codes effacés')}, gardés trop longtemps (R61)."
    if ticked.due:
        yield f"{plural(ticked.due, 'signalement arrivé à son jour', 'signalements arrivés à leur jour')}."
    yield from _duties_lines(ticked.duties)
    if sent:
        yield f"{plural(sent, 'courriel remis', 'courriels remis')} au relais."


def called_lines(called: "Called | None") -> Iterator[str]:
    """What the connector did (R84); nothing for nothing."""
    from states.french import plural

    if called and called.confirmed:
        yield f"{plural(called.confirmed, 'retrait confirmé', 'retraits confirmés')} par le serveur ODA."
    if called and called.waiting:
        yield f"{plural(called.waiting, 'retrait sera redemandé', 'retraits seront redemandés')} au serveur ODA."
    if called and called.refused:
        given_back = plural(called.refused, "retrait rendu", "retraits rendus")
        yield f"{given_back} aux opérateurs : voir « oda connector calls »."


def _duties_lines(duties: "DutiesDone") -> "Iterator[str]":
    """What was written of our own accord (R78 to R81)."""
    from states.french import plural

    if duties.notices:
        yield f"Fin d'année annoncée à {plural(duties.notices, 'établissement')} (R78)."
    if duties.invitations:
        yield f"{plural(duties.invitations, 'établissement invité', 'établissements invités')} à renouveler (R81)."
    if duties.reminders:
        yield f"{plural(duties.reminders, 'rappel inscrit', 'rappels inscrits')} (R79)."
    if duties.digests:
        yield "Récapitulatif des retards inscrit (R80)."


def held_lines(held: "Iterable[HeldYear]") -> Iterator[str]:
    """Each end that waits for an operator, and what to do (R52)."""
    from states.french import day

    for one in held:
        yield f"La fin de l'année {one.school_year} ({day(one.last_day)}) est retenue : {one.hold.label}."
        yield f"  — Que faire : lire « oda year-end preview », puis « oda year-end confirm {one.school_year} »."


DONE: Final = {
    Trigger.DECLARE: "le RUPN est déclaré",
    Trigger.DELEGATE: "la délégation est attestée",
    Trigger.SIGN_CHARTER: "la charte signée est enregistrée",
    Trigger.SUBMIT: "la demande est envoyée au rectorat",
    Trigger.CHECK_LISTING: "la vérification de la liste est enregistrée",
    Trigger.CHECK_DELEGATION: "la vérification de la délégation est enregistrée",
    Trigger.SEND_BACK: "la demande est renvoyée à l'établissement",
    Trigger.ISSUE_CODE: "l'émission est enregistrée, le courriel va partir",
    Trigger.REISSUE_CODE: "le nouveau code est enregistré, le courriel va partir",
    Trigger.CONFIRM_HANDOVER: "la remise est confirmée",
    Trigger.CONFIRM_EXPIRY: "la date d'expiration est cochée",
    Trigger.REPORT_CHANGE: "le signalement est enregistré",
    Trigger.SETTLE_CHANGE: "le signalement est réglé",
    Trigger.AMEND: "la correction est enregistrée",
    Trigger.WITHDRAW: "la demande est abandonnée",
    Trigger.REVOKE: "la demande est révoquée",
    Trigger.CONFIRM_REMOVAL: "le retrait est confirmé",
    Trigger.RENEW: "la demande est renouvelée",
}


# The end of a school year in words, the same on a page and in a terminal.


def how_found(end: "YearEnd", zone: str | None = None) -> str:
    """Where its date comes from (R22); ``zone`` is the académie's holiday zone."""
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
