"""Finds the English that click speaks by itself."""

import re
from collections.abc import Iterator

import click

from portal.cli.errors import error_lines

_ENGLISH = re.compile(
    r"\b(Usage|Error|Missing|Try|Invalid|Did you|No such|Got unexpected|Show th|required|default:|env var|COMMAND|ARGS"
    r"|TEXT|INTEGER|FLOAT|BOOLEAN|FILE|PATH|DIRECTORY|CHOICE|Abort\w*|Choose|requires|takes|does not|is not|DEPRECATED"
    r"|dynamic|argument\(s\)|Positional|arguments? \(|unexpected|valid)\b"
)


def english(text: str) -> list[str]:
    """The English words found in what was shown."""
    return _ENGLISH.findall(text)


def walk(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """A command and all below it, each with its context; parsing nothing, running nothing."""
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from walk(child, click.Context(child, info_name=name, parent=context))


def refusals(command: click.Command, context: click.Context) -> Iterator[str]:
    """What a command answers to every wrong command line that stops before it runs."""
    wrong = [["--inexistante"], ["--hepl"], ["-Z"]]
    for param in command.params:
        if isinstance(param, click.Option):
            wrong += [[f"{opt}=x"] if param.is_flag else [opt] for opt in param.opts if opt.startswith("--")]
        if isinstance(param, click.Option) and param.is_flag:
            continue
        try:
            param.type.convert("?", param, context)
        except click.BadParameter as error:
            yield "\n".join(error_lines(error))
    if any(param.required for param in command.params):
        wrong.append([])
    if isinstance(command, click.Group):
        wrong.append(["introuvable"])
    else:
        wrong.append(["x"] * 9 + ["--inexistante"])
    for line in wrong:
        yield refusal(command, context, line)


def refusal(command: click.Command, context: click.Context, line: list[str]) -> str:
    """The sentences with which this command line is refused; it must be."""
    try:
        own = command.make_context(context.info_name, list(line), parent=context.parent)
        if isinstance(command, click.Group):
            command.resolve_command(own, line)
    except click.ClickException as error:
        return "\n".join(error_lines(error))
    raise AssertionError(f"{context.command_path} {line} was accepted")
