"""Click in French: the commands and groups of ``oda``, and the types of their parameters.

A command is written ``@click.command("tick", cls=FrenchCommand, help="…")``, a group with ``cls=FrenchGroup``;
what a group declares with ``@group.command(…)`` is French too. The help is always given: a docstring is English.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import NoArgsIsHelpError, NoSuchCommand

from portal.cli.parameters import Choice, Day, FilePath, Integer, LabelledChoice, Text, Uai, Year, in_french, spelling

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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


# A group that imports a command only when it is called: ``oda --help`` must not pay for the engine.


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


# Every error of click, said in French.


def label(param: click.Parameter) -> str:
    """How a person would name the parameter: ``--reason``, or the argument's French metavar."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return param.human_readable_name


def _suggestion(typed: str, known: Iterable[str]) -> str:
    # Without the dashes, which every option has and which would make any two look alike.
    names = {name.lstrip("-"): name for name in known}
    close = difflib.get_close_matches(typed.lstrip("-"), names, cutoff=0.7)
    return f" Vouliez-vous dire {' ou '.join(f'« {names[name]} »' for name in close)} ?" if close else ""


def _no_such_option(error: click.NoSuchOption) -> str:
    parent = error.ctx.parent if error.ctx else None
    while parent:
        if any(error.option_name in param.opts for param in parent.command.params):
            place = f"{parent.command_path} {error.option_name} …"
            return f"L'option {error.option_name} se place plus tôt dans la commande : {place}"
        parent = parent.parent
    params = error.ctx.command.get_params(error.ctx) if error.ctx else []
    known = [opt for param in params if isinstance(param, click.Option) for opt in param.opts]
    return f"L'option {error.option_name} n'existe pas.{_suggestion(error.option_name, known)}"


def _no_such_command(error: NoSuchCommand) -> str:
    group = error.ctx.command if error.ctx else None
    known = group.list_commands(error.ctx) if error.ctx and isinstance(group, click.Group) else []
    return f"La commande « {error.command_name} » n'existe pas.{_suggestion(error.command_name, known)}"


def _bad_option_usage(error: click.BadOptionUsage) -> str:
    params = error.ctx.command.get_params(error.ctx) if error.ctx else []
    option = next((p for p in params if error.option_name in (*p.opts, *p.secondary_opts)), None)
    if isinstance(option, click.Option) and (option.is_flag or option.count):
        return f"L'option {error.option_name} n'attend pas de valeur."
    wanted = "une valeur" if option is None or option.nargs == 1 else f"{option.nargs} valeurs"
    return f"L'option {error.option_name} attend {wanted}."


def _missing(error: click.MissingParameter) -> str:
    if error.param is None:
        return "Il manque un paramètre."
    kind = "option" if isinstance(error.param, click.Option) else "argument"
    more = error.param.type.get_missing_message(param=error.param, ctx=error.ctx)
    return f"Il manque l'{kind} {label(error.param)}." + (f" {more}" if more else "")


def _bad_value(error: click.BadParameter) -> str:
    hint = error.param_hint
    where = hint if isinstance(hint, str) else ", ".join(hint or ()) or (label(error.param) if error.param else "")
    return f"{where} : {error.message}" if where else error.message


def sentence(error: click.ClickException) -> str:
    """The error in one French sentence, with what was probably meant when that can be guessed.

    A ``UsageError`` or a ``BadParameter`` raised by this project carries its own French message.
    """
    match error:
        case click.NoSuchOption():
            return _no_such_option(error)
        case NoSuchCommand():
            return _no_such_command(error)
        case click.BadOptionUsage():
            return _bad_option_usage(error)
        case click.BadArgumentUsage():
            return "Le nombre de valeurs données n'est pas le bon."
        case click.MissingParameter():
            return _missing(error)
        case click.BadParameter():
            return _bad_value(error)
        case click.FileError():
            return f"Le fichier « {error.ui_filename} » ne peut pas être ouvert."
        case _:
            return error.message


def lines(error: click.ClickException) -> list[str]:
    """What is written on the error output: usage, where help is, the sentence; or the help when nothing was asked."""
    if isinstance(error, NoArgsIsHelpError):
        return [error.message]
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return [f"Erreur : {sentence(error)}"]
    aide = f"Aide : {context.command_path} --help"
    return [context.get_usage(), aide, "", f"Erreur : {sentence(error)}"]
