import errno
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

import click
import pytest

import portal.cli
from portal.cli.errors import TRANSLATIONS, CliFailure, ExitCode, failure_for, refused
from portal.cli.main import as_failure
from tests.portal.cli.conftest import Run
from tests.portal.cli.sample import FAILURES

Failing = Callable[[BaseException], tuple[int, str]]


class Reason:
    rule = "R13"
    message = "L'établissement n'a pas de boîte"
    remedy = "La fixer."


class Foreign(Exception):
    pass


class Nearer(Foreign):
    pass


@pytest.fixture
def failing(run: Run) -> Failing:
    def fail(error: BaseException) -> tuple[int, str]:
        FAILURES.append(error)
        result = run("sample", "fail")
        assert result.stdout == ""
        return result.exit_code, result.stderr

    return fail


def test_done__is_zero(run: Run) -> None:
    assert run("sample", "who").exit_code == ExitCode.DONE


@pytest.mark.rule("R7")
def test_refused__gives_every_reason_and_what_to_do(failing: Failing) -> None:
    code, message = failing(refused([Reason(), Reason()]))
    assert code == 1
    assert message.count("  — L'établissement n'a pas de boîte (R13). Que faire : La fixer.\n") == 2


def test_failure__tells_its_code_and_hides_control_characters(run: Run) -> None:
    result = run("sample", "busy")
    assert result.exit_code == 75
    assert result.stderr == "Occupé.\n  — Recommencer\N{REPLACEMENT CHARACTER}[31m.\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort(), EOFError()])
def test_interrupted__is_said(failing: Failing, error: BaseException) -> None:
    assert failing(error) == (130, "\nInterrompu.\n")


def test_exit__asked_by_a_command_is_kept(failing: Failing) -> None:
    assert failing(click.exceptions.Exit(75)) == (75, "")


def test_click_error__raised_by_a_command_is_a_usage_error(failing: Failing) -> None:
    code, message = failing(click.FileError("x.csv", "No such file"))
    assert (code, message) == (2, "Erreur : Le fichier « x.csv » ne peut pas être ouvert.\n")


def test_unforeseen__gives_a_number_found_in_the_log_and_no_text(
    failing: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "oda"):
        code, message = failing(RuntimeError("mot de passe : hunter2"))
    assert code == 70
    assert message.startswith("Erreur interne")
    number = message.rstrip(".\n").rsplit(" ", 1)[-1]
    assert f"incident {number} : RuntimeError, " in caplog.text
    assert "cli/sample.py:" in caplog.text
    assert "hunter2" not in message + caplog.text
    assert "Traceback" not in message + caplog.text


def test_unforeseen__shows_its_traceback_to_who_debugs(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA_DEBUG", "1")
    code, message = failing(RuntimeError("détail"))
    assert code == 70
    assert "RuntimeError: détail" in message


def test_foreign__is_translated_by_its_path_or_its_parent(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in list(TRANSLATIONS):
        monkeypatch.delitem(TRANSLATIONS, path)
    failure_for(f"{__name__}.Foreign")(lambda _: CliFailure("Étranger.", ExitCode.SETTINGS))
    assert failing(Nearer("secret")) == (78, "Étranger.\n")


def test_foreign__every_registered_path_is_a_class() -> None:
    for module in iter_modules(portal.cli.__path__, "portal.cli."):
        import_module(module.name)
    for path in TRANSLATIONS:
        place, _, name = path.rpartition(".")
        assert issubclass(getattr(import_module(place), name), Exception), path


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"sqlite_errorname": "SQLITE_BUSY_SNAPSHOT"}, ExitCode.BUSY),
        ({"sqlstate": "40P01"}, ExitCode.BUSY),
        ({"sqlstate": None}, ExitCode.UNAVAILABLE),
        ({"sqlite_errorname": "SQLITE_CANTOPEN"}, ExitCode.UNAVAILABLE),
    ],
)
def test_database__is_busy_or_unavailable(attributes: dict[str, str | None], code: ExitCode) -> None:
    from sqlalchemy.exc import OperationalError

    driver_error = Exception("driver")
    vars(driver_error).update(attributes)
    failure = as_failure(OperationalError("SELECT secret", {}, driver_error))
    assert failure is not None
    assert failure.exit_code == code
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"sqlite_errorname": "SQLITE_NOTADB"}, "est abîmé, ou n'est pas une base"),
        ({"sqlite_errorname": "SQLITE_CORRUPT"}, "est abîmé"),
        ({"sqlite_errorname": "SQLITE_FULL"}, "Plus de place"),
        ({"sqlite_errorname": "SQLITE_READONLY_DIRECTORY"}, "lecture seule"),
        ({"sqlite_errorname": "SQLITE_CANTOPEN"}, "ne peut pas être ouvert"),
        ({"sqlite_errorname": "SQLITE_IOERR_WRITE"}, "refuse de lire ou d'écrire"),
        ({"sqlstate": "25006"}, "lecture seule"),
        ({"sqlstate": "42501"}, "n'a pas les droits"),
        ({"sqlstate": "53100"}, "Plus de place"),
    ],
)
def test_database__trouble_is_told_by_its_name(attributes: dict[str, str], words: str) -> None:
    from sqlalchemy.exc import DatabaseError, OperationalError

    from workflow.database.faults import DatabaseFault, DatabaseUnreachable, fault_of

    driver_error = Exception("driver")
    vars(driver_error).update(attributes)
    unreachable = DatabaseUnreachable(fault_of(driver_error) or DatabaseFault.BUSY)
    plain = OperationalError("SELECT secret", {}, driver_error)
    for error in (DatabaseError("SELECT secret", {}, driver_error), plain, unreachable):
        failure = as_failure(error)
        assert failure is not None
        assert failure.exit_code == ExitCode.UNAVAILABLE
        assert words in failure.message
        assert failure.details[0].startswith("Que faire : ")


def test_database__address_that_the_driver_cannot_read_is_unreachable() -> None:
    from sqlalchemy.exc import ProgrammingError

    failure = as_failure(ProgrammingError(None, None, Exception("invalid URI query parameter")))
    assert failure is not None
    assert failure.exit_code == ExitCode.UNAVAILABLE
    assert "database.url" in failure.details[0]


def test_database__a_statement_of_ours_that_is_wrong_is_an_incident() -> None:
    from sqlalchemy.exc import ProgrammingError

    assert as_failure(ProgrammingError("SELECT secret", {}, Exception("syntax error"))) is None


@pytest.mark.rule("R60")
def test_seal_key__damaged_is_a_matter_of_settings() -> None:
    from notifications.encryption import BadSealingKey

    failure = as_failure(BadSealingKey())
    assert failure is not None
    assert failure.exit_code == ExitCode.SETTINGS
    assert "sauvegarde des secrets" in failure.details[0]


def test_system__only_a_full_disk_is_foreseen() -> None:
    full = as_failure(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None
    assert (full.exit_code, full.message) == (69, "Plus de place sur le disque : la sortie n'est pas entière.")
    assert as_failure(ConnectionRefusedError(errno.ECONNREFUSED, "x")) is None


def test_relay__is_unavailable() -> None:
    from aiosmtplib import SMTPConnectError

    failure = as_failure(SMTPConnectError("motdepasse"))
    assert failure is not None
    assert failure.exit_code == ExitCode.UNAVAILABLE
    assert "motdepasse" not in failure.message


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_reader_gone__ends_in_silence(unbuffered: str) -> None:
    script = "from tests.portal.cli.sample import tree; tree().main(['sample', 'many'])"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(8)
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (ExitCode.READER_GONE, b"")


def test_broken_pipe__of_something_else_is_an_incident(failing: Failing) -> None:
    code, message = failing(BrokenPipeError("a socket"))
    assert code == 70
    assert "incident" in message


def test_standalone__off_lets_the_failure_through() -> None:
    from tests.portal.cli.sample import tree

    with pytest.raises(CliFailure, match="Occupé"):
        tree().main(["sample", "busy"], standalone_mode=False)


def test_entry_point__writes_on_a_terminal_without_accents() -> None:
    script = "import sys; from portal.cli.main import main; sys.argv[1:] = ['--help']; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env={"PYTHONIOENCODING": "ascii"}, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Utilisation : oda" in done.stdout


def _shell(redirection: str, *words: str, unbuffered: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONUNBUFFERED": "1"} if unbuffered else {}
    script = f"import sys; from tests.portal.cli.sample import tree; tree().main({['sample', *words]!r})"
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, script],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


@pytest.mark.parametrize("unbuffered", [False, True])
def test_output__on_a_full_disk_is_told(unbuffered: bool) -> None:
    done = _shell(">/dev/full", "many", unbuffered=unbuffered)
    assert done.returncode == 69
    assert done.stderr.startswith("Plus de place sur le disque")


def test_errors__on_a_full_disk_keep_their_exit_code() -> None:
    assert _shell("2>/dev/full", "busy").returncode == ExitCode.BUSY


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_entry_point__with_closed_streams(closed: str) -> None:
    script = "import sys; from portal.cli.main import main; sys.argv[1:] = ['--help']; main()"
    command = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, script]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
