"""The account of a year's end as a person reads it in a terminal, and as JSON (R85)."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from states import french
from states.french import plural
from workflow.reading.year_end_report import YearEndAccount


def lines(account: YearEndAccount, not_renewed: int, zone: tzinfo, now: datetime) -> Iterator[str]:
    """In French; what is of today is said to be."""
    year = account.school_year
    yield f"Année {year}, finie le {french.day(account.last_day)} à 24 h."
    places = plural(account.establishments, "établissement")
    yield f"  révoquées : {plural(account.revoked, 'demande')} dans {places}"
    yield f"  terminée le {french.instant(account.closed_at, zone)}"
    if account.hold and account.held_at and account.confirmed_at:
        yield f"  retenue le {french.instant(account.held_at, zone)} : {account.hold.label}"
        yield f"  confirmée le {french.instant(account.confirmed_at, zone)} par {account.confirmed_by}"
    for share in account.shares:
        places = plural(share.establishments, "établissement")
        left = f", {plural(share.left, 'retrait ouvert', 'retraits ouverts')}" if share.left else ""
        yield f"    département {share.departement or '(inconnu)'} : {share.revoked} dans {places}{left}"
    yield f"Au {french.instant(now, zone)} :"
    yield from _mails(account)
    yield from _removals(account)
    yield f"  RUPN non renouvelés pour {year.next} : {not_renewed}"


def _mails(account: YearEndAccount) -> Iterator[str]:
    for stage, count in sorted(account.mails.items()):
        yield f"  courriels, « {stage.label} » : {count}"
    for mail in account.missed:
        why = mail.fault.label if mail.fault else mail.stage.label
        reply = f" ; le serveur a répondu « {mail.reply} »" if mail.reply else ""
        yield f"  ! {mail.uai} {mail.establishment}, {mail.recipient or 'aucune boîte'} : {why}{reply}"
        yield f"    le renvoyer : oda mail retry {mail.id}"
    if (more := account.not_delivered - len(account.missed)) > 0:
        yield f"  ! et {plural(more, 'autre')} : oda mail list"


def _removals(account: YearEndAccount) -> Iterator[str]:
    yield from (f"  retraits ouverts, « {kind.label} » : {count}" for kind, count in sorted(account.left.items()))
    for outcome, count in sorted(account.outcomes.items()):
        yield f"  retraits confirmés, « {outcome.label} » : {count}"
    for who, count in account.confirmers.most_common():
        yield f"    par {who or '(inconnu)'} : {count}"


def row(account: YearEndAccount, not_renewed: int) -> dict[str, Any]:
    """The same for a program."""
    held = account.hold and account.confirmed_at
    return {
        "school_year": account.school_year, "last_day": account.last_day, "closed_at": account.closed_at,
        "revoked": account.revoked, "establishments": account.establishments,
        "held": {"why": account.hold, "at": account.held_at} if held else None,
        "confirmed": {"by": account.confirmed_by, "at": account.confirmed_at} if held else None,
        "departements": [
            {"departement": one.departement, "establishments": one.establishments, "revoked": one.revoked,
             "removals_open": one.left} for one in account.shares
        ],
        "mails": dict(account.mails), "mails_waiting": account.waiting, "mails_not_delivered": account.not_delivered,
        "missed": [
            {"id": one.id, "uai": one.uai, "establishment": one.establishment, "recipient": one.recipient or None,
             "stage": one.stage, "fault": one.fault, "reply": one.reply or None} for one in account.missed
        ],
        "removals_open": dict(account.left), "removals_confirmed": dict(account.outcomes),
        "confirmed_by": dict(account.confirmers), "not_renewed": not_renewed,
    }  # fmt: skip
