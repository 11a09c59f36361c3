"""Exit codes and failures of commands, in French, and those that exceptions of other packages mean.

Besides, French for what click's translation leaves in English: the groups of commands, and errors of usage.
"""

import errno
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from workflow.database.faults import DatabaseFault

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No room left: on the disk, in the account's quota, or under the process's limit."""

_SYSTEM_ERRORS = {
    errno.EACCES: "accès refusé",
    errno.EPERM: "accès refusé",
    errno.EROFS: "le disque est en lecture seule",
    errno.ENOTDIR: "un élément du chemin est un fichier",
    errno.EISDIR: "c'est un répertoire",
    errno.ENOENT: "un élément du chemin n'existe pas",
    errno.ENAMETOOLONG: "le nom est trop long",
    **dict.fromkeys(NO_SPACE, "plus de place sur le disque"),
}

LazyCommand = tuple[str, str, str]
"""Module, attribute and short French help of a command that is imported when it is called."""


class ExitCode(IntEnum):
    """The exit codes of ``oda``; the values are those of sysexits.h where it has one."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    BAD_INPUT = 65
    UNAVAILABLE = 69
    INTERNAL = 70
    BUSY = 75
    SETTINGS = 78
    INTERRUPTED = 130
    READER_GONE = 141


class RefusalReason(Protocol):
    """The part of a refusal's reason that is written (R7): ``states.refusals.Reason`` is one."""

    @property
    def rule(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def remedy(self) -> str: ...


class CliFailure(Exception):
    """A command cannot go on: ``message`` and ``details`` are French, shown as they are, so hold no secret."""

    def __init__(self, message: str, exit_code: ExitCode, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.details = list(details)


def refused(reasons: Iterable[RefusalReason], message: str = "Refusé, rien n'a changé.") -> CliFailure:
    """The failure that gives every reason of a refusal, its rule and what to do (R7)."""
    details = [f"{reason.message} ({reason.rule}). Que faire : {reason.remedy}" for reason in reasons]
    return CliFailure(message, ExitCode.REFUSED, details)


@contextmanager
def writing(place: Path, remedy: str) -> Iterator[None]:
    """Run a block that writes under ``place``. Raises CliFailure, with the reason in French, when it cannot."""
    try:
        yield
    except OSError as error:
        # The system's own words are English and may vary.
        reason = _SYSTEM_ERRORS.get(error.errno or 0, f"erreur {error.errno} du système")
        message = f"{place} ne peut pas être écrit : {reason}."
        raise CliFailure(message, ExitCode.REFUSED, [f"Que faire : {remedy}."]) from None


Translate = Callable[[Exception], CliFailure | None]


TRANSLATIONS: dict[str, Translate] = {}


def failure_for(*classes: str) -> Callable[[Translate], Translate]:
    """Register the translation of another package's exception, named by its path so that nothing is imported for it.

    It holds for its subclasses too: the closest class wins. A translation returns None for an unforeseen error.
    """

    def register(translate: Translate) -> Translate:
        if twice := TRANSLATIONS.keys() & set(classes):
            raise ValueError(f"a second translation of {', '.join(twice)}: which one holds would depend on the imports")
        TRANSLATIONS.update(dict.fromkeys(classes, translate))
        return translate

    return register


def _of_fault(fault: "DatabaseFault") -> CliFailure:
    code = ExitCode.BUSY if fault.is_passing else ExitCode.UNAVAILABLE
    return CliFailure(f"{fault.message}.", code, [f"Que faire : {fault.remedy}."])


@failure_for("workflow.settings.yaml_reader.SettingsError", "workflow.settings.secrets.SecretError")
def _settings(error: Exception) -> CliFailure:
    # Both are written for the person and quote no secret.
    return CliFailure("Les réglages ne sont pas utilisables.", ExitCode.SETTINGS, str(error).split("\n"))


@failure_for("notifications.rendering.environment.TemplatesRefused")
def _templates(error: Exception) -> CliFailure:
    details = [*str(error).split("\n"), "Que faire : corriger ou ôter ces fichiers, puis « oda check-config »."]
    return CliFailure("Les modèles de l'académie ne sont pas utilisables (R68).", ExitCode.SETTINGS, details)


@failure_for("workflow.database.faults.DatabaseBusy", "workflow.database.faults.DatabaseUnreachable")
def _troubled(error: Exception) -> CliFailure:
    from workflow.database.faults import DatabaseFault

    return _of_fault(getattr(error, "fault", DatabaseFault.UNREACHABLE))


@failure_for("sqlalchemy.exc.OperationalError")
def _database(error: Exception) -> CliFailure:
    from workflow.database.faults import DatabaseFault, fault_of

    return _of_fault(fault_of(getattr(error, "orig", None)) or DatabaseFault.UNREACHABLE)


@failure_for("sqlalchemy.exc.DatabaseError")
def _unforeseen(error: Exception) -> CliFailure | None:
    from workflow.database.faults import DatabaseFault, fault_of

    never_asked = getattr(error, "statement", "") is None  # an address that the driver cannot read
    fault = fault_of(getattr(error, "orig", None)) or (DatabaseFault.UNREACHABLE if never_asked else None)
    return _of_fault(fault) if fault else None


@failure_for("builtins.OSError")
def _system(error: Exception) -> CliFailure | None:
    if not isinstance(error, OSError) or error.errno not in NO_SPACE:
        return None
    remedy = "Que faire : faire de la place ; puis voir si l'action est faite avant de la refaire."
    return CliFailure("Plus de place sur le disque : la sortie n'est pas entière.", ExitCode.UNAVAILABLE, [remedy])


@failure_for("notifications.encryption.BadSealingKey")
def _bad_key(_: Exception) -> CliFailure:
    return CliFailure(
        "La clé des codes (secret seal-key) est abîmée ou incomplète.",
        ExitCode.SETTINGS,
        ["Que faire : remettre l'originale depuis la sauvegarde des secrets ; si elle est perdue, ôter ce fichier et"
         " relancer « oda init DOSSIER » : les codes en attente seront à réémettre."],
    )  # fmt: skip


@failure_for("aiosmtplib.errors.SMTPException")
def _relay(_: Exception) -> CliFailure:
    return CliFailure(
        "Le relais de messagerie ne répond pas, ou refuse la connexion.",
        ExitCode.UNAVAILABLE,
        ["Que faire : lancer « oda mail check », qui dit quel réglage corriger."],
    )


@failure_for("workflow.auth.actors.NotAllowed")
def _not_allowed(error: Exception) -> CliFailure:
    reasons = getattr(error, "reasons", ())
    return refused(reasons) if reasons else CliFailure(str(error), ExitCode.REFUSED)


@failure_for(
    "workflow.database.schema.SchemaBehind",
    "workflow.database.schema.SchemaAhead",
    "workflow.journal.chain.NotInstalled",
    "workflow.database.schema.ForeignDatabase",
    "workflow.database.connection.FileMissing",
    "workflow.database.connection.OtherMachine",
)
def _not_ready(error: Exception) -> CliFailure:
    return CliFailure(_sentence(error), ExitCode.UNAVAILABLE)


@failure_for("workflow.journal.chain.OtherInstallation", "workflow.database.connection.SharedFile")
def _badly_placed(error: Exception) -> CliFailure:
    return CliFailure(_sentence(error), ExitCode.SETTINGS)


@failure_for("workflow.spreadsheets.workbook.UnusableFile")
def _unusable_file(error: Exception) -> CliFailure:
    message, _, remedy = str(error).partition(" Que faire : ")
    return CliFailure("Ce fichier ne peut pas être importé, rien n'a changé.", ExitCode.BAD_INPUT,
                      [message, f"Que faire : {remedy}"])  # fmt: skip


@failure_for(
    "workflow.directory.importer.DirectoryRefused",
    "workflow.evidence.lists.ListRefused",
    "workflow.database.clock.ClockRefused",
)
def _refused(error: Exception) -> CliFailure:
    return refused(getattr(error, "reasons", ()))


@failure_for("portal.demo.runtime.FolderRefused")
def _no_new_folder(error: Exception) -> CliFailure:
    return CliFailure(str(error), ExitCode.REFUSED, [getattr(error, "remedy", "")])


@failure_for("portal.demo.runtime.NoTemporaryFolder")
def _no_temporary_folder(error: Exception) -> CliFailure:
    return CliFailure(str(error), ExitCode.UNAVAILABLE, [getattr(error, "remedy", "")])


def _sentence(error: Exception) -> str:
    """The message of an exception whose class has it as its docstring."""
    return " ".join((type(error).__doc__ or "").split())


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
