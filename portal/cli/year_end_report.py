"""``oda year-end report`` and ``not-renewed``: what is left of an end that is over (R81, R85)."""

import sys
import threading
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.parameters import FilePath, Year
from states import french
from states.french import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.year_end.renewals import NotRenewed
    from workflow.year_end.report import YearEndAccount, YearEndProgress


# The account of a year's end as a person reads it in a terminal, and as JSON (R85).


def lines(account: "YearEndAccount", not_renewed: int, zone: tzinfo, now: datetime) -> Iterator[str]:
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


def _mails(account: "YearEndAccount") -> Iterator[str]:
    for stage, count in sorted(account.mails.items()):
        yield f"  courriels, « {stage.label} » : {count}"
    for mail in account.missed:
        why = mail.fault.label if mail.fault else mail.stage.label
        reply = f" ; le serveur a répondu « {mail.reply} »" if mail.reply else ""
        yield f"  ! {mail.uai} {mail.establishment}, {mail.recipient or 'aucune boîte'} : {why}{reply}"
        yield f"    le renvoyer : oda mail retry {mail.id}"
    if (more := account.not_delivered - len(account.missed)) > 0:
        yield f"  ! et {plural(more, 'autre')} : oda mail list"


def _removals(account: "YearEndAccount") -> Iterator[str]:
    yield from (f"  retraits ouverts, « {kind.label} » : {count}" for kind, count in sorted(account.left.items()))
    for outcome, count in sorted(account.outcomes.items()):
        yield f"  retraits confirmés, « {outcome.label} » : {count}"
    for who, count in account.confirmers.most_common():
        yield f"    par {who or '(inconnu)'} : {count}"


def row(account: "YearEndAccount", not_renewed: int) -> dict[str, Any]:
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


_COLUMNS = {
    "departement": "Département", "uai": "UAI", "establishment": "Établissement", "reference": "Référence",
    "person": "RUPN", "mailbox": "Boîte",
}  # fmt: skip


def rectorat_only(actor: "Actor") -> None:
    """Raises NotAllowed to an establishment: what follows is of the whole académie (R2, R3)."""
    from states.vocabulary import Role
    from workflow.auth.actors import NotAllowed

    if actor.role not in (Role.OPERATOR, Role.READER):
        raise NotAllowed("La fin d'année de toute l'académie se lit avec --as operator:ADRESSE ou reader:ADRESSE.")


@click.command(
    "report",
    help="Le bilan d'une fin d'année (R85) : combien de demandes, dans quels départements, qui l'a confirmée si elle"
    " était retenue ; et, à ce jour, les courriels qui ne sont pas arrivés, les retraits ouverts et confirmés. Le PDF"
    " envoyé aux opérateurs : « oda paper year-end ».",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire, par exemple 2026-2027.")
@click.option("--json", "as_json", is_flag=True, help="Écrit tout en JSON.")
@pass_cli_context
def report(context: CliContext, year: "SchoolYear", as_json: bool) -> None:

    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.cli.output import printable
        from portal.cli.output import rows_as_json as json_of
        from workflow.year_end.renewals import count_not_renewed
        from workflow.year_end.report import account_of

        rectorat_only(actor)
        account = _known(account_of(connection, year), year)
        not_renewed = sum(count_not_renewed(connection, year).values())
    if as_json:
        click.echo(f"{json_of([row(account, not_renewed)])[2:-2].strip()}\n".encode(), nl=False)
        return
    for line in lines(account, not_renewed, app.settings.zoneinfo, app.clock.now()):
        click.echo(printable(line))


def _known(account: "YearEndAccount | None", year: "SchoolYear") -> "YearEndAccount":
    if account is None:
        remedy = f"Que faire : voir où elle en est avec « oda year-end progress {year} »."
        raise CliFailure(f"La fin de l'année {year} n'est pas terminée : pas de bilan.", ExitCode.REFUSED, [remedy])
    return account


@click.command(
    "not-renewed",
    help="Ceux qui avaient une clé jusqu'à la fin de l'année et n'ont pas de demande pour la suivante dans cet"
    " établissement (R81).",
)
@click.argument("year", metavar="ANNÉE", type=Year(), help="L'année scolaire finie, par exemple 2025-2026.")
@click.option("--departement", default="", metavar="CODE", help="D'un département : 31, 2A, 974.")
@click.option(
    "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
    help="Écrit un CSV pour un tableur dans ce fichier, ou avec « - » sur la sortie standard.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
@click.option("--json", "as_json", is_flag=True, help="Écrit la liste en JSON.")
@pass_cli_context
def not_renewed(
    context: CliContext, year: "SchoolYear", departement: str, output: Path | None, force: bool, as_json: bool
) -> None:  # fmt: skip

    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.cli.output import emit
        from portal.cli.removal import write_export
        from portal.exports import NOT_RENEWED_HEADINGS, csv_text, not_renewed_rows
        from workflow.year_end.renewals import all_not_renewed, count_had_key

        rectorat_only(actor)
        found = all_not_renewed(connection, year, departement=_departement(departement))
        if output:
            pieces = csv_text(NOT_RENEWED_HEADINGS, not_renewed_rows(year, found))
            write_export((piece.encode() for piece in pieces), output, force=force)
            return
        rows = [_row(one) for one in found]
        empty = _empty(year, departement, ended=app.policy.calendar.has_ended(year, app.clock.now()),
                       had_key=count_had_key(connection, year) if not rows else 0)  # fmt: skip
    emit(rows, _COLUMNS, as_json, empty)


def _departement(text: str) -> str:
    from workflow.settings.sections import normalise_departement

    try:
        return normalise_departement(text) if text.strip() else ""
    except ValueError as error:
        raise click.BadParameter(
            f"{error} : écrire par exemple 09, 31, 2A ou 974.", param_hint="--departement"
        ) from None


def _empty(year: "SchoolYear", departement: str, *, ended: bool, had_key: int) -> str:
    if not ended:
        return f"L'année {year} n'est pas finie : voir « oda year-end preview » pour qui est déjà renouvelé."
    if not had_key:
        return f"Aucune clé n'a été révoquée par la fin de l'année {year} : il n'y a personne à renouveler."
    where = f" dans le département {departement}" if departement else ""
    return f"Personne n'est à renouveler{where} : chacun a une demande pour {year.next}."


def _row(one: "NotRenewed") -> dict[str, Any]:
    return {
        "departement": one.departement, "uai": one.uai, "establishment": one.establishment, "commune": one.commune,
        "is_open": one.is_open, "mailbox": one.mailbox or None, "reference": one.reference,
        "person": f"{one.prenom} {one.nom}", "nom": one.nom, "prenom": one.prenom, "mail": one.mail,
        "expires_on": one.expires_on,
    }  # fmt: skip


# ``oda year-end progress``: how far the end of a year is, once or until it is over (R85).


EVERY_S = 1.0
"""Seconds between two looks."""


def pause() -> None:
    """Wait until the next look."""
    threading.Event().wait(EVERY_S)


@click.command(
    "progress",
    help="Où en est la fin d'une année (R85) : combien de demandes sont révoquées sur combien. Sans année, celle qui"
    " court, sinon la dernière finie, sinon la prochaine. Réservé aux opérateurs et aux lecteurs.",
)
@click.argument("year", metavar="[ANNÉE]", type=Year(), required=False, help="Par exemple 2026-2027.")
@click.option(
    "--follow", is_flag=True,
    help="Suit jusqu'à la fin : une barre dans un terminal, sinon une ligne à chaque changement.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Écrit du JSON, un objet par ligne.")
@pass_cli_context
def progress(context: CliContext, year: "SchoolYear | None", follow: bool, as_json: bool) -> None:

    with opened(context) as (app, actor):
        rectorat_only(actor)
        looks = _looks(app, year, follow=follow)
        if follow and not as_json and sys.stdout.isatty():
            _bar(looks, app)
        else:
            _lines(looks, _json if as_json else lambda one: _said(one, app))


def _looks(app: "App", year: "SchoolYear | None", *, follow: bool) -> "Iterator[YearEndProgress]":
    """What is seen, look after look; the year seen first is the one that is followed."""
    from workflow.year_end.report import progress_of

    while True:
        now = app.clock.now()
        with app.database.read() as connection:
            seen = progress_of(connection, app.policy, app.year_ends.statuses(connection, now), now, year)
        if seen is None:
            raise CliFailure(f"L'année {year} a fini sans ce service : rien à suivre.", ExitCode.REFUSED)
        yield seen
        if not follow or not seen.is_worth_following:
            return
        year = seen.end.school_year
        pause()


def _lines(looks: "Iterator[YearEndProgress]", said: "Callable[[YearEndProgress], str]") -> None:
    """One line a change."""
    last = ""
    for one in looks:
        line = said(one)
        if line != last:
            click.echo(line.encode() + b"\n", nl=False)
            sys.stdout.flush()
        last = line


def _said(one: "YearEndProgress", app: "App") -> str:
    from portal.cli.output import printable
    from states import french

    count = f"{one.revoked} sur {french.plural(one.total, 'demande révoquée', 'demandes révoquées')}"
    zone = app.settings.zoneinfo
    words = {
        "to_come": f"elle finit le {french.day(one.end.last_day)} à 24 h, avec {french.plural(one.live, 'demande')}"
        " en cours",
        "held": f"retenue ; un opérateur la confirme avec « oda year-end confirm {one.end.school_year} »",
        "stuck": f"{count}, rien n'avance depuis le {french.instant(one.moved_at, zone) if one.moved_at else ''} : le"
        " service est-il arrêté ? Il reprendra où l'on en était",
        "running": f"en cours, {count}",
        "over": f"terminée, {french.plural(one.revoked, 'demande révoquée', 'demandes révoquées')}",
    }
    return printable(f"Année {one.end.school_year} : {words[one.stage.value]}.")


def _json(one: "YearEndProgress") -> str:
    import json

    row: dict[str, Any] = {
        "school_year": str(one.end.school_year), "last_day": one.end.last_day.isoformat(), "stage": one.stage.value,
        "revoked": one.revoked, "left": one.live, "total": one.total,
        "moved_at": one.moved_at.isoformat() if one.moved_at else None,
    }  # fmt: skip
    return json.dumps(row, ensure_ascii=False)


def _bar(looks: "Iterator[YearEndProgress]", app: "App") -> None:
    """A bar while it runs, and the last words under it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Shown

    from portal.cli.output import printable

    console = Console(file=sys.stdout, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    last: YearEndProgress | None = None
    with Shown(*columns, console=console, transient=True) as shown:
        task = shown.add_task("", total=None)
        for last in looks:
            stage = "" if last.stage.value == "running" else f", {last.stage.label}"
            said = printable(f"Année {last.end.school_year}{stage}")
            shown.update(task, description=said, total=max(last.total, 1), completed=last.revoked)
    if last is not None:
        click.echo(_said(last, app))
