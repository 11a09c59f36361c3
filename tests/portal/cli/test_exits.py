import logging
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import click
import pytest

from portal.cli import exits, services
from portal.cli.exits import CliFailure, ExitCode, as_failure, failure_for, refused
from tests.portal.cli.conftest import Run
from tests.portal.cli.sample import FAILURES

assert services  # its translations are registered by its import


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
    code, said = failing(refused([Reason(), Reason()]))
    assert code == 1
    assert said.count("  — L'établissement n'a pas de boîte (R13). Que faire : La fixer.\n") == 2


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
    code, said = failing(click.FileError("x.csv", "No such file"))
    assert (code, said) == (2, "Erreur : Le fichier « x.csv » ne peut pas être ouvert.\n")


def test_unforeseen__gives_a_number_found_in_the_log_and_no_text(
    failing: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "oda"):
        code, said = failing(RuntimeError("mot de passe : hunter2"))
    assert code == 70
    assert said.startswith("Erreur interne")
    number = said.rstrip(".\n").rsplit(" ", 1)[-1]
    assert f"incident {number} : RuntimeError, " in caplog.text
    assert "cli/sample.py:" in caplog.text
    assert "hunter2" not in said + caplog.text
    assert "Traceback" not in said + caplog.text


def test_unforeseen__shows_its_traceback_to_who_debugs(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA_DEBUG", "1")
    code, said = failing(RuntimeError("détail"))
    assert code == 70
    assert "RuntimeError: détail" in said


def test_foreign__is_translated_by_its_path_or_its_parent(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exits, "_TRANSLATIONS", {})
    failure_for(f"{__name__}.Foreign")(lambda _: CliFailure("Étranger.", ExitCode.SETTINGS))
    assert failing(Nearer("secret")) == (78, "Étranger.\n")


def test_foreign__every_registered_path_is_a_class() -> None:
    for path in exits._TRANSLATIONS:
        module, _, name = path.rpartition(".")
        assert issubclass(getattr(import_module(module), name), Exception), path


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
        said = process.stderr.read()
    assert (process.returncode, said) == (ExitCode.READER_GONE, b"")


def test_broken_pipe__of_something_else_is_an_incident(failing: Failing) -> None:
    code, said = failing(BrokenPipeError("a socket"))
    assert code == 70
    assert "incident" in said


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
