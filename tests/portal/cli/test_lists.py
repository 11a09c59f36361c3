"""``oda list``: imported, shown, searched (R93)."""

import json

import pytest

from portal.cli.errors import ExitCode
from tests.kit.installation import READER
from tests.portal.cli.installation import Installation
from tests.workflow.directory.files import file_of, rows
from tests.workflow.evidence.shelf import DELEGATION_TITLES, TITLES

IMPORT = ("list", "import", "listing")

LINE = "0310001H;Hôte;Zoé;z@ac-toulouse.fr;"


def list_of(*lines: str, titles: str = TITLES) -> bytes:
    return "\n".join([titles, *lines, ""]).encode()


@pytest.mark.rule("R93")
def test_list__imported_searched_and_told_by_commands(installed: Installation) -> None:
    assert "Aucune liste n'a encore été importée" in installed.done("list", "status")
    installed.done("import", "establishments", installed.write(file_of(*rows(3))))
    file = installed.write(list_of(LINE, "X;A;B;c@d.fr;"), "rupn_2026-07-01.csv")
    command = (*IMPORT, file, "--date", "2026-07-01")
    output = installed.done(*command, "--dry-run")
    assert output.startswith("À blanc, rien n'est écrit. L'import donnerait : 1 nouvelle, 0 changée, 0 disparue")
    assert "\nRefusées (1) :\n  ligne 3 : « X » n'est pas un UAI" in output
    assert installed.done(*command).startswith("Liste importée : 1 nouvelle")
    assert installed.done(*command).startswith("Rien n'a changé, cette liste est déjà en vigueur")
    (status,) = json.loads(installed.done("list", "status", "--json", who=f"reader:{READER}"))
    assert (status["list_date"], status["rows"], status["kind"]) == ("2026-07-01", 1, "listing")
    (entry,) = json.loads(installed.done("list", "show", "listing", "--search", "hote", "--json"))
    assert (entry["uai"], entry["nom"]) == ("0310001H", "Hôte")
    assert "Aucune ligne" in installed.done("list", "show", "listing", "--search", "personne")


@pytest.mark.rule("R93", "R91")
def test_list__columns_are_named_once_and_a_loss_is_accepted(installed: Installation) -> None:
    installed.done("import", "establishments", installed.write(file_of(*rows(9))))
    establishments = json.loads(installed.done("establishment", "list", "--json"))
    lines = [f"{e['uai']};Nom{n};Zoé;z{n}@ac-toulouse.fr" for n, e in enumerate(establishments)]
    file = installed.write(list_of(*lines, titles="A;Nom;B;Mél"), "liste.csv")
    refused = installed.oda(*IMPORT, file, "--date", "2026-07-01")
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert "« UAI »" in refused.stderr
    named = ("--column", "UAI=A", "--column", "Prénom=B")
    assert "9 nouvelles" in installed.done(*IMPORT, file, "--date", "2026-07-01", *named)
    few = installed.write(list_of(*lines[:2], titles="A;Nom;B;Mél"), "liste.csv")
    refused = installed.oda(*IMPORT, few, "--date", "2026-07-02")
    assert refused.exit_code == ExitCode.REFUSED
    assert "7 lignes des 9 de la liste en vigueur ont disparu" in refused.stderr
    assert "7 disparues" in installed.done(*IMPORT, few, "--date", "2026-07-02", "--accept-loss")


@pytest.mark.rule("R2", "R93")
def test_list__of_delegations_and_by_an_operator_alone(installed: Installation) -> None:
    installed.done("import", "establishments", installed.write(file_of(*rows(1))))
    line = "0310001H;Hôte;Zoé;z@ac-toulouse.fr;Comptes;01/09/2026;31/12/9999;Mme Durand;"
    file = installed.write(list_of(line, titles=DELEGATION_TITLES), "delegations.csv")
    command = ("list", "import", "delegation", file, "--date", "2026-07-01")
    assert installed.oda(*command, who=f"reader:{READER}").exit_code == ExitCode.REFUSED
    assert installed.oda("list", "import", "delegation", file).exit_code == ExitCode.REFUSED
    installed.done(*command)
    (entry,) = json.loads(installed.done("list", "show", "delegation", "--json"))
    assert (entry["ends"], entry["author"]) == ("9999-12-31", "Mme Durand")
    for name in ("encore.csv", "encore.xlsx", "encore.ods"):
        export = installed.config.parent / name
        installed.done("list", "show", "delegation", "-o", export)
        again = ("list", "import", "delegation", export, "--date", "2026-07-01")
        assert installed.done(*again).startswith("Rien n'a changé")
