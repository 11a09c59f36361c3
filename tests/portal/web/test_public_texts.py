"""The académie's own texts of the public pages: they serve, or they are refused with their file and line (R68)."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from notifications.rendering.child import run_in_child
from notifications.rendering.environment import TemplatesRefused
from portal.cli.main import oda
from portal.web import rendering
from tests.kit.databases import fresh_url
from tests.kit.installation import make_installation
from tests.kit.portal import CHEF, open_portal

pytestmark = pytest.mark.rule("R68")
SETTINGS = "templates: {directory: modeles}\n"


@pytest.fixture
def pieces(tmp_path: Path) -> Path:
    folder = tmp_path / "modeles" / "pages"
    folder.mkdir(parents=True)
    return folder


def refused(folder: Path) -> list[str]:
    """What is said of the académie's texts when the portal starts."""
    with (
        fresh_url("sqlite", folder.parents[1]) as url,
        pytest.raises(TemplatesRefused) as error,
        open_portal(folder.parents[1], url, settings=SETTINGS),
    ):
        pytest.fail("a wrong text serves")
    return str(error.value).splitlines()


def test_piece__replaces_ours_and_is_escaped_like_ours(pieces: Path) -> None:
    text = '<p>Écrire à {{ here.contact }}{% if home %} ou <a href="{{ home }}">revenir</a>{% endif %}.</p>\n'
    (pieces / "contact.html").write_text(text, encoding="utf-8")
    with (
        fresh_url("sqlite", pieces.parents[1]) as url,
        open_portal(pieces.parents[1], url, settings=SETTINGS) as portal,
    ):
        assert "<p>Écrire à 05 00 00 00 00.</p>" in portal.client().get("/contact").text
        assert 'ou <a href="/etablissement">revenir</a>' in portal.client(CHEF).get("/contact").text
        assert "Éditeur" in portal.client().get("/mentions-legales").text


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("<p>un</p>\n{% if here.contact %}\n", 2, "faute de syntaxe"),
        ("<p>un</p>\n<p>{{ visitor.secret }}</p>", 2, "« visitor » n'existe pas ici"),
        ("<p>{{ settings.mail }}</p>", 1, "« settings » n'existe pas ici"),
        ("<p>un</p>\n\n{% if home %}{{ here.telephone }}{% endif %}", 3, "« here.telephone » n'existe pas"),
        ("<p>{{ here.contact | majuscule }}</p>", 1, "faute de syntaxe"),
        ("\n{{ 1 // 0 }}", 2, "échoue quand on l'affiche"),
        ("\n{{ home.__class__ }}", 2, "échoue quand on l'affiche"),
        ("\n{{ '%0999999999d' | format(1) }}", 2, "trop gros"),
        ("\n{% for a in 'x' * 99999 %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}", 2, "trop long"),
        ("<p>a</p>\n{% include 'base.html' %}", 2, "une page n'en appelle pas d'autre"),
        ("<h1>Contact</h1>", 1, "la page a déjà son titre"),
        ("<p>a</p>\n<script>1</script>", 2, "sans effet"),
        ('<p style="color: red">a</p>', 1, "sans effet"),
        ('<img src="https://exemple.fr/a.png">', 1, "ne charge rien d'un autre site"),
    ],
)
def test_piece__a_wrong_one_is_refused_with_its_file_and_line(
    pieces: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, complaint: str
) -> None:
    monkeypatch.setattr("notifications.rendering.child.STEP_S", 0.3)
    (pieces / "contact.html").write_text(text, encoding="utf-8")
    problems = refused(pieces)
    assert any(f"contact.html, ligne {line} : " in problem and complaint in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{{ "x" * (10**9 if home else 1) }}', "trop gros"),
        ("{{ 10**(10**7 * home|length) }}", "trop long"),
        ("{{ 1 // (0 if home else 1) }}", "ne peut pas être calculée"),
        ("{{ home.__class__ if home }}", "interdit à un modèle"),
    ],
)
def test_piece__that_only_a_visitor_makes_endless_or_immense_gives_way_to_ours(
    pieces: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str, complaint: str
) -> None:
    monkeypatch.setattr("notifications.rendering.child.STEP_S", 0.3)
    monkeypatch.setattr(rendering, "_tried", lambda _settings, contents: list(contents.problems))
    (pieces / "contact.html").write_text(f"<p>à nous{text}</p>", encoding="utf-8")
    with (
        fresh_url("sqlite", pieces.parents[1]) as url,
        open_portal(pieces.parents[1], url, settings=SETTINGS) as portal,
    ):
        assert "<p>à nous" in portal.client().get("/contact").text
        ours = portal.client(CHEF).get("/contact")
        assert (ours.status_code, "à nous" in ours.text, "05 00 00 00 00" in ours.text) == (200, False, True)
        portal.client(CHEF).get("/contact")
    (record,) = [record for record in caplog.records if record.name == "oda"]
    assert "contact.html : " in record.getMessage()
    assert complaint in record.getMessage()


def test_piece__its_trial_starts_without_the_web_or_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = "__import__('portal.web.environment') and set(__import__('sys').modules)"
    assert run_in_child("builtins:eval", imported).isdisjoint({"fastapi", "sqlalchemy", "typst"})
    monkeypatch.setattr(sys, "pycache_prefix", "/compiled")
    assert run_in_child("os:getenv", "PYTHONPYCACHEPREFIX") == "/compiled"  # what is compiled is not compiled anew


def test_piece__a_file_that_replaces_nothing_is_refused(pieces: Path) -> None:
    (pieces / "contacts.html").write_text("<p>a</p>", encoding="utf-8")
    (problem,) = refused(pieces)
    assert "ne remplace aucun modèle ; nom proche : contact.html" in problem


def test_check_config__says_the_same_and_which_pages_are_replaced(pieces: Path) -> None:
    with fresh_url("sqlite", pieces.parents[1]) as url:
        config = make_installation(pieces.parents[1], url)
        config.write_text(config.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
        piece = pieces / "contact.html"
        piece.write_text("<p>{{ inconnu }}</p>", encoding="utf-8")
        ask = ["--config", str(config), "check-config"]
        wrong = CliRunner().invoke(oda, ask)
        assert wrong.exit_code != 0
        assert "contact.html, ligne 1" in wrong.output
        piece.write_text("<p>{{ here.contact }}</p>", encoding="utf-8")
        right = CliRunner().invoke(oda, ask)
        assert right.exit_code == 0, right.output
        assert "Pages remplacées : contact.html" in right.output
