"""``oda session``, ``token``, ``substitution`` and ``binding``: each way in to the portal and to the API.

The connections that are open (R107), the programs let in (R76), those who act in another's stead (R114), the national
identities that are bound to establishments (R103).
"""

from dataclasses import asdict

import click

from portal.cli.context import (
    ROW_NUMBER,
    ActorSpec,
    ActorSpecType,
    CliContext,
    labelled_option,
    opened,
    pass_cli_context,
)
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for
from portal.cli.output import emit, json_option, printable, say
from states import french
from states.vocabulary import Scope

_SESSION_COLUMNS = {
    "number": "N°", "subject": "Pour", "name": "Nom", "role": "Rôle", "browser": "Navigateur", "door": "Par",
    "created_at": "Ouverte le", "seen_at": "Dernier usage",
}  # fmt: skip

_TOKEN_COLUMNS = {
    "id": "N°", "label": "Nom", "role": "Rôle", "subject": "Pour", "scope": "Portée", "expires_at": "Expire le",
    "seen_at": "Dernier usage", "status": "État",
}  # fmt: skip

_SUBSTITUTION_COLUMNS = {
    "number": "N°", "of": "De", "by": "Par", "role": "Rôle", "first_day": "Du", "last_day": "Au",
}  # fmt: skip

_BINDING_COLUMNS = {
    "number": "N°", "uai": "UAI", "establishment": "Établissement", "name": "Nom", "provider": "Par", "role": "Rôle",
    "bound_at": "Depuis le",
}  # fmt: skip

_NUMBER = click.argument("number", type=ROW_NUMBER, metavar="N°", help="Le numéro, que donne « list ».")


@failure_for("workflow.auth.access.SessionUnknown")
def _unknown_session(error: Exception) -> CliFailure:
    return CliFailure(f"{error} Voir « oda session list » (R107).", ExitCode.REFUSED, [])


@click.group("session", cls=CommandGroup, help="Les connexions au portail : qui est connecté, y mettre fin.")
def session() -> None:
    pass


@session.command(
    "list",
    help="Les connexions ouvertes, la plus récente d'abord (R107). Leur secret n'est gardé nulle part."
    " Réservé aux opérateurs.",
)
@click.option(
    "--of",
    "of",
    default="",
    metavar="ADRESSE|UAI",
    help="De cette adresse du rectorat, ou de cet établissement, seulement.",
)
@json_option
@pass_cli_context
def list_sessions(context: CliContext, of: str, as_json: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.access import SessionFilters

        sessions = app.open_sessions.all(actor, SessionFilters(of=of))
        zone = app.settings.zoneinfo
    rows = [asdict(one) | {"door": one.door} for one in sessions]
    for row in rows:
        del row["is_own"]  # no session shows this listing
    emit(rows, _SESSION_COLUMNS, as_json, "Aucune connexion ouverte.", zone)


@session.command(
    "end",
    help="Finit une connexion par son numéro, ou toutes celles d'une adresse ou d'un établissement, avec les liens de"
    " connexion déjà envoyés (R107). La personne peut se connecter de nouveau. Réservé aux opérateurs.",
)
@click.argument("number", type=ROW_NUMBER, metavar="[N°]", required=False, help="Le numéro, que donne « list ».")
@click.option("--of", "of", default="", metavar="ADRESSE|UAI", help="Toutes celles de cette adresse ou de cet UAI.")
@pass_cli_context
def end_sessions(context: CliContext, number: int | None, of: str) -> None:
    if (number is None) == (not of.strip()):
        raise click.UsageError("Donner soit le numéro d'une connexion, soit --of ADRESSE ou --of UAI.")
    with opened(context) as (app, actor):
        if number is not None:
            app.open_sessions.end(number, actor)
            sentence = f"La connexion n° {number} a pris fin."
        else:
            ended = app.open_sessions.end_all_of(of, actor)
            counted = french.plural(ended, "connexion a pris fin", "connexions ont pris fin")
            sentence = f"{of} : {counted}." if ended else f"{of} : aucune connexion n'était ouverte."
    click.echo(printable(sentence))


@failure_for("workflow.auth.tokens.TokenRefused")
def _token_refused(error: Exception) -> CliFailure:
    return CliFailure(f"{error} (R76)", ExitCode.REFUSED, [])


@click.group("token", cls=CommandGroup, help="Les jetons : ouvrir l'API à un programme.")
def token() -> None:
    pass


@token.command(
    "create",
    help="Fait un jeton pour un programme qui agira au nom d'une personne (R76). Son secret s'affiche cette seule fois"
    " et n'est gardé nulle part. Réservé aux opérateurs.",
)
@click.option("--for", "of", type=ActorSpecType(), required=True, metavar="QUI", help="Au nom de qui, comme pour --as.")
@labelled_option(Scope, "--scope", required=True, help="Ce qu'il permet : read, act.")
@click.option("--label", required=True, metavar="NOM", help="Quel programme s'en servira.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=90,
    show_default=True,
    metavar="JOURS",
    help="Combien de jours il vaut.",
)
@pass_cli_context
def create_token(context: CliContext, of: ActorSpec, scope: Scope, label: str, days: int) -> None:
    with opened(context) as (app, actor):
        new, secret = app.tokens.create(actor, of.role, of.value, scope=scope, label=label, days=days)
        until = french.instant(new.expires_at, app.settings.zoneinfo)
    say([
        printable(f"Jeton n° {new.id} (« {new.label} ») pour {new.subject} : {new.scope.label}, jusqu'au {until}."),
        "Son secret, affiché cette seule fois : le mettre aussitôt dans les secrets du programme.",
    ])  # fmt: skip
    click.echo(secret)


@token.command("list", help="Les jetons, le plus récent d'abord ; leur secret n'est gardé nulle part.")
@json_option
@pass_cli_context
def list_tokens(context: CliContext, as_json: bool) -> None:
    with opened(context) as (app, actor):
        now = app.clock.now()
        rows = [
            asdict(token)
            | {"status": "révoqué" if token.revoked_at else "en vigueur" if token.is_valid(now) else "expiré"}
            for token in app.tokens.all(actor)
        ]
        zone = app.settings.zoneinfo
    emit(rows, _TOKEN_COLUMNS, as_json, "Aucun jeton.", zone)


@token.command("revoke", help="Révoque un jeton : le programme n'entre plus (R76). Réservé aux opérateurs.")
@click.argument("number", type=ROW_NUMBER, metavar="N°", help="Le numéro du jeton, que donne « list ».")
@pass_cli_context
def revoke_token(context: CliContext, number: int) -> None:
    with opened(context) as (app, actor):
        token = app.tokens.revoke(actor, number)
    click.echo(printable(f"Jeton n° {token.id} (« {token.label} ») révoqué."))


@click.group("substitution", cls=CommandGroup, help="Les suppléances dans le logiciel : les lister, y mettre fin.")
def substitution() -> None:
    pass


@substitution.command(
    "list", help="Les suppléances qui ne sont pas finies, la plus récente d'abord (R114). Réservé aux opérateurs."
)
@json_option
@pass_cli_context
def list_substitutions(context: CliContext, as_json: bool) -> None:
    with opened(context) as (app, actor):
        substitutions = app.substitutions.all(actor)
        zone = app.settings.zoneinfo
    rows = [asdict(one) | {"of": one.of, "by": one.by} for one in substitutions]
    emit(rows, _SUBSTITUTION_COLUMNS, as_json, "Aucune suppléance en cours ou à venir.", zone)


@substitution.command(
    "end",
    help="Finit une suppléance avant son terme (R114) : la personne qui suppléait n'agit plus qu'en son propre nom."
    " Réservé aux opérateurs.",
)
@_NUMBER
@pass_cli_context
def end_substitution(context: CliContext, number: int) -> None:
    with opened(context) as (app, actor):
        if not app.substitutions.end(number, actor, None):
            raise _unknown(f"Aucune suppléance en cours ou à venir ne porte le n° {number}", "oda substitution list")
    click.echo(printable(f"La suppléance n° {number} a pris fin."))


@click.group(
    "binding", cls=CommandGroup, help="Les identités nationales liées aux établissements : les lister, y mettre fin."
)
def binding() -> None:
    pass


@binding.command(
    "list",
    help="Les liaisons d'une identité à un établissement, la plus récente d'abord (R103). Réservé aux opérateurs.",
)
@click.option("--uai", default="", metavar="UAI", help="Celles de cet établissement seulement.")
@json_option
@pass_cli_context
def list_bindings(context: CliContext, uai: str, as_json: bool) -> None:
    from states.validation import normalise_uai
    from workflow.auth.actors import require_operator

    with opened(context) as (app, actor):
        require_operator(actor, "lister les liaisons de tous les établissements")
        bindings = app.bindings.list_of([normalise_uai(uai)]) if uai else app.bindings.list_latest(None)
        zone = app.settings.zoneinfo
    rows = [
        asdict(one) | {"uai": one.place.uai, "establishment": f"{one.place.nom}, {one.place.commune}"}
        for one in bindings
    ]  # fmt: skip
    for row in rows:
        del row["place"]
    emit(rows, _BINDING_COLUMNS, as_json, "Aucune identité n'est liée à un établissement.", zone)


@binding.command(
    "end",
    help="Finit la liaison d'une identité à un établissement, et les connexions qu'elle a ouvertes (R103). La boîte de"
    " l'établissement peut la lier de nouveau. Réservé aux opérateurs.",
)
@_NUMBER
@pass_cli_context
def end_binding(context: CliContext, number: int) -> None:
    from workflow.auth.actors import require_operator

    with opened(context) as (app, actor):
        require_operator(actor, "finir une liaison")
        ended = app.bindings.end(number, actor)
        if ended is None:
            raise _unknown(f"Aucune liaison ne porte le n° {number}", "oda binding list")
    click.echo(printable(f"La liaison n° {number}, à l'établissement {ended.place.uai}, a pris fin."))


def _unknown(message: str, listing: str) -> CliFailure:
    return CliFailure(f"{message} : rien n'a changé. Voir « {listing} ».", ExitCode.REFUSED, [])
