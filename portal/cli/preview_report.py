"""A preview of a year's end as a person reads it, or in JSON: establishment after establishment, none kept (R53)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import click

from notifications.mail import Draft
from portal.cli.cells import as_json, printable
from portal.ends import end_in_words
from states.french import day as french_day
from states.french import plural
from workflow.endings import EstablishmentEnd, Held, YearSummary
from workflow.preview import Preview


def write(preview: Preview, day: date, zone: str | None) -> None:
    """Write it in French on the standard output; ``zone`` is the académie's holiday zone."""
    for line in _lines(preview, day, zone):
        click.echo(printable(line))


def _lines(preview: Preview, day: date, zone: str | None) -> Iterator[str]:
    yield f"Au {french_day(day)} à 24 h. Prévision : rien n'est écrit."
    if not preview.summary.years:
        yield "Aucune demande en cours d'une année finie à cet instant : rien ne serait révoqué."
    for one in preview.establishments():
        place = one.establishment
        yield ""
        yield f"{place.uai}  {place.nom}, {place.commune} ({place.departement}) — année {one.school_year}"
        for ending in one.requests:
            request = ending.request
            odd = "".join(f" ! {oddity.label}" for oddity in ending.oddities)
            yield f"  {request.reference}  {request.prenom} {request.nom}, {request.state.label}{odd}"
        yield f"  courriel : {one.mail.kind.label} → {one.mail.recipient or '(aucune boîte)'}"
        yield from (f"  ! {oddity.label}" for oddity in one.oddities)
    for year in preview.summary.years:
        yield ""
        yield from _of_year(year, zone)
    for earlier, count in preview.summary.earlier_removals.items():
        waiting = plural(count, "retrait de droits encore à confirmer", "retraits de droits encore à confirmer")
        yield f"! Année {earlier} : {waiting}."


def _of_year(year: YearSummary, zone: str | None) -> Iterator[str]:
    end = year.end
    yield f"Année {end.school_year}, finie le {end_in_words(end, zone)}"
    places = plural(year.establishments, "établissement")
    yield f"  à révoquer : {plural(year.requests, 'demande')} dans {places}"
    for departement, count in sorted(year.departements.items()):
        yield f"    département {departement or '(inconnu)'} : {count}"
    yield f"  déjà renouvelées pour {end.school_year.next} : {year.renewed} sur {year.requests}"
    yield from (f"  à ouvrir, « {kind.label} » : {count}" for kind, count in sorted(year.removals.items()))
    yield from (f"  courriels, « {kind.label} » : {count}" for kind, count in sorted(year.mails.items()))
    if year.report:
        yield f"  courriel, « {year.report.kind.label} » : 1 → {year.report.recipient}"
    if end.is_default:
        yield "  ! la date de fin est une date par défaut : donner la vraie dans les réglages (school_year)"
    yield from (f"  ! {count} × {oddity.label}" for oddity, count in sorted(year.oddities.items()))
    if year.held:
        yield f"  ! {_held(year, year.held)}"


def _held(year: YearSummary, held: Held) -> str:
    if held.avoidable:
        return f"le frein la retiendrait si l'échéancier ne passait pas d'ici là : {held.hold.label}"
    command = f"« oda year-end confirm {year.end.school_year} »"
    return (
        f"le frein la retient : {held.hold.label} ; une alerte part aux opérateurs, l'un d'eux confirme par {command}"
    )


def write_json(preview: Preview, day: date) -> None:
    """Write one JSON object, its establishments one by one."""
    _write('{"establishments": [')
    for number, one in enumerate(preview.establishments()):
        _write(f"{',' if number else ''}{as_json([_row(one)])[1:-1].rstrip()}")
    summary = preview.summary
    rest: dict[str, Any] = {
        "on": day, "at": summary.at, "requests": summary.requests, "years": [_year_row(y) for y in summary.years],
        "earlier_removals": {str(year): count for year, count in summary.earlier_removals.items()},
    }  # fmt: skip
    _write(f"],{as_json([rest])[2:-2].strip()[1:]}\n")


def _write(text: str) -> None:
    """In UTF-8 whatever the terminal."""
    click.echo(text.encode(), nl=False)


def _row(one: EstablishmentEnd) -> dict[str, Any]:
    place = one.establishment
    return {
        "school_year": one.school_year, "uai": place.uai, "nom": place.nom, "commune": place.commune,
        "departement": place.departement, "mail": _mail_row(one.mail), "odd": list(one.oddities),
        "requests": [
            {
                "reference": e.request.reference, "nom": e.request.nom, "prenom": e.request.prenom,
                "state": e.request.state, "removal": e.removal, "odd": list(e.oddities),
                "renewed": e.renewed,
            }
            for e in one.requests
        ],
    }  # fmt: skip


def _mail_row(mail: Draft) -> dict[str, Any]:
    return {"kind": mail.kind, "audience": mail.audience, "recipient": mail.recipient or None}


def _year_row(year: YearSummary) -> dict[str, Any]:
    held = year.held
    return {
        "school_year": year.end.school_year, "last_day": year.end.last_day, "is_default": year.end.is_default,
        "requests": year.requests, "renewed": year.renewed, "establishments": year.establishments,
        "departements": dict(year.departements),
        "removals": dict(year.removals), "mails": dict(year.mails), "odd": dict(year.oddities),
        "report": _mail_row(year.report) if year.report else None,
        "without_mailbox": [place.uai for place in year.without_mailbox],
        "held": {"why": held.hold, "sentence": held.hold.label, "avoidable": held.avoidable} if held else None,
    }  # fmt: skip
