import os
from pathlib import Path
from typing import Any

import click
import pytest

from portal.cli.context import FilePath
from tests.portal.cli.conftest import Run
from tests.portal.cli.english import english, refusals, walk
from tests.portal.cli.sample import tree

VALUES = ("sample", "values", "14/09/2026")


def test_help__of_a_command(run: Run) -> None:
    result = run("sample", "values", "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Utilisation : oda sample values [OPTIONS] DATE\n")
    for words in (
        "Arguments :\n  DATE  Le jour.",
        "Options :\n",
        "--reason RAISON",
        "not-received : code non reçu",
        "pin-forgotten : code PIN oublié",
        "[par défaut : 20; 1<=x<=50]",
        "--count N ",
        "--file FICHIER",
        "--folder RÉPERTOIRE",
        "--year ANNÉE",
        "--uai UAI",
        "--pair TEXTE...",
        "--form [svg|texte]",
        "--help               Affiche cette aide.",
    ):
        assert words in result.stdout, result.stdout


def test_help__says_what_is_required(run: Run) -> None:
    assert "[obligatoire]" in run("sample", "needs", "--help").stdout


def test_help__of_a_group(run: Run) -> None:
    text = run("sample", "--help").stdout
    assert "Utilisation : oda sample [OPTIONS] COMMANDE [ARGUMENTS]..." in text
    assert "Commandes :\n" in text
    assert "values  Toutes les sortes de valeurs." in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("--rason", "lost"), "L'option --rason n'existe pas. Vouliez-vous dire l'un de : '--json', '--reason' ?"),
        (("--zzzzzz",), "L'option --zzzzzz n'existe pas."),
        (("-x",), "L'option -x n'existe pas."),
        (("--count", "dix"), "'--count' : « dix » n'est pas un nombre entier."),
        (("--count", "2147483648"), "'--count' : « 2147483648 » est hors limites : il faut 1<=x<=2147483647."),
        (("--file", ""), "'--file' : le chemin est vide."),
        (("--limit", "0"), "'--limit' : « 0 » est hors limites : il faut 1<=x<=50."),
        (("--form", "png"), "'--form' : « png » n'est pas accepté. Valeurs possibles : 'svg', 'texte'."),
        (
            ("--reason", "fini"),
            "'--reason' : « fini » n'est pas accepté. Valeurs possibles : not-received (code non reçu), ",
        ),
        (("--year", "2026"), "'--year' : « 2026 » n'est pas une année scolaire : écrire par exemple 2026-2027."),
        (("--file", "/nulle/part"), "'--file' : « /nulle/part » est introuvable."),
        (("--file", "/"), "'--file' : « / » est un répertoire, il faut un fichier."),
        (("--folder", __file__), "est un fichier, il faut un répertoire."),
        (("--who", "moi"), "'--who' : « moi » ne dit pas qui agit. Formes possibles : operator:ADRESSE"),
        (("en", "trop"), "« en trop » : ce n'est pas attendu ici."),
        (("--as", "chef:0310001H"), "L'option --as se place plus tôt dans la commande : oda --as …"),
    ],
)
def test_error__says_what_is_wrong(run: Run, line: tuple[str, ...], message: str) -> None:
    result = run(*VALUES, *line)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr.partition("Erreur : ")[2]
    assert "Utilisation : oda sample values" in result.stderr
    assert "Aide : oda sample values --help" in result.stderr
    assert english(result.output) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("sample", "needs", "-r", "lost"), "Il manque l'argument 'RÉFÉRENCE'."),
        (
            ("sample", "needs", "x"),
            "Il manque l'option '--reason' / '-r'. Valeurs possibles : not-received (code non reçu), ",
        ),
        (("sample", "valeus"), "La commande « valeus » n'existe pas. Vouliez-vous dire 'values' ?"),
        (("smaple",), "La commande « smaple » n'existe pas. Vouliez-vous dire 'sample' ?"),
        (("--as", "chef:0310001H"), "Il manque la commande."),
        (("sample", "values", "31/02/2026"), "'DATE' : « 31/02/2026 » n'existe pas dans le calendrier."),
        (("sample", "values", "demain"), "'DATE' : « demain » n'est pas une date : écrire 14/09/2026."),
    ],
)
def test_error__says_what_is_missing_or_unknown(run: Run, line: tuple[str, ...], message: str) -> None:
    result = run(*line)
    assert result.exit_code == 2
    assert f"Erreur : {message}" in result.stderr
    assert english(result.output) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("--count",), "L'option --count attend une valeur."),
        (("--pair", "un"), "L'option --pair attend 2 valeurs."),
        (("--json=oui",), "L'option --json n'attend pas de valeur."),
        (("--uai", "\udce9"), "« � » : ce texte est illisible dans le codage de ce terminal : régler LANG"),
        (("--pair", "un", "deu\udcffx"), "« deu�x » : ce texte est illisible"),
    ],
)
def test_error__alone(run: Run, line: tuple[str, ...], message: str) -> None:
    result = run(*VALUES, *line)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Erreur : {message}")


def test_error__path_of_another_encoding_is_no_error(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "\udce9"
    path.touch()
    assert run(*VALUES, "--file", str(path)).exit_code == 0


def test_error__nothing_asked_shows_the_help(run: Run) -> None:
    result = run("sample")
    assert result.exit_code == 2
    assert "Commandes :" in result.stderr
    assert english(result.output) == []


@pytest.mark.parametrize(
    ("checks", "deed"),
    [
        ({"readable": True}, "lu"),
        ({"readable": False, "writable": True}, "modifié"),
        ({"readable": False, "executable": True}, "exécuté"),
    ],
)
def test_error__file_without_the_rights(monkeypatch: pytest.MonkeyPatch, checks: dict[str, Any], deed: str) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(click.BadParameter, match=f"ne peut pas être {deed} \\(droits insuffisants\\)"):
        FilePath(exists=True, **checks).convert(__file__, None, None)


def test_error__no_control_character_reaches_the_terminal(run: Run) -> None:
    result = run(*VALUES, "--form", "\x1b[31mrouge\x07")
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr


def test_values__are_read(run: Run) -> None:
    read = run(
        "sample", "values", "2026-09-14", "--reason", "PIN-forgotten", "--year", "2026/2027", "--uai", "031 0001h"
    ).stdout  # fmt: skip
    assert "datetime.date(2026, 9, 14)" in read
    assert "ReissueReason.PIN_FORGOTTEN" in read
    assert "SchoolYear(start=2026)" in read
    assert "'0310001H'" in read
    assert "'limit': 20" in read


def test_values__day_is_read_both_ways(run: Run) -> None:
    assert run("sample", "values", "1/9/2026").stdout == run("sample", "values", "2026-09-01").stdout


def test_tree__no_english_in_help_nor_errors() -> None:
    root = tree()
    for command, context in walk(root, click.Context(root, info_name="oda")):
        for text in (command.get_help(context), *refusals(command, context)):
            assert english(text) == [], text
