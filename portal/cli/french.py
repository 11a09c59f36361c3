"""Click in French: the commands and groups of ``oda``, and the types of their parameters.

A command is written ``@click.command("tick", cls=FrenchCommand, help="…")``, a group with ``cls=FrenchGroup``;
what a group declares with ``@group.command(…)`` is French too. The help is always given: a docstring is English.
"""

import re
from enum import Enum
from typing import Any

import click

from portal.cli.plain_types import Choice, FilePath, Integer, Text, in_french
from portal.cli.values import Day, LabelledChoice, Uai, Year, spelling

__all__ = [
    "Choice",
    "Day",
    "FilePath",
    "FrenchCommand",
    "FrenchGroup",
    "Integer",
    "LabelledChoice",
    "Text",
    "Uai",
    "Year",
]


_HALVES = re.compile("[\ud800-\udfff]")
_UNDECODED = "ce texte est illisible dans le codage de ce terminal : régler LANG sur fr_FR.UTF-8 ou C.UTF-8."


def _remarks(option: click.Option, ctx: click.Context) -> list[str]:
    extra = option.get_help_extra(ctx)
    remarks = []
    if "envvars" in extra:
        remarks.append(f"variable d'environnement : {', '.join(extra['envvars'])}")
    if "default" in extra:
        default = option.get_default(ctx, call=False)
        shown = spelling(default.value) if isinstance(default, Enum) else extra["default"]
        remarks.append(f"par défaut : {'calculé' if callable(default) else shown}")
    if isinstance(option.type, Integer) and option.type.bounds:
        remarks.append(option.type.bounds)
    if option.required:
        remarks.append("obligatoire")
    return remarks


def _row(param: click.Parameter, ctx: click.Context) -> tuple[str, str] | None:
    record = param.get_help_record(ctx)
    if record is None:
        return None
    help_text = getattr(param, "help", None) or ""
    remarks = _remarks(param, ctx) if isinstance(param, click.Option) else []
    if remarks:
        help_text = f"{help_text}  [{' ; '.join(remarks)}]".strip()
    if isinstance(param.type, LabelledChoice):
        values = "\n".join(f"{spelling(m)} : {m.label}" for m in param.type.members)
        help_text = f"{help_text}\n\n\b\n{values}"
    return record[0], help_text


class _French(click.Command):
    """What commands and groups share: French help, French types, and errors that know their command."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        attributes.setdefault("options_metavar", "[OPTIONS]")
        super().__init__(*args, **attributes)
        for param in self.params:
            if not (isinstance(param, click.Option) and param.is_flag):
                param.type = in_french(param.type)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = "Affiche cette aide."
        return option

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)), prefix="Utilisation : ")

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        arguments = [param for param in self.get_params(ctx) if isinstance(param, click.Argument)]
        if any(argument.help or isinstance(argument.type, LabelledChoice) for argument in arguments):
            with formatter.section("Arguments "):
                formatter.write_dl([row for argument in arguments if (row := _row(argument, ctx))])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        rows = [row for option in options if (row := _row(option, ctx))]
        if rows:
            with formatter.section("Options "):
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            left = super().parse_args(ctx, args)
            self._refuse_undecoded(ctx)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        return left

    def _refuse_undecoded(self, ctx: click.Context) -> None:
        """A text typed in another encoding than the terminal's holds halves of characters: it can be stored nowhere."""
        for param in self.params:
            given = ctx.params.get(param.name or "")
            texts = given if isinstance(given, tuple) else (given,)
            if any(isinstance(text, str) and _HALVES.search(text) for text in texts):
                raise click.BadParameter(_UNDECODED, ctx, param)


class FrenchCommand(_French):
    """A command whose help and errors are in French."""

    # Click's own check of leftover arguments speaks English: it is done in parse_args instead.
    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        left = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:
            shown = ", ".join(f"« {word} »" for word in left)
            raise click.UsageError(f"{shown} : ce n'est pas attendu ici.", ctx)
        return left


class FrenchGroup(_French, click.Group):
    """A group whose help and errors are in French, as are the commands and groups declared on it."""

    command_class = FrenchCommand

    def __init__(self, *args: Any, **attributes: Any) -> None:
        attributes.setdefault("subcommand_metavar", "COMMANDE [ARGUMENTS]...")
        super().__init__(*args, **attributes)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def command_rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Each visible command's name and short help."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [(name, c.get_short_help_str(200)) for name, c in commands if c is not None and not c.hidden]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = self.command_rows(ctx)
        if rows:
            with formatter.section("Commandes "):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        if not ctx._protected_args and not self.invoke_without_command:
            raise click.UsageError("Il manque la commande.", ctx)
        return super().invoke(ctx)


FrenchGroup.group_class = FrenchGroup
