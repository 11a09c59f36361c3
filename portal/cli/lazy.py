"""A group that imports a command only when it is called: ``oda --help`` must not pay for the engine."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from portal.cli.french import FrenchGroup

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Lazy = tuple[str, str, str]
"""Where a command is and what it does: module, attribute, short French help."""


def load(module: str, attribute: str) -> Any:
    """What ``module`` calls ``attribute``, imported now."""
    return getattr(import_module(module), attribute)


class LazyGroup(FrenchGroup):
    """A French group whose commands are given by ``lazy``, ``{name: (module, attribute, short French help)}``.

    They are listed in that order, before the commands declared on the group itself. Each short help is shown
    without import; asking a command's own help imports that command's module and no other.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *(name for name in super().list_commands(ctx) if name not in self.lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = self.lazy[cmd_name]
        command: click.Command = load(module, attribute)
        return command

    def command_rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        declared = [(name, super(LazyGroup, self).get_command(ctx, name)) for name in super().list_commands(ctx)]
        return [
            *((name, short) for name, (_, _, short) in self.lazy.items()),
            *((name, c.get_short_help_str(200)) for name, c in declared if c is not None and not c.hidden),
        ]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        rows = [row for row in self.command_rows(ctx) if row[0].startswith(incomplete)]
        names = [CompletionItem(name, help=short) for name, short in rows]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
