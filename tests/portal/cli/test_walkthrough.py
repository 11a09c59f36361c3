"""``oda walkthrough``: told whole in a file, true to the command line, and gone without a trace."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from portal.cli.main import oda
from portal.walkthrough import play, story
from workflow.schedule.tick import Ticker

SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which who runs the tests in the background may ignore
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from portal.cli.main import main
main()
"""
ODA = [sys.executable, "-W", "error", "-c", SCRIPT, "walkthrough"]
FACTS = (
    "La vie d'une demande de clé ODA",
    "Annuaire importé : 5 nouveaux",
    "Fin de 2026-2027 : 31 août 2027 à 24 h",
    "3 septembre 2026 à 9 h 10 · Olivier Castelmaure, chef d'établissement",
    "$ oda --as chef:0319042K request declare",
    "● déclarée ○ déléguée ○ charte signée ○ demandée ○ code transmis ○ révoquée",
    "Objet  [Clé ODA] Camille Roquelaure : déclaration enregistrée",
    "Message automatique",
    "● déclarée ● déléguée ○ charte signée",
    "nouvelle demande, Collège des Trois-Coteaux",
    "Refusé, rien n'a changé.",
    "La vérification de la liste des RUPN n'est pas faite (R39).",
    "La vérification de la délégation n'est pas faite (R39).",
    "Que faire : ",
    "Objet  [Clé ODA] Code à remettre en main propre à Camille Roquelaure",
    story.CODE,
    "Imprimez le bordereau de remise",
    "[code masqué]",
    "est effacé : remis en main propre",
    "2 demandes à révoquer, 2 établissements à prévenir",
    "31 août 2027 à 23 h 59",
    "Fin d'année annoncée à 2 établissements (R78).",
    "1er septembre 2027 à 0 h 00",
    "Fin de l'année 2026-2027 : 2 demandes révoquées.",
    "Objet  [Clé ODA] Fin de l'année scolaire 2026-2027 : 1 demande terminée",
    "À      oda@ac-toulouse.fr",
    "1er septembre 2027 à 0 h 01",
    "Rien à faire.",
    "Droits à retirer",
    "le retrait est confirmé",
    "tout tient, aucun défaut.",
    "En résumé",
)


class Told:
    """What a run wrote, and where it could leave something."""

    def __init__(self, folder: Path) -> None:
        self.scratch = folder / "tmp"
        self.scratch.mkdir()
        self.kept = folder / "une démonstration"
        #  Of who runs it, nothing must be read: neither settings nor secrets.
        mine = {"ODA_CONFIG": "/nowhere/config.yaml", "ODA_SEAL_KEY": "not a key", "ODA_JOURNAL_KEY": "other"}
        plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
        self.environ = {**plain, **mine, "TMPDIR": str(self.scratch), "FORCE_COLOR": "1"}

    def run(self, *args: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*ODA, *args], env=self.environ, capture_output=True, text=True, timeout=120)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, str]:
    """A whole run whose installation is kept, and what it wrote."""
    told = Told(tmp_path_factory.mktemp("walkthrough"))
    done = told.run("--keep", str(told.kept))
    assert (done.returncode, done.stderr) == (0, "")
    return told, done.stdout


def test_story__is_told_in_order(kept: tuple[Told, str]) -> None:
    _, text = kept
    place = 0
    for fact in FACTS:
        place = text.find(fact, place)
        assert place >= 0, fact
        place += len(fact)


@pytest.mark.rule("R60")
def test_story__the_code_is_in_the_mail_alone(kept: tuple[Told, str]) -> None:
    told, text = kept
    assert text.count(story.CODE) == 1
    [line] = [line for line in text.split("\n") if story.CODE in line]
    assert line.startswith("  │     ")
    files = [path for path in told.kept.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if story.CODE.encode() in path.read_bytes()] == []


def test_story__in_a_file_it_is_plain_and_narrow(kept: tuple[Told, str]) -> None:
    _, text = kept
    assert all(line.isprintable() for line in text.split("\n"))
    assert max(map(len, text.split("\n")[:-8])) <= 80  # the last lines are commands with the folder's path


def parse(command: click.Command, name: str, words: list[str], parent: click.Context | None = None) -> str:
    """Parse a command line to its last command without running it; returns that command's path."""
    context = command.make_context(name, words, parent=parent)
    if not isinstance(command, click.Group):
        return context.command_path
    rest = [*context._protected_args, *context.args]
    child_name, child, rest = command.resolve_command(context, rest)
    assert child is not None
    assert child_name
    return parse(child, child_name, rest, context)


def shown_commands(text: str) -> Iterator[list[str]]:
    for found in re.finditer(r"^  \$ (oda .*(?:\n        .*)*)$", text.replace(" \\\n", "\n"), re.MULTILINE):
        yield shlex.split(found[1])[1:]


def test_story__every_command_shown_can_be_typed(kept: tuple[Told, str], monkeypatch: pytest.MonkeyPatch) -> None:
    told, text = kept
    monkeypatch.chdir(told.kept)  # where annuaire.csv is
    monkeypatch.delenv("ODA_CONFIG", raising=False)
    typed = [parse(oda, "oda", words) for words in shown_commands(text)]
    assert len(typed) == text.count("  $ oda ")
    assert {"oda request declare", "oda request submit", "oda request issue-code", "oda tick"} <= set(typed)


def test_keep__leaves_an_installation_to_explore(kept: tuple[Told, str]) -> None:
    told, text = kept
    lines = [line.strip() for line in text.split("\n") if line.startswith("    oda --config ")]
    assert len(lines) == 4
    for line in lines:
        done = CliRunner().invoke(oda, shlex.split(line)[1:])
        assert done.exit_code == 0, done.output
    listed = CliRunner().invoke(oda, ["--config", str(told.kept / "config.yaml"), "request", "list", "--all"])
    assert "ODA-2027-00001" in listed.stdout
    assert told.kept.stat().st_mode & 0o077 == 0


def test_keep__touches_no_folder_that_is_in_use(told: Told) -> None:
    told.kept.mkdir()
    (told.kept / "note").touch()
    done = told.run("--keep", str(told.kept))
    assert (done.returncode, done.stdout) == (1, "")
    assert "n'est pas vide" in done.stderr
    assert [path.name for path in told.kept.iterdir()] == ["note"]


def test_story__leaves_nothing(told: Told) -> None:
    done = told.run("--fast")
    assert (done.returncode, done.stderr) == (0, "")
    assert "il n'en reste rien" in done.stdout
    assert list(told.scratch.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted__leaves_nothing(told: Told, number: signal.Signals) -> None:
    #  A pipe so short that the story cannot be over before the signal comes.
    with subprocess.Popen(
        ODA, env=told.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pipesize=4096
    ) as process:
        assert process.stdout
        assert process.stderr
        next(line for line in process.stdout if "Courriel reçu" in line)
        assert len(list(told.scratch.iterdir())) == 1
        process.send_signal(number)
        process.stdout.read()
        assert "Interrompu." in process.stderr.read()
    assert process.returncode == 130
    assert list(told.scratch.iterdir()) == []


def test_reader_gone__leaves_nothing(told: Told) -> None:
    with subprocess.Popen(ODA, env=told.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    assert list(told.scratch.iterdir()) == []


def broken(told: Told, monkeypatch: pytest.MonkeyPatch) -> str:
    """The error output of a story that cannot go on."""
    monkeypatch.setattr(tempfile, "tempdir", str(told.scratch))
    done = CliRunner().invoke(oda, ["walkthrough"])
    assert done.exit_code == 70
    assert list(told.scratch.iterdir()) == []
    return done.stderr


def test_step__refused_by_surprise_is_named(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "CODE", "?")
    said = broken(told, monkeypatch)
    assert "Étape : 14 septembre 2026 à 10 h 40 : Sur le serveur ODA" in said
    assert "elle est refusée" in said


def test_step__that_fails_is_named_and_its_words_kept(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def tick(_self: Ticker) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(Ticker, "tick", tick)
    said = broken(told, monkeypatch)
    assert "Étape : 1er septembre 2026 à 8 h 00 : Il passe chaque minute" in said
    assert "Numéro d'incident" in said
    assert "secret" not in said


class Terminal(StringIO):
    """A terminal that keeps what it is given."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [50, 100, 160])
def test_terminal__narrow_or_wide_nothing_overflows(columns: int, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr("portal.walkthrough.screen.time.sleep", rests.append)
    monkeypatch.setattr(tempfile, "tempdir", str(told.scratch))
    for name, value in (("COLUMNS", str(columns)), ("TERM", "xterm-256color"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    play.play(None, terminal, fast=columns == 50)
    text = terminal.getvalue()
    assert re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m", text) is None
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n")
    assert max(map(len, lines)) <= min(columns, 100)
    scenes = rests.count(play.PAUSE_S)  # the engine too may rest, for less
    assert scenes == 0 if columns == 50 else 1 < scenes * play.PAUSE_S < 6
