"""``oda list match``: the requests that wait, compared with the two lists (R94, R95)."""

from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import refused
from portal.cli.output import say
from states import french
from states.refusals import Reason
from states.vocabulary import Role

if TYPE_CHECKING:
    from workflow.database.evidence_tables import ListKind
    from workflow.evidence.automatic_checks import ComparisonResult
    from workflow.evidence.lists import ListImport


@click.command("match", help="Compare les demandes à vérifier aux deux listes ; ce qui concorde se vérifie (R94).")
@click.option(
    "--apply/--dry-run", "is_applied",
    help="Enregistre ce qui concorde et signale ce qui a disparu ; sans cela, le dit seulement.",
)  # fmt: skip
@pass_cli_context
def match(context: CliContext, is_applied: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.evidence.lists import lists_in_force

        if actor.role is not Role.OPERATOR:
            remedy = "Le demander à un opérateur."
            raise refused([Reason("wrong_role", "R2", "Seul un opérateur compare les listes", remedy)])
        with app.database.read() as connection:
            lists = lists_in_force(connection)
        if not lists:
            say("Aucune liste n'est importée : il n'y a rien à comparer.")
            return
        if not is_applied:
            _tell(app.list_checks.preview(), lists, "se ferait d'elle-même", "se feraient d'elles-mêmes")
            say("Rien n'est enregistré. Pour le faire : oda list match --apply")
            return
        result = app.list_checks.run()
        _tell(result.checks, lists, "s'est faite d'elle-même", "se sont faites d'elles-mêmes")
        if result.lost:
            say(f"{french.plural(result.lost, 'signalement ouvert', 'signalements ouverts')} : ce que les listes ne"
                " disent plus, à régler.")  # fmt: skip


def _tell(
    result: "ComparisonResult", lists: "dict[ListKind, ListImport]", one: str, several: str
) -> None:  # fmt: skip
    """Say what each list does, and what it leaves to a person."""
    from workflow.evidence.matching import CONFIDENT, Certainty

    say(f"{french.plural(result.requests, 'demande à vérifier', 'demandes à vérifier')}.")
    for kind, source in lists.items():
        made = result.made[kind]
        say(f"{source.name[:1].upper()}{source.name[1:]} : {french.plural(made, 'vérification')}"
            f" {one if made < 2 else several}.")  # fmt: skip
        for certainty in Certainty:
            if count := result.certainties[kind, certainty]:
                near = f", dont {result.confident[kind]} à {CONFIDENT} et plus" if certainty is Certainty.NEAR else ""
                say(f"  {certainty.label} : {count}{near}")
