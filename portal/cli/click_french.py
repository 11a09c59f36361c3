"""What click's translation leaves to say in French: groups of commands, each loaded when called, and usage errors."""

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
"""Where a command is and what it does: module, attribute, short French help."""


class CommandGroup(click.Group):
    """A group of commands; those of ``lazy``, ``{name: LazyCommand}``, are imported when they are called.

    ``oda --help`` must not pay for the engine: it lists them in their order and imports none. A group that declares
    commands besides lists all by name.
    """

    group_class = type

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand] | None = None, **attributes: Any) -> None:
        super().__init__(*args, **{"subcommand_metavar": "COMMANDE [ARGUMENTS]...", **attributes})
        self.lazy = dict(lazy or {})
        # Click looks here for what a mistyped name may have meant.
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
    """Raise UsageError on a text in another encoding than the terminal's: it could be stored nowhere.

    Only the name of a file may have one.
    """
    for argument in arguments:
        if re.search("[\ud800-\udfff]", argument) and not os.path.lexists(argument):
            raise click.UsageError(
                f"« {argument} » : ce texte est illisible dans le codage de ce terminal : régler LANG sur fr_FR.UTF-8"
                " ou C.UTF-8."
            )


def error_lines(error: click.ClickException) -> list[str]:
    """What a person is shown of ``error``: the usage, where help is, the reason."""
    if isinstance(error, click.NoSuchOption):
        error = _misplaced_option(error) or error
    text = io.StringIO()
    error.show(text)
    return text.getvalue().rstrip("\n").split("\n")


def _misplaced_option(error: click.NoSuchOption) -> click.UsageError | None:
    """The error of an option that exists, but of a command further up such as ``oda --as``."""
    parent = error.ctx.parent if error.ctx else None
    while parent and not any(error.option_name in param.opts for param in parent.command.params):
        parent = parent.parent
    if parent is None:
        return None
    place = f"{parent.command_path} {error.option_name} …"
    return click.UsageError(f"L'option {error.option_name} se place plus tôt dans la commande : {place}", error.ctx)
