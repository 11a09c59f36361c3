"""Every error of click, said in French."""

import difflib
from collections.abc import Iterable

import click
from click.exceptions import NoArgsIsHelpError, NoSuchCommand


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
