"""Actions on requests: the options that they share, their execution, and what is written of their result."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import ROW_NUMBER, CliContext, Day, labelled_option, opened, pass_cli_context, spelling
from portal.cli.errors import CliFailure, ExitCode, refused
from portal.cli.output import echo_object, emit, printable, progress, say
from portal.texts import TRIGGER_TEXTS
from states.vocabulary import RequestedBy, Role

if TYPE_CHECKING:
    from states.commands import Command
    from states.model import Actor
    from states.refusals import Reason
    from workflow.app import App
    from workflow.engine.engine import Done, Result
    from workflow.requests.next_actions import NextStep


WITHOUT_NAMES = "sans nom de personne, rien sur la santé"
"""The warning in the help of every free text."""
BATCH_SIZE = 200
"""Requests a transaction: short enough to leave the database to others in between."""

Callback = Callable[..., None]


class Reference(click.ParamType[str]):
    """A request's reference, ``ODA-2027-00042``, in any case; the engine says whether it exists."""

    name = "référence"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        from states.validation import normalise_reference

        return normalise_reference(str(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionOptions:
    """The options of an action: its key (R10), the request's version (R9), on whose behalf (R5), by whom (R37)."""

    key: str | None
    version: int | None
    asked_by: str | None
    asked_how: RequestedBy | None
    asked_on: date | None
    name: str
    as_json: bool

    def common_fields(self) -> dict[str, Any]:
        """The fields that every command has. Raises UsageError when one of the three ``--asked-…`` is missing."""
        from states.model import OnBehalf

        if self.asked_by is None and self.asked_how is None and self.asked_on is None:
            return {"expected_version": self.version}
        if self.asked_by is None or self.asked_how is None or self.asked_on is None:
            raise click.UsageError("Les options --asked-by, --asked-how et --asked-on vont ensemble.")
        behalf = OnBehalf(who=self.asked_by, how=self.asked_how, when=self.asked_on.isoformat())
        return {"expected_version": self.version, "on_behalf": behalf}


_KEY = click.option(
    "--key", metavar="CLÉ", help="Clé d'action : la même commande rejouée ne fait rien deux fois (R10)."
)
_VERSION = click.option(
    "--version", type=ROW_NUMBER, metavar="N", help="Refuse si la demande n'en est plus à la version N (R9)."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Écrit le résultat en JSON.")
_CHEF_OPTIONS = (
    click.option("--name", default="", metavar="NOM", help="Avec --as chef ou adjoint : le nom de qui agit."),
    click.option("--asked-by", metavar="NOM", help="Opérateur agissant pour l'établissement : qui l'a demandé (R5)."),
    labelled_option(RequestedBy, "--asked-how", metavar="MOYEN", help="Comment il l'a demandé."),
    click.option("--asked-on", type=Day(), metavar="DATE", help="Quel jour il l'a demandé."),
)


def acting(*, as_chef: bool, version: bool = True) -> Callable[[Callback], Callback]:
    """Give a command its ``CliContext`` and its ``ActionOptions``, from the shared options.

    ``as_chef``: a chef may do it, so an operator may on behalf; ``version`` False where no request exists yet.
    """
    options = (_KEY, *([_VERSION] if version else []), *(_CHEF_OPTIONS if as_chef else ()), _JSON)

    def decorate(function: Callback) -> Callback:
        @functools.wraps(function)
        def call(context: CliContext, /, **values: Any) -> None:
            shared = {
                name: values.pop(name, "" if name == "name" else None) for name in ActionOptions.__dataclass_fields__
            }
            if shared["name"] and (context.acting_as is None or context.acting_as.role not in (Role.CHEF, Role.DEPUTY)):
                raise click.UsageError("L'option --name va avec --as chef:UAI ou --as adjoint:UAI.")
            function(context, ActionOptions(**shared), **values)

        command: Callback = pass_cli_context(call)
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


reference_argument = click.argument(
    "reference", type=Reference(), metavar="RÉFÉRENCE", help="La demande, par exemple ODA-2027-00042."
)
references_argument = click.argument(
    "references", type=Reference(), metavar="RÉFÉRENCE...", nargs=-1, required=True, help="Une ou plusieurs demandes."
)


def free_text(flag: str, label: str, *, required: bool) -> Callable[[Callback], Callback]:
    """The option of a free text; its help says what it must not hold."""
    default = None if required else ""
    return click.option(flag, required=required, default=default, metavar="TEXTE", help=f"{label} ({WITHOUT_NAMES}).")


def act(context: CliContext, options: ActionOptions, command: "Command | Callable[[App, Actor], Command]") -> None:
    """Execute a command, or the one that a function builds in the opened app, and write its result.

    Raises CliFailure with every reason of a refusal (R7).
    """
    from states.decision import Refused

    with opened(context, options.name) as (app, actor):
        ready = command(app, actor) if callable(command) else command
        result = app.engine.execute([ready], actor, key=options.key)[0]
        if isinstance(result, Refused):
            raise refused(result.reasons)
        warn(result.warnings)
        if options.as_json:
            echo_object(done_row(result))
        else:
            from workflow.requests.detail import load_facts
            from workflow.requests.next_actions import next_step

            click.echo(printable(sentence(result)))
            with app.database.read() as connection:
                facts = load_facts(connection, result.reference, app.mailer)
            step = next_step(facts, app.policy, app.clock.now())
            click.echo(printable(next_step_sentence(step, result.reference)))


def act_on_all(
    context: CliContext, options: ActionOptions, references: Sequence[str], build: "Callable[[str], Command]"
) -> None:
    """Execute the same action on several requests, and write a line for each; a batch done stays done.

    Raises CliFailure when any was refused.
    """
    references = list(dict.fromkeys(references))
    if len(references) == 1:
        return act(context, options, lambda _app, _actor: build(references[0]))
    if options.version is not None:
        raise click.UsageError("L'option --version ne va qu'avec une seule demande.")

    def key(start: int, _: object) -> str | None:
        return options.key if options.key is None or len(references) <= BATCH_SIZE else f"{options.key}/{start}"

    results: list[Result] = []
    try:
        with progress(len(references), "Demandes") as advance, opened(context, options.name) as (app, actor):
            from workflow.engine.engine import execute_in_batches

            commands = [build(reference) for reference in references]
            for result in execute_in_batches(app.engine, commands, actor, key=key, size=BATCH_SIZE, refuse_rest=False):
                results.append(result)
                advance(1)
    finally:
        refusals = _write_results(references, results, as_json=options.as_json)
    if refusals:
        subject = "1 demande" if refusals == 1 else f"{refusals} demandes"
        rest = " Le reste est fait." if refusals < len(results) else ""
        message = f"{subject} sur {len(results)} : l'action est refusée, rien n'y a changé.{rest}"
        raise CliFailure(message, ExitCode.REFUSED)
    return None


def _write_results(references: Sequence[str], results: "Sequence[Result]", *, as_json: bool) -> int:
    """Write the result of each request that was reached, and return the number of refusals."""
    from states.decision import Refused

    rows: list[dict[str, object]] = []
    for reference, result in zip(references, results, strict=False):
        if isinstance(result, Refused):
            line = f"{reference} : refusé. {result}"
            rows.append({"reference": reference, "refused": [reason_row(reason) for reason in result.reasons]})
        else:
            line = sentence(result)
            rows.append({**done_row(result), "refused": []})
            if not as_json:
                warn(result.warnings, f"{reference} : ")
        if not as_json:
            click.echo(printable(line))
    if as_json:
        emit(rows, {}, as_json)
    return sum(isinstance(result, Refused) for result in results)


def sentence(done: "Done") -> str:
    """One sentence: the reference, the action done, the state of the request now."""
    repeated = "déjà fait sous cette clé, rien n'est fait deux fois"
    action = repeated if done.replayed else TRIGGER_TEXTS[done.trigger].done
    return f"{done.reference} : {action} (état : {done.state.label})."


def next_step_sentence(step: "NextStep | None", reference: str) -> str:
    """« Ensuite : … », with who does it and by which command."""
    if step is None:
        return "Ensuite : rien, personne n'est attendu."
    has_command = step.trigger and TRIGGER_TEXTS[step.trigger].command
    command = f" — oda request {spelling(step.trigger)} {reference}" if step.trigger and has_command else ""
    return f"Ensuite : {step.what} ({step.who.label}){command}"


def warn(warnings: "Iterable[Reason]", before: str = "") -> None:
    """Write on the error output the warnings of an action that is done all the same (R19, R21)."""
    lines = [f"Attention : {before}{w.message} ({w.rule}). {w.remedy}" for w in warnings]
    if lines:
        say(lines)


def reason_row(reason: "Reason") -> dict[str, object]:
    """A reason for a program."""
    return asdict(reason)


def done_row(done: "Done") -> dict[str, object]:
    """An accepted action for a program."""
    return {
        "reference": done.reference, "state": done.state, "version": done.version,
        "warnings": [reason_row(warning) for warning in done.warnings], "replayed": done.replayed,
    }  # fmt: skip
