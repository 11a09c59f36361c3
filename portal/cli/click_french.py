"""French for what click's translation leaves in English: groups of commands, and usage errors."""

import io
import os
import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LazyCommand = tuple[str, str, str]
"""Module, attribute and short French help of a command that is imported when it is called."""


class CommandGroup(click.Group):
    """A group of commands; those of ``lazy``, ``{name: LazyCommand}``, are imported when they are called.

    ``oda --help`` lists them in their order and imports none, so as not to pay for the engine. A group that also
    declares commands of its own lists all by name.
    """

    group_class = type

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand] | None = None, **attributes: Any) -> None:
        super().__init__(*args, **{"subcommand_metavar": "COMMANDE [ARGUMENTS]...", **attributes})
        self.lazy = dict(lazy or {})
        # Click looks here for the names close to a mistyped one.
        self.commands.update({name: click.Command(name, short_help=text) for name, (_, _, text) in self.lazy.items()})

    def list_commands(self, ctx: click.Context) -> list[str]:
        by_name = super().list_commands(ctx)
        return list(self.lazy) if len(self.lazy) == len(by_name) else by_name

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = self.lazy[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def _summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        commands = {name: self.commands[name] for name in self.list_commands(ctx)}
        return [(name, command.get_short_help_str(200)) for name, command in commands.items() if not command.hidden]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commandes "):
            formatter.write_dl(self._summaries(ctx))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        rows = [(name, text) for name, text in self._summaries(ctx) if name.startswith(incomplete)]
        names = [CompletionItem(name, help=text) for name, text in rows]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def refuse_undecoded(arguments: list[str]) -> None:
    """Raise UsageError for an argument in another encoding than the terminal's: it could be stored nowhere.

    Only the name of an existing file may be so.
    """
    for argument in arguments:
        if re.search("[\ud800-\udfff]", argument) and not os.path.lexists(argument):
            raise click.UsageError(
                f"« {argument} » : ce texte est illisible dans le codage de ce terminal : régler LANG sur fr_FR.UTF-8"
                " ou C.UTF-8."
            )


def error_lines(error: click.ClickException) -> list[str]:
    """Return the lines to show for ``error``: the usage, how to get help, the reason."""
    if isinstance(error, click.NoSuchOption):
        error = _misplaced_option(error) or error
    text = io.StringIO()
    error.show(text)
    return text.getvalue().rstrip("\n").split("\n")


def _misplaced_option(error: click.NoSuchOption) -> click.UsageError | None:
    """Return the error for an option of a command further up, such as ``oda --as``; None for an unknown option."""
    parent = error.ctx.parent if error.ctx else None
    while parent and not any(error.option_name in param.opts for param in parent.command.params):
        parent = parent.parent
    if parent is None:
        return None
    place = f"{parent.command_path} {error.option_name} …"
    return click.UsageError(f"L'option {error.option_name} se place plus tôt dans la commande : {place}", error.ctx)
