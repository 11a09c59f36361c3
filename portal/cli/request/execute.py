"""Executes one action, or the same one on several requests, and tells what came of it."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, refused
from portal.cli.output import echo_object, emit, printable, progress, say
from portal.cli.parameters import ROW_NUMBER, Day, labelled_option, spelling
from portal.texts import TRIGGER_TEXTS
from states.vocabulary import RequestedBy, Role

if TYPE_CHECKING:
    from states.commands import Command
    from states.model import Actor
    from states.refusals import Reason
    from workflow.app import App
    from workflow.engine.engine import Done, Result
    from workflow.requests.next_actions import NextStep


# The options that the actions on a request share, gathered in one value.


WITHOUT_NAMES = "sans nom de personne, rien sur la santé"
"""What the help of every free text says."""


Callback = Callable[..., None]


class Reference(click.ParamType[str]):
    """A request's reference, ``ODA-2027-00042``, in any case; the engine says whether it exists."""

    name = "référence"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        return " ".join(str(value).split()).upper()


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionOptions:
    """How an action is made: under which key (R10), on which version (R9), at whose request (R5), by whom (R37)."""

    key: str | None
    version: int | None
    asked_by: str | None
    asked_how: RequestedBy | None
    asked_on: date | None
    name: str
    as_json: bool

    def fields(self) -> dict[str, Any]:
        """The fields that every command has. Raises UsageError when one of the three ``--asked-…`` is missing."""
        from states.model import OnBehalf

        asked = (self.asked_by, self.asked_how, self.asked_on)
        if all(one is None for one in asked):
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


_OF_CHEF = (
    click.option("--name", default="", metavar="NOM", help="Avec --as chef ou adjoint : le nom de qui agit."),
    click.option("--asked-by", metavar="NOM", help="Opérateur agissant pour l'établissement : qui l'a demandé (R5)."),
    labelled_option(RequestedBy, "--asked-how", metavar="MOYEN", help="Comment il l'a demandé."),
    click.option("--asked-on", type=Day(), metavar="DATE", help="Quel jour il l'a demandé."),
)


def acting(*, as_chef: bool, version: bool = True) -> Callable[[Callback], Callback]:
    """Give a command its ``CliContext`` and a ``ActionOptions``, from the shared options.

    ``as_chef``: a chef may do it, so an operator may on behalf; ``version`` False for what has no request yet.
    """
    options = (_KEY, *([_VERSION] if version else []), *(_OF_CHEF if as_chef else ()), _JSON)

    def decorate(function: Callback) -> Callback:
        @functools.wraps(function)
        def call(context: CliContext, /, **given: Any) -> None:
            taken = {
                name: given.pop(name, "" if name == "name" else None) for name in ActionOptions.__dataclass_fields__
            }
            if taken["name"] and (context.who is None or context.who.role not in (Role.CHEF, Role.DEPUTY)):
                raise click.UsageError("L'option --name va avec --as chef:UAI ou --as adjoint:UAI.")
            function(context, ActionOptions(**taken), **given)

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


def free_text(flag: str, what: str, *, required: bool) -> Callable[[Callback], Callback]:
    """A free text; its help says what it must not hold."""
    default = None if required else ""
    words = f"{what} ({WITHOUT_NAMES})."
    return click.option(flag, required=required, default=default, metavar="TEXTE", help=words)


# What was done, as the person is told: a French sentence with what follows, or JSON for a program.


_AGAIN = "déjà fait sous cette clé, rien n'est fait deux fois"


def sentence(done: "Done") -> str:
    """One sentence: the reference, what was done, where the request now stands."""
    what = _AGAIN if done.replayed else TRIGGER_TEXTS[done.trigger].done
    return f"{done.reference} : {what} (état : {done.state.label})."


def following(step: "NextStep | None", reference: str) -> str:
    """« Ensuite : … », with who does it and by which command."""
    if step is None:
        return "Ensuite : rien, personne n'est attendu."
    has_command = step.trigger and TRIGGER_TEXTS[step.trigger].command
    command = f" — oda request {spelling(step.trigger)} {reference}" if step.trigger and has_command else ""
    return f"Ensuite : {step.what} ({step.who.label}){command}"


def warn(warnings: "Iterable[Reason]", before: str = "") -> None:
    """What was done all the same, but must be known (R19, R21), on the error output."""
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


SLICE = 200
"""Requests a transaction: short enough to leave the database to others in between."""


def act(context: CliContext, manner: ActionOptions, build: "Callable[[App, Actor], Command]") -> None:
    """Build a command in the opened house, execute it, tell. Raises CliFailure with every reason of a refusal (R7)."""
    from states.decision import Refused

    with opened(context, manner.name) as (app, actor):
        command = build(app, actor)
        result = app.engine.execute([command], actor, key=manner.key)[0]
        if isinstance(result, Refused):
            raise refused(result.reasons)
        warn(result.warnings)
        if manner.as_json:
            echo_object(done_row(result))
        else:
            click.echo(printable(sentence(result)))
            click.echo(printable(_following(app, result)))


def _following(app: "App", done: "Done") -> str:
    """What the request waits for now, whoever acted on it."""
    from workflow.requests.detail import load_facts
    from workflow.requests.next_actions import next_step

    with app.database.read() as connection:
        facts = load_facts(connection, done.reference, app.mailer)
    return following(next_step(facts, app.policy, app.clock.now()), done.reference)


def act_on_all(
    context: CliContext, manner: ActionOptions, references: Sequence[str], build: "Callable[[str], Command]"
) -> None:
    """The same action on several requests: a line for each. Raises CliFailure when any was refused."""
    wanted = list(dict.fromkeys(references))
    if len(wanted) == 1:
        return act(context, manner, lambda _app, _actor: build(wanted[0]))
    if manner.version is not None:
        raise click.UsageError("L'option --version ne va qu'avec une seule demande.")
    done: list[tuple[str, Result]] = []
    try:
        with progress(len(wanted), "Demandes") as advance:
            for reference_and_result in _executed(context, manner, wanted, build):
                done.append(reference_and_result)
                advance(1)
    finally:
        _tell(done, as_json=manner.as_json)
    return _judge(done)


def _executed(
    context: CliContext, manner: ActionOptions, references: list[str], build: "Callable[[str], Command]"
) -> "Iterator[tuple[str, Result]]":
    """Yield each request's result once its batch is done, which stays done if a later one fails."""

    def key(start: int, _: object) -> str | None:
        return manner.key if manner.key is None or len(references) <= SLICE else f"{manner.key}/{start}"

    with opened(context, manner.name) as (app, actor):
        from workflow.engine.sequence import execute_in_batches

        commands = [build(reference) for reference in references]
        results = execute_in_batches(app.engine, commands, actor, key=key, size=SLICE, refuse_rest=False)
        yield from zip(references, results, strict=True)


def _tell(done: "Sequence[tuple[str, Result]]", *, as_json: bool) -> None:
    if as_json:
        emit([_row(reference, result) for reference, result in done], {}, as_json)
        return
    for reference, result in done:
        click.echo(printable(_line(reference, result)))


def _line(reference: str, result: "Result") -> str:
    from states.decision import Refused

    if isinstance(result, Refused):
        return f"{reference} : refusé. {result}"
    warn(result.warnings, f"{reference} : ")
    return sentence(result)


def _row(reference: str, result: "Result") -> dict[str, object]:
    from states.decision import Refused

    if isinstance(result, Refused):
        return {"reference": reference, "refused": [reason_row(reason) for reason in result.reasons]}
    return {**done_row(result), "refused": []}


def _judge(done: "Sequence[tuple[str, Result]]") -> None:
    from states.decision import Refused

    count = sum(isinstance(result, Refused) for _, result in done)
    if count:
        which = "1 demande" if count == 1 else f"{count} demandes"
        rest = " Le reste est fait." if count < len(done) else ""
        message = f"{which} sur {len(done)} : l'action est refusée, rien n'y a changé.{rest}"
        raise CliFailure(message, ExitCode.REFUSED)
