"""The académie's folder of templates: what replaces what, and the files that cannot."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, TemplateNotFound
from jinja2.exceptions import SecurityError

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.authoring.reference import users_of
from notifications.rendering.environment import OWN, TemplateLoader
from notifications.rendering.renderer import Renderer, Unrenderable
from tests.notifications.templates import folder_of, mail


def only_problem(folder: Path) -> tuple[str, str]:
    (problem,) = TemplateLoader(folder).folder_problems
    return problem.path.relative_to(folder).as_posix(), str(problem).partition(" : ")[2]


def test_names__every_file_of_the_package_and_nothing_else() -> None:
    names = TemplateLoader().names()
    assert list(names) == sorted(names)
    assert set(names) == {path.relative_to(str(OWN)).as_posix() for path in Path(str(OWN)).rglob("*") if path.is_file()}


@pytest.mark.rule("R68")
def test_folder__replaces_the_template_of_the_same_name_and_no_other(tmp_path: Path) -> None:
    wordings = TemplateLoader(folder_of(tmp_path, {"mails/declared.j2": mail("Nos mots.")}))
    assert wordings.overridden() == ("mails/declared.j2",)
    assert wordings.folder_problems == ()
    renderer = Renderer(wordings)
    changed = renderer.render(*EXAMPLES["declared"], MAIL_CONTEXT)
    assert "Nos mots." in changed.body
    assert "Nos mots." in changed.html
    other = EXAMPLES["delegated"]
    assert renderer.render(*other, MAIL_CONTEXT) == Renderer().render(*other, MAIL_CONTEXT)


def test_folder__replaces_a_part_in_every_mail_that_includes_it(tmp_path: Path) -> None:
    renderer = Renderer(TemplateLoader(folder_of(tmp_path, {"mails/parts/rupns.j2": "- personne\n"})))
    users = users_of("mails/parts/rupns.j2")
    bodies = [renderer.render(*example, MAIL_CONTEXT).body for example in EXAMPLES.values() if example[0] in users]
    assert len(bodies) >= 4
    assert ["- personne" in body for body in bodies] == [True] * len(bodies)


@pytest.mark.rule("R68")
def test_folder__is_read_once(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mails/declared.j2": mail("Nos mots.")})
    wordings = TemplateLoader(folder)
    (folder / "mails/declared.j2").write_text("{% faute", encoding="utf-8")
    assert "Nos mots." in Renderer(wordings).render(*EXAMPLES["declared"], MAIL_CONTEXT).body


def test_folder__takes_a_file_with_a_byte_order_mark_or_windows_ends_of_line(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mails/declared.j2": "\ufeff" + mail("Nos\nmots.").replace("\n", "\r\n")})
    rendered = Renderer(TemplateLoader(folder)).render(*EXAMPLES["declared"], MAIL_CONTEXT)
    assert (rendered.subject, "Nos mots." in rendered.body) == ("Objet", True)


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mails/declaredd.j2", "ne remplace aucun modèle ; noms proches : mails/declared.j2"),
        ("declared.j2", "ne remplace aucun modèle ; nom proche : mails/declared.j2"),
        ("courriels/year.j2", "ne remplace aucun modèle ; nom proche : mails/parts/year.j2"),
        ("notes.txt", "ne remplace aucun modèle : l'ôter, ou le renommer"),
    ],
)
def test_folder__a_file_that_replaces_nothing(tmp_path: Path, name: str, message: str) -> None:
    at, problem = only_problem(folder_of(tmp_path, {name: "x"}))
    assert at == name
    assert problem.startswith(message)


def test_folder__hidden_files_copies_of_editors_and_readme_are_left_out(tmp_path: Path) -> None:
    names = (".git/config", "mails/.declared.j2.swp", "mails/declared.j2~", "README", "README.md", "vieux~/x.j2")
    wordings = TemplateLoader(folder_of(tmp_path, dict.fromkeys(names, "x")))
    assert (wordings.overridden(), wordings.folder_problems) == ((), ())


@pytest.mark.rule("R68")
def test_folder__a_link_out_of_it_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "seal-key"
    secret.write_text("le scellé")
    folder = folder_of(tmp_path, {"..data/year.j2": "x"})
    (folder / "mails").mkdir()
    (folder / "mails" / "declared.j2").symlink_to(secret)
    at, problem = only_problem(folder)
    assert (at, problem) == ("mails/declared.j2", "ce lien mène hors du dossier des modèles : y copier le fichier")
    assert "le scellé" not in TemplateLoader(folder).source("mails/declared.j2")


def test_folder__a_link_inside_it_is_followed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"..data/declared.j2": mail("Nos mots.")})
    (folder / "mails").mkdir()
    (folder / "mails" / "declared.j2").symlink_to("../..data/declared.j2")
    assert TemplateLoader(folder).overridden() == ("mails/declared.j2",)


def test_folder__that_is_itself_a_link(tmp_path: Path) -> None:
    folder_of(tmp_path, {"mails/declared.j2": mail("Nos mots.")})
    (tmp_path / "lien").symlink_to("modeles")
    assert TemplateLoader(tmp_path / "lien").overridden() == ("mails/declared.j2",)


def test_folder__a_linked_folder_and_a_broken_link(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {})
    (folder / "mails").symlink_to(tmp_path)
    assert only_problem(folder) == ("mails", "un lien vers un dossier n'est pas suivi : y mettre un vrai dossier")
    (folder / "mails").unlink()
    (folder / "mails").mkdir()
    (folder / "mails" / "declared.j2").symlink_to("declared.j2")
    assert only_problem(folder)[1].startswith("ce fichier ne peut pas être lu")


def test_folder__a_pipe_a_huge_file_and_another_encoding(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mails/revoked.j2": "x" * 500_001})
    os.mkfifo(folder / "mails" / "declared.j2")
    (folder / "mails" / "delegated.j2").write_bytes("Objet\nDéclaration".encode("latin-1"))
    problems = [str(problem).removeprefix(f"{folder}/") for problem in TemplateLoader(folder).folder_problems]
    assert problems == [
        "mails/declared.j2 : ce n'est pas un fichier ordinaire : y mettre un fichier de texte",
        "mails/delegated.j2, ligne 2 : le fichier n'est pas en UTF-8 : l'enregistrer dans ce codage",
        "mails/revoked.j2 : plus de 500 ko : ce n'est pas un modèle",
    ]


def test_folder__that_is_gone(tmp_path: Path) -> None:
    assert only_problem(tmp_path / "modeles")[1].startswith("ce dossier ne peut pas être lu")


def test_folder__a_file_closed_to_this_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is played, for nothing is closed to root; the other files are read all the same."""
    folder = folder_of(tmp_path, {"mails/declared.j2": "x", "mails/delegated.j2": mail("Nos mots.")})
    opened = Path.open

    def closed(path: Path, *args: Any, **named: Any) -> Any:
        if path.name == "declared.j2":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args, **named)

    monkeypatch.setattr(Path, "open", closed)
    at, problem = only_problem(folder)
    assert (at, problem.partition(" :")[0]) == ("mails/declared.j2", "ce fichier ne peut pas être lu")
    assert TemplateLoader(folder).overridden() == ("mails/delegated.j2",)


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ here|attr('__init__') }}",
        "{{ here.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(here) }}",
        "{{ cycler.__init__.__globals__ }}",
    ],
)
def test_sandbox__a_template_reaches_nothing_of_python(source: str) -> None:
    wordings = TemplateLoader(loader=DictLoader({"mails/declared.j2": f"Objet\n{source}"}))
    with pytest.raises(Unrenderable) as caught:
        Renderer(wordings).render(*EXAMPLES["declared"], MAIL_CONTEXT)
    assert isinstance(caught.value.__cause__, SecurityError)


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    "source", ["{{ range(10**9)|list }}", "{{ rupn.append(1) }}", "{% for x in range(10**9) %}{% endfor %}"]
)
def test_sandbox__a_template_exhausts_and_changes_nothing(source: str) -> None:
    wordings = TemplateLoader(loader=DictLoader({"mails/declared.j2": f"Objet\n{source}"}))
    with pytest.raises(Unrenderable):
        Renderer(wordings).render(*EXAMPLES["declared"], MAIL_CONTEXT)


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secrets/seal-key", "mails/../../config.yaml", "./../x", "mails\\x"]
)
def test_sandbox__only_templates_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.yaml").write_text("x")
    wordings = TemplateLoader(
        folder_of(tmp_path, {"mails/declared.j2": f'Objet\n{{% include "{name}" %}}'.replace("\\", "\\\\")})
    )
    with pytest.raises(Unrenderable) as caught:
        Renderer(wordings).words(*EXAMPLES["declared"], MAIL_CONTEXT)
    assert isinstance(caught.value.__cause__, TemplateNotFound)
    with pytest.raises(TemplateNotFound):
        wordings.source(name)
