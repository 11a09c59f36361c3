"""``oda mail templates`` and ``oda mail preview``, and an installation whose templates are replaced (R68)."""

import json
import stat
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifications.rendering.environment import TemplateLoader, own_names
from notifications.rendering.markup import MASK
from notifications.vocabulary import AnyKind, Kind, TransientMail
from tests.kit.installation import make_installation
from tests.notifications.templates import mail
from tests.portal.cli.desk import Desk, open_desk
from tests.portal.cli.installation import Installation
from workflow.app import bootstrap
from workflow.settings.loader import load_settings

WRONG = "{{ rupn.surname }}"


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    """An installation whose settings name a folder of templates."""
    (tmp_path / "modeles" / "mails").mkdir(parents=True)
    config = make_installation(tmp_path, f"sqlite:///{tmp_path / 'oda.sqlite'}")
    with config.open("a", encoding="utf-8") as file:
        file.write("templates:\n  directory: modeles\n")
    return Installation(config)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def write(installed: Installation, body: str, name: str = "mails/declared.j2") -> Path:
    path = installed.config.parent / "modeles" / name
    path.write_text(mail(body), encoding="utf-8")
    return path


# --- templates


@pytest.mark.rule("R68")
def test_templates__lists_all_and_says_which_are_replaced(installed: Installation) -> None:
    path = write(installed, "a")
    listed = json.loads(installed.done("mail", "templates", "--json"))
    assert [template["name"] for template in listed] == list(own_names())
    assert {template["name"]: template["path"] for template in listed if template["replaced"]} == {
        "mails/declared.j2": str(path)
    }
    lines = installed.done("mail", "templates").splitlines()
    assert [line.split()[0] for line in lines if f"remplacé : {path}" in line] == ["mails/declared.j2"]
    assert sum("d'origine" in line for line in lines) == len(own_names()) - 1


def test_templates__a_file_out_of_place_is_told(installed: Installation) -> None:
    (installed.config.parent / "modeles" / "declared.j2").write_text("x")
    done = installed.oda("mail", "templates")
    assert done.exit_code == 0
    assert "declared.j2 : ne remplace aucun modèle ; nom proche : mails/declared.j2" in done.stderr


def test_templates__one_is_described(installed: Installation) -> None:
    text = installed.done("mail", "templates", "declared")
    assert "mails/declared.j2 — courriel : déclaration enregistrée" in text
    assert "rupn.full — le prénom et le nom (texte) ; exemple : Claire Martin" in text
    assert "here.academie — le nom de l'académie" in text
    assert str(installed.config.parent / "modeles") in text.replace("\n", "")
    answer = json.loads(installed.done("mail", "templates", "mails/declared.j2", "--json"))
    assert (answer["name"], answer["replaced"], answer["used_by"]) == ("mails/declared.j2", False, ["declared"])
    assert {"renews", "rupn.full"} <= {value["name"] for value in answer["known"]}


@pytest.mark.parametrize("name", own_names())
def test_templates__each_can_be_described(installed: Installation, name: str) -> None:
    assert installed.done("mail", "templates", name).startswith(name)
    assert json.loads(installed.done("mail", "templates", name, "--json"))["name"] == name


def test_templates__a_choice_shows_its_values(installed: Installation) -> None:
    text = installed.done("mail", "templates", "sent-back")
    assert "Valeurs de step : declaration (" in text


@pytest.mark.rule("R68")
def test_templates__source_makes_a_copy_that_is_right(installed: Installation) -> None:
    original = TemplateLoader().source("mails/declared.j2")
    path = installed.config.parent / "modeles" / "mails" / "declared.j2"
    path.touch()  # as « > modeles/mails/declared.j2 » does before the command runs
    copy = installed.oda("mail", "templates", "declared", "--source").stdout_bytes
    assert copy.decode() == original
    path.write_bytes(copy)
    assert installed.oda("mail", "preview", "declared").exit_code == 0
    write(installed, "Nos mots.")
    assert "Nos mots." in installed.done("mail", "templates", "declared", "--source")
    assert installed.done("mail", "templates", "declared", "--original") == original


def test_templates__unknown_or_missing_name(installed: Installation) -> None:
    done = installed.oda("mail", "templates", "declard")
    assert (done.exit_code, "mails/declared.j2" in done.stderr) == (2, True)
    assert "donne tous les noms" in installed.oda("mail", "templates", "zzzzz").stderr
    assert installed.oda("mail", "templates", "--source").exit_code == 2


# --- preview


@pytest.mark.parametrize("kind", [*Kind, *TransientMail])
def test_preview__every_kind_needs_no_database(installed: Installation, kind: AnyKind) -> None:
    (installed.config.parent / "oda.sqlite").unlink()
    text = installed.done("mail", "preview", kind.value)
    assert "Objet : " in text
    assert "académie de Toulouse" in text.replace("\n ", "")


@pytest.mark.rule("R60")
def test_preview__the_code_is_masked(installed: Installation) -> None:
    text = installed.done("mail", "preview", "code-issued")
    assert MASK in text
    assert "Joint : bordereau-" in text
    page = installed.oda("mail", "preview", "code_issued", "--html").stdout_bytes.decode()
    assert page.startswith("<!doctype html>")
    assert MASK in page


def test_preview__another_example(installed: Installation) -> None:
    text = installed.done("mail", "preview", "declared")
    assert "Autres exemples : declared_renewed" in text
    assert "renouvelle" not in text
    assert "renouvelle" in installed.done("mail", "preview", "declared", "--example", "declared_renewed")
    wrong = installed.oda("mail", "preview", "declared", "--example", "revoked")
    assert (wrong.exit_code, "declared, declared_renewed" in wrong.stderr) == (2, True)


def test_preview__without_a_name_lists_the_mails(installed: Installation) -> None:
    text = installed.done("mail", "preview")
    assert all(kind.value in text and kind.label in text for kind in (*Kind, *TransientMail))
    assert installed.oda("mail", "preview", "--html").exit_code == 2
    assert installed.oda("mail", "preview", "inconnu").exit_code == 2


@pytest.mark.parametrize("is_there", [True, False])
def test_preview__in_a_browser_from_a_private_file(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    opened: list[str] = []

    def browser(url: str) -> bool:
        opened.append(url)
        return is_there

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", browser)
    output = installed.done("mail", "preview", "declared", "--open")
    (page,) = tmp_path.glob("oda-declared-*.html")
    assert opened == [page.as_uri()]
    assert str(page) in output
    assert ("Aucun navigateur" in output) is not is_there
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "Claire Martin" in page.read_text(encoding="utf-8")


@pytest.mark.rule("R68", "R70")
def test_preview__the_trial_of_the_relay_as_it_is_replaced(installed: Installation) -> None:
    write(installed, "Essai demandé par {{ asked_by }}.", "mails/check.j2")
    text = installed.done("mail", "preview", "check")
    assert "Aperçu — essai du relais" in text
    assert "Modèle : mails/check.j2" in text
    assert "Essai demandé par camille.roux@ac-toulouse.fr." in text
    assert "Joint" not in text
    assert installed.oda("mail", "preview", "check", "--html").stdout_bytes.startswith(b"<!doctype html>")


@pytest.mark.rule("R68")
def test_preview__shows_what_it_can_and_all_problems(installed: Installation) -> None:
    path = write(installed, f"Nos mots.\n\n{WRONG}")
    other = installed.oda("mail", "preview", "revoked")
    assert (other.exit_code, "Objet : " in other.stdout) == (78, True)
    assert f"{path}, ligne 8 : cette ligne emploie ce qui n'existe pas : « surname »" in other.stderr
    own = installed.oda("mail", "preview", "declared")
    assert (own.exit_code, own.stdout) == (78, "")
    assert f"{path}, ligne 8 : " in own.stderr


# --- the installation


@pytest.mark.rule("R68")
@pytest.mark.parametrize("command", [("tick",), ("request", "list"), ("check-config",), ("mail", "list")])
def test_start__is_refused_with_every_problem(installed: Installation, command: tuple[str, ...]) -> None:
    first, second = write(installed, WRONG), write(installed, "{% faute %}", "mails/revoked.j2")
    done = installed.oda(*command)
    assert (done.exit_code, done.stdout) == (78, "")
    assert f"{first}, ligne 6 : " in done.stderr
    assert f"{second}, ligne 6 : " in done.stderr


@pytest.mark.rule("R68")
def test_check_config__names_what_is_replaced(installed: Installation) -> None:
    assert "Modèles remplacés : aucun dans " in installed.done("check-config")
    write(installed, "a")
    assert "Modèles remplacés : mails/declared.j2" in installed.done("check-config")


def test_check_config__a_folder_that_is_not_there_has_its_line(installed: Installation) -> None:
    (installed.config.parent / "modeles" / "mails").rmdir()
    (installed.config.parent / "modeles").rmdir()
    done = installed.oda("check-config")
    line = installed.config.read_text(encoding="utf-8").splitlines().index("  directory: modeles") + 1
    assert done.exit_code == 78
    assert f"config.yaml, ligne {line} : templates.directory : le dossier " in done.stderr


@pytest.mark.rule("R68")
def test_mails__are_written_with_the_templates_of_the_academie(desk: Desk) -> None:
    folder = desk.config.parent / "modeles"
    (folder / "mails").mkdir(parents=True)
    (folder / "mails" / "declared.j2").write_text(mail("Nos mots."), encoding="utf-8")
    with desk.config.open("a", encoding="utf-8") as file:
        file.write("templates:\n  directory: modeles\n")
    desk.office.declare()
    app = bootstrap(load_settings(desk.config), {}, clock=desk.clock)
    try:
        assert app.mailer.wordings.overridden() == ("mails/declared.j2",)
    finally:
        app.close()
    number = json.loads(desk.oda("mail", "list", "--kind", "declared", "--json").stdout)[0]["id"]
    assert "Nos mots." in desk.oda("mail", "show", str(number)).stdout
