import json

import pytest

from portal.cli.errors import ExitCode
from tests.kit.installation import READER
from tests.portal.cli.installation import Installation
from tests.workflow.directory.files import file_of, row, rows, text_of, uai_of
from tests.workflow.spreadsheets.files import ods_of, xlsx_of

IMPORT = ("import", "establishments")


@pytest.mark.rule("R66")
def test_import__tells_all_of_it(installed: Installation) -> None:
    first = installed.done(*IMPORT, installed.write(file_of(*rows(3))))
    assert first.startswith("Annuaire importé : 3 nouveaux, 0 changé, 0 disparu, 0 inchangé.\nLignes lues : 3 (")
    later = [
        row(nom="Collège Neuf", mail=""),
        row(uai_of(2)),
        row(uai_of(4), etat="?"),
        row("0310001A", kind="Ecole"),
        row("0310009A"),
    ]
    output = installed.done(*IMPORT, installed.write(file_of(*later)))
    assert output == (
        "Annuaire importé : 1 nouveau, 1 changé, 1 disparu, 1 inchangé.\n"
        "Lignes lues : 5 (hors académie : 0, hors périmètre : 1, répétées : 0, en désaccord : 0, refusées : 1).\n"
        "1 établissement ouvert sans boîte.\n"
        "\nNouveaux (1) :\n  0310009A  Collège 0310009A\n"
        "\nChangés (1) :\n  0310001H  Collège Neuf — nom : Collège 0310001H → Collège Neuf ; boîte :"
        " ce.0310001h@ac-toulouse.fr → (vide)\n"
        "\nDisparus de l'annuaire, donc fermés (1) :\n  0310003K  Collège 0310003K\n"
        "\nRefusés (1) :\n  ligne 4  0310004L : l'état « ? » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)\n"
        "\nAvertissements (1) :\n  ligne 6  0310009A : la lettre de contrôle ne va pas avec 0310009 : ce serait S,"
        " ou un chiffre est mal tapé\n"
    )
    assert installed.done(*IMPORT, installed.write(file_of(*later))).startswith("Rien n'a changé : 0 nouveau, ")


@pytest.mark.rule("R66")
def test_import__long_lists_are_cut_but_not_in_json(installed: Installation) -> None:
    file = installed.write(file_of(*rows(25)))
    assert "  … et 5 autres (--json les donne tous)\n" in installed.done(*IMPORT, file, "--dry-run")
    (report,) = json.loads(installed.done(*IMPORT, file, "--json"))
    assert (len(report["new"]), report["new"][0]) == (25, {"uai": "0310001H", "nom": "Collège 0310001H"})
    assert report["loss"] == {
        "base": 0, "gone": 0, "closed": 0, "mailbox": 0, "departements": [], "total": 0, "is_massive": False
    }  # fmt: skip


@pytest.mark.rule("R66")
def test_dry_run__writes_nothing(installed: Installation) -> None:
    file = installed.write(file_of(row()))
    for _ in range(2):
        output = installed.done(*IMPORT, file, "--dry-run")
        assert output.startswith("À blanc, rien n'est écrit. L'import donnerait : 1 nouveau, ")


@pytest.mark.rule("R67")
def test_massive_loss__is_refused_until_accepted(installed: Installation) -> None:
    installed.done(*IMPORT, installed.write(file_of(*rows(10))))
    fewer = installed.write(file_of(*rows(4)))
    reason = (
        "Cet import ferait perdre 6 des 10 établissements ouverts : 6 disparus, 0 fermé, 0 sans boîte désormais (R67)."
    )
    refused = installed.oda(*IMPORT, fewer)
    assert (refused.exit_code, refused.stdout) == (ExitCode.REFUSED, "")
    assert refused.stderr.startswith(f"Refusé, rien n'a changé.\n  — {reason} Que faire : ")
    dry = installed.oda(*IMPORT, fewer, "--dry-run")
    assert dry.exit_code == ExitCode.REFUSED
    assert "Disparus de l'annuaire, donc fermés (6) :" in dry.stdout
    assert dry.stderr.startswith(f"Cet import serait refusé.\n  — {reason}")
    assert "6 disparus" in installed.done(*IMPORT, fewer, "--accept-loss")


@pytest.mark.rule("R67")
def test_wrong_file__is_said(installed: Installation) -> None:
    result = installed.oda(*IMPORT, installed.write(text_of(row()).replace(";mail;", ";m;").encode()))
    assert result.exit_code == ExitCode.BAD_INPUT
    assert result.stderr == (
        "Ce fichier ne peut pas être importé, rien n'a changé.\n"
        "  — ligne 1 : il manque la colonne mail.\n"
        "  — Que faire : télécharger l'export CSV de l'annuaire (fr-en-annuaire-education), séparateur point-virgule,"
        " en UTF-8.\n"
    )
    assert installed.oda(*IMPORT, "absent.csv").exit_code == ExitCode.USAGE


@pytest.mark.rule("R91")
def test_import__of_any_format_with_a_column_named_by_hand_once(installed: Installation) -> None:
    table = [line.split(";") for line in text_of(row(), row(uai_of(2))).splitlines()]
    table[0][6] = "Contact"
    file = installed.write(xlsx_of([["Annuaire de l'académie"], *table]))
    refused = installed.oda(*IMPORT, file)
    assert (refused.exit_code, "« Adresse de la boîte »" in refused.stderr) == (ExitCode.BAD_INPUT, True)
    assert installed.oda(*IMPORT, file, "--column", "B").exit_code == ExitCode.USAGE
    assert "2 nouveaux" in installed.done(*IMPORT, file, "--column", "boîte=G")
    assert "Rien n'a changé : 0 nouveau, 0 changé, 0 disparu, 2 inchangés." in installed.done(*IMPORT, file)
    assert "Rien n'a changé" in installed.done("import", "directory", installed.write(ods_of(table)))


@pytest.mark.rule("R2")
def test_import__operators_only(installed: Installation) -> None:
    result = installed.oda(*IMPORT, installed.write(file_of(row())), who=f"lecteur:{READER}")
    assert result.exit_code == ExitCode.REFUSED
    assert "Seul un opérateur du rectorat peut importer l'annuaire (R2)." in result.stderr


def test_report__cannot_drive_the_terminal(installed: Installation) -> None:
    output = installed.done(*IMPORT, installed.write(file_of(row(), row("\x1b[31m"), row(uai_of(2), mail="\x1b[0m@x"))))
    assert "\x1b" not in output
