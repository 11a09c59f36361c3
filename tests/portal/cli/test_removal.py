"""``oda removal``: listed, exported, confirmed from a file, with what each line became (R47 to R49, R83)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import State
from tests.notifications.templates import folder_of
from tests.portal.cli.desk import AS_CHEF, AS_READER, Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def revoked(desk: Desk, count: int) -> list[str]:
    """Requests whose rights are to be removed."""
    references = [
        desk.office.request(State.CODE_ISSUED, nom=f"Abadie{'abcdef'[n]}", mail=f"a{n}@ac-toulouse.fr")
        for n in range(count)
    ]  # fmt: skip
    desk.did("revoke", *references, "--reason", "departure")
    return references


def outcomes(desk: Desk) -> dict[str, str | None]:
    pages = [
        json.loads(desk.oda("removal", "list", "--json", *options).stdout) for options in ((), ("--confirmed",))
    ]  # fmt: skip
    return {line["reference"]: line["outcome"] for lines in pages for line in lines}


def file_of(desk: Desk, text: str) -> str:
    path = desk.config.parent / "faits.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.rule("R48")
def test_list__what_is_to_be_done_and_what_was(desk: Desk) -> None:
    first, second = revoked(desk, 2)
    result = desk.oda("removal", "list", who=AS_READER)
    assert (result.exit_code, result.stdout.count("Retirer les droits de la clé.")) == (0, 2)
    page = desk.oda("removal", "list", "--limit", "1")
    assert second not in page.stdout
    assert page.stderr == f"La suite : ajouter --after '{first}'\n"
    assert second in desk.oda("removal", "list", "--after", first).stdout
    desk.did("confirm-removal", first, "--outcome", "expired")
    done = desk.oda("removal", "list", "--confirmed").stdout
    assert "Clé déjà expirée sur le serveur ODA, constaté le " in done
    (line,) = json.loads(desk.oda("removal", "list", "--json").stdout)
    assert (line["reference"], line["action"], line["outcome"]) == (second, "remove_rights", None)
    assert "Clé supprimée" not in done
    assert "Aucun retrait" in desk.oda("removal", "list", "--kind", "key-enabled").stdout


@pytest.mark.rule("R49")
def test_show__says_what_was_done_when_and_by_whom(desk: Desk) -> None:
    (reference,) = revoked(desk, 1)
    desk.did("confirm-removal", reference, "--outcome", "removed")
    text = " ".join(desk.did("show", reference).split())
    assert "Clé supprimée le " in text
    assert desk.read("show", reference)["removal"]["outcome"] == "removed"
    assert desk.read("show", reference, who=AS_CHEF)["removal"]["outcome"] is None
    assert " par le rectorat" in " ".join(desk.did("show", reference, who=AS_CHEF).split())


def test_list__wrong_filters_are_told(desk: Desk) -> None:
    assert desk.oda("removal", "list", "--departement", "xyz").exit_code == 2
    assert desk.oda("removal", "list", "--confirmed", "--after", "x").exit_code == 2
    refused = desk.oda("removal", "list", who=AS_CHEF)
    assert (refused.exit_code, refused.stdout) == (1, "")


# --- export


@pytest.mark.rule("R83")
def test_export__to_the_output_or_to_a_file_that_is_whole(desk: Desk) -> None:
    (reference,) = revoked(desk, 1)
    content = desk.oda("removal", "export", who=AS_READER).stdout_bytes
    assert content.startswith(b"\xef\xbb\xbf")
    assert f"Retirer les droits de la clé;;{reference};".encode() in content
    path = desk.config.parent / "retraits.csv"
    written = desk.oda("removal", "export", "-o", str(path))
    assert (written.exit_code, path.read_bytes()) == (0, content)
    again = desk.oda("removal", "export", "-o", str(path))
    assert (again.exit_code, "existe déjà" in again.stderr) == (1, True)
    assert desk.oda("removal", "export", "-o", str(path), "--force", "--uai", "0120003C").exit_code == 0
    assert path.read_bytes().count(b"\n") == 1
    assert not list(path.parent.glob(".retraits*"))
    nowhere = desk.oda("removal", "export", "-o", str(path.parent / "rien" / "x.csv"))
    assert (nowhere.exit_code, "ne peut pas être écrit" in nowhere.stderr) == (1, True)
    assert desk.oda("removal", "export", who=AS_CHEF).exit_code == 1


@pytest.mark.rule("R83", "R68")
def test_export__the_form_of_the_academie_on_examples(desk: Desk) -> None:
    assert b"ODA-2027-00042" in desk.oda("removal", "export", "--example").stdout_bytes
    folder = folder_of(
        desk.config.parent, {"exports/removals.j2": "{% for one in lines %}{{ one.rupn.nom }} {% endfor %}"}
    )
    with desk.config.open("a", encoding="utf-8") as file:
        file.write("templates:\n  directory: modeles\n")
    assert desk.oda("removal", "export", "--example").stdout_bytes.startswith("\ufeffMartin de L'Étang".encode())
    assert "exports/removals.j2" in desk.oda("mail", "templates").stdout
    (folder / "exports" / "removals.j2").write_text("\n{{ one.x }}")
    wrong = desk.oda("removal", "export", "--example")
    assert (wrong.exit_code, wrong.stdout) == (78, "")
    assert f"{folder / 'exports' / 'removals.j2'}, ligne 2 : « one » n'existe pas" in wrong.stderr
    assert desk.oda("check-config").exit_code == 78


@pytest.mark.rule("R83")
def test_export__tells_which_letters_its_encoding_lacks(desk: Desk) -> None:
    with desk.config.open("a", encoding="utf-8") as file:
        file.write("removals:\n  export:\n    encoding: windows-1252\n")
    desk.office.request(State.CODE_ISSUED, nom="Łukasiewicz-Żuk", prenom="Şeyma", mail="l@ac-toulouse.fr")
    (request,) = json.loads(desk.oda("request", "list", "--json").stdout)
    desk.did("revoke", request["reference"], "--reason", "departure")
    done = desk.oda("removal", "export")
    assert ";Lukasiewicz-Zuk;Seyma;l@ac-toulouse.fr;" in done.stdout_bytes.decode("windows-1252")
    warning = "2 cellules ont des lettres que ce codage ne sait pas écrire, remplacées par les plus proches"
    assert done.stderr == f"Attention : {warning} : Ł → L, Ş → S, Ż → Z.\n"


# --- confirm


@pytest.mark.rule("R49", "R83")
def test_confirm__summary_then_a_result_a_line(desk: Desk) -> None:
    first, second, third = revoked(desk, 3)
    file = file_of(desk, f"référence;résultat\n{first};supprimée\n{second};\n{third};zut\nODA-2027-99999;absente\n")
    done = desk.oda("removal", "confirm", "--from", file, "--outcome", "absent", "--yes")
    assert done.exit_code == 1
    assert [line.partition(" : le retrait")[0] for line in done.stdout.splitlines()] == [
        f"Ligne 2 : {first}", f"Ligne 3 : {second}"
    ]  # fmt: skip
    assert "clé supprimée)." in done.stdout
    lines = done.stderr.splitlines()
    assert lines[:3] == ["2 retraits à confirmer :", "  clé supprimée : 1", "  clé déjà absente du serveur : 1"]
    assert "  ligne 4, " in done.stderr
    assert lines[-1] == "2 lignes sur 4 : ne sont pas confirmées. Le reste est fait."
    assert outcomes(desk) == {first: "removed", second: "absent", third: None}


@pytest.mark.rule("R49")
def test_confirm__all_of_it_is_zero_and_again_is_told(desk: Desk) -> None:
    first, second = revoked(desk, 2)
    arguments = ("removal", "confirm", "--from", "-", "--outcome", "removed", "--yes", "--json")
    done = desk.oda(*arguments, typed=f"{first}\n{second}\n")
    assert done.exit_code == 0
    assert [(line["line"], line["reference"], line["refused"]) for line in json.loads(done.stdout)] == [
        (1, first, []), (2, second, [])
    ]  # fmt: skip
    again = desk.oda(*arguments, typed=f"{first}\n{second}\n")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "C'est déjà confirmé : clé supprimée le " in again.stderr
    assert "Aucune ligne ne peut être confirmée, rien n'a changé." in again.stderr


@pytest.mark.rule("R49")
def test_confirm__nothing_is_written_without_a_yes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (reference,) = revoked(desk, 1)
    file = file_of(desk, f"{reference[:-1]}9;absente\n{reference[:-1]}8;gardée\n")
    dry = desk.oda("removal", "confirm", "--from", file, "--dry-run")
    assert (dry.exit_code, dry.stdout) == (1, "")
    assert "Aucune ligne ne peut être confirmée" in dry.stderr
    file = file_of(desk, f"{reference};absente\n")
    dry = desk.oda("removal", "confirm", "--from", file, "--dry-run")
    assert (dry.exit_code, "À blanc : rien n'est écrit." in dry.stderr) == (0, True)
    alone = desk.oda("removal", "confirm", "--from", file)
    assert (alone.exit_code, "--yes" in alone.stderr) == (2, True)
    monkeypatch.setattr("portal.cli.removal.ask_confirmation", lambda *_: False)
    assert desk.oda("removal", "confirm", "--from", file).exit_code == 1
    assert outcomes(desk) == {reference: None}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK\x03\x04", "classeur"),
        (b"a\0", "pas du texte"),
        (b"", "Aucune ligne"),
        (b"x" * 99, "couper"),
        (b"ODA-2027-00001", "--file-is-complete"),
        (b"sep=;\nx;y\n", "titres"),
    ],
)
def test_confirm__what_is_no_file_of_removals(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, content: bytes, complaint: str
) -> None:
    monkeypatch.setattr("portal.cli.removal.MOST_BYTES", 50)
    path = desk.config.parent / "x.csv"
    path.write_bytes(content)
    done = desk.oda("removal", "confirm", "--from", str(path), "--outcome", "removed", "--yes")
    assert (done.exit_code, done.stdout) == (65, "")
    assert complaint in done.stderr
    assert desk.oda("removal", "confirm", "--from", str(path.parent / "rien.csv")).exit_code == 2


@pytest.mark.rule("R2")
def test_confirm__operators_alone(desk: Desk) -> None:
    (reference,) = revoked(desk, 1)
    file = file_of(desk, f"{reference}\n")
    for who in (AS_READER, AS_CHEF):
        done = desk.oda("removal", "confirm", "--from", file, "--outcome", "removed", "--yes", who=who)
        assert (done.exit_code, done.stdout) == (1, "")
    assert outcomes(desk) == {reference: None}
