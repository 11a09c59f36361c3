"""Every mail as its reader sees it, as text and as HTML, held by snapshots.

To write them anew after a change of wording, then read the difference:
``ODA_SNAPSHOTS=write pytest tests/notifications/rendering/test_renderer.py``.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from notifications.authoring.examples import CHECK_EXAMPLE, EXAMPLES, MAIL_CONTEXT
from notifications.messages.catalogue import CATALOGUE
from notifications.rendering.markup import HTML_LINK_SLOT, HTML_SLOT, LINK_MASK, MASK, SLOT
from notifications.rendering.renderer import Rendered, Renderer, Unrenderable, html_with_code, with_code
from notifications.vocabulary import CODE_KINDS, Audience, Kind, TransientMail
from tests.notifications.pages import Page
from tests.notifications.templates import render

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__snapshot(name: str) -> None:
    kind, facts = EXAMPLES[name]
    _assert_snapshot(name, render(kind, facts, MAIL_CONTEXT))


def test_rendering__snapshot_of_a_trial_of_the_relay() -> None:
    _assert_snapshot(TransientMail.CHECK.value, Renderer().render_check(CHECK_EXAMPLE, MAIL_CONTEXT))


def _assert_snapshot(name: str, rendered: Rendered) -> None:
    for path, text in (
        (SNAPSHOTS / f"{name}.txt", f"Objet : {rendered.subject}\n\n{rendered.body}"),
        (SNAPSHOTS / f"{name}.html", rendered.html),
    ):
        if os.environ.get("ODA_SNAPSHOTS") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")


def test_rendering__no_snapshot_of_a_mail_that_is_no_more() -> None:
    names = [*EXAMPLES, *TransientMail]
    assert {path.name for path in SNAPSHOTS.glob("*")} == {f"{name}.{end}" for name in names for end in ("txt", "html")}


def test_samples__one_at_least_of_every_kind() -> None:
    assert {kind for kind, _ in EXAMPLES.values()} == set(Kind) == set(CATALOGUE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__lines_fit_a_narrow_screen(name: str) -> None:
    rendered = render(*EXAMPLES[name], MAIL_CONTEXT)
    # An address is whole, and so is what is kept as it is, such as a seal's line.
    assert [line for line in rendered.body.split("\n") if len(line) > 72 and " " in line.removeprefix("    ")] == [
        line for line in rendered.body.split("\n") if re.fullmatch(r" {4}[a-z]+ [0-9a-f]{64}", line) and len(line) > 72
    ]
    assert "\n\n\n" not in rendered.body
    assert [line for line in rendered.body.split("\n") if line != line.rstrip()] == []


@pytest.mark.rule("R59")
@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__an_establishment_is_told_whom_to_ask(name: str) -> None:
    kind, facts = EXAMPLES[name]
    rendered = render(kind, facts, MAIL_CONTEXT)
    if CATALOGUE[kind].audience is Audience.ESTABLISHMENT:
        for words in (rendered.body.replace("\n", " "), rendered.html):
            assert "répondez à ce message" in words
            assert MAIL_CONTEXT.contact in words


@pytest.mark.rule("R60")
@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__a_slot_in_the_code_mails_only(name: str) -> None:
    kind, facts = EXAMPLES[name]
    rendered = render(kind, facts, MAIL_CONTEXT)
    slots = 1 if kind in CODE_KINDS else 0
    assert rendered.body.split("\n").count(SLOT) == slots
    assert rendered.html.count(HTML_SLOT) == rendered.html.count(MASK) == slots


@pytest.mark.rule("R55")
@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__operators_sort_their_mails_by_their_subject(name: str) -> None:
    kind, facts = EXAMPLES[name]
    is_tagged = render(kind, facts, MAIL_CONTEXT).subject.startswith("[ODA] ")
    assert is_tagged == (CATALOGUE[kind].audience is Audience.OPERATORS)


def test_with_code__the_code_stands_where_the_placeholder_stood() -> None:
    body = render(*EXAMPLES["code_issued"], MAIL_CONTEXT).body
    sent = with_code(body, "S3cretAB12")
    assert sent == body.replace(SLOT, "    S3cretAB12")
    with pytest.raises(Unrenderable):
        with_code(sent, "again")


@pytest.mark.rule("R60")
def test_html_with_code__the_code_stands_where_the_mark_stood() -> None:
    html = render(*EXAMPLES["code_issued"], MAIL_CONTEXT).html
    sent = html_with_code(html, "S3cretAB12")
    assert sent == html.replace(MASK, "S3cretAB12")
    assert Page(html_with_code(html, 'A<b>&"1')).skeleton == Page(html).skeleton
    with pytest.raises(Unrenderable):
        html_with_code(sent, "again")


@pytest.mark.rule("R72")
@pytest.mark.parametrize("name", ["sign_in", "sign_in_shared", "sign_in_rectorat"])
def test_with_code__the_secret_of_a_link_ends_its_address(name: str) -> None:
    rendered = render(*EXAMPLES[name], MAIL_CONTEXT)
    address = "https://oda.ac-toulouse.fr/connexion/lien/"
    assert rendered.body.count(f"    {address}{LINK_MASK}\n") == 1
    assert with_code(rendered.body, "S3cret-_").count(f"\n    {address}S3cret-_\n") == 1
    html = html_with_code(rendered.html, "S3cret-_")
    assert Page(html).of("a")[0].attributes["href"] == f"{address}S3cret-_"
    assert LINK_MASK not in with_code(rendered.body, "S3cret-_") + html
    with pytest.raises(Unrenderable):
        with_code(with_code(rendered.body, "S3cret-_"), "again")


@pytest.mark.rule("R72")
@pytest.mark.parametrize("forged", [LINK_MASK, f"    x{LINK_MASK}", HTML_LINK_SLOT, f"x\n    {LINK_MASK}"])
def test_rendering__no_value_forges_the_place_of_a_link(forged: str) -> None:
    kind, facts = EXAMPLES["sign_in"]
    rendered = render(kind, replace(facts, establishment=replace(facts.establishment, nom=forged)), MAIL_CONTEXT)
    assert with_code(rendered.body, "S3cret").count("S3cret") == 1
    assert html_with_code(rendered.html, "S3cret").count("S3cret") == 1


def test_rendering__singular_and_plural() -> None:
    def body(name: str) -> str:
        return " ".join(render(*EXAMPLES[name], MAIL_CONTEXT).body.split())

    assert "Cette demande de votre établissement est close avec elle" in body("year_end_one")
    assert "Ces demandes de votre établissement sont closes avec elle" in body("year_end_two")
    assert "La clé ODA de Claire Martin ne doit plus être utilisée" in body("year_end_one")
    assert "Les clés ODA de Claire Martin et d'Omar de L'Étang-Benali ne doivent plus" in body("year_end_two")
    assert "la délégation du module « Administration des comptes EduConnect » faite à Claire Martin :" in body(
        "year_end_one"
    )
    assert (
        "les délégations du module « Administration des comptes EduConnect » faites à Claire Martin et à Omar"
        in body("year_end_two")
    )
    assert "Elle attend le rectorat" in body("late_digest_one")
    assert "Elles attendent le rectorat" in body("late_digest_two")
    assert "Cet établissement n'a pas de boîte" in body("year_end_report_one")
    assert "Ces établissements n'ont pas de boîte" in body("year_end_report")


@pytest.mark.rule("R54")
def test_rendering__year_end_names_every_rupn() -> None:
    body = render(*EXAMPLES["year_end_two"], MAIL_CONTEXT).body
    assert "Claire Martin (demande ODA-2027-00042)" in body
    assert "Omar de L'Étang-Benali (demande ODA-2027-00043)" in body
    assert "DelegCE" in body


def test_rendering__drane_sent_by_the_rectorat() -> None:
    body = render(*EXAMPLES["declared"], replace(MAIL_CONTEXT, drane_sent_by_us=True)).body.replace("\n", " ")
    assert "Le rectorat transmet cette déclaration à la DRANE" in body
    assert "https://drane" not in body


@pytest.mark.rule("R69")
@pytest.mark.parametrize(
    ("name", "announced"),
    [
        ("delegated", "La charte à imprimer est jointe à ce message."),
        ("sent_back_charter", "La charte à imprimer est jointe à ce message."),
        ("code_issued", "Imprimez le bordereau de remise et la fiche de connexion, joints à ce message."),
        ("code_reissued", "Imprimez le bordereau de remise et la fiche de connexion, joints à ce message."),
        ("code_to_read", "Imprimez le bordereau de remise et la fiche de connexion, joints à ce message."),
        ("key_extended", "La fiche jointe à ce message, à lui donner, dit comment."),
        ("year_end_report", "Le bilan détaillé est joint à ce message"),
    ],
)
def test_rendering__what_is_joined_is_announced(name: str, announced: str) -> None:
    assert announced in " ".join(render(*EXAMPLES[name], MAIL_CONTEXT).body.split())


@pytest.mark.rule("R69")
def test_rendering__nothing_else_is_said_to_be_joined() -> None:
    joined = {kind for kind, facts in EXAMPLES.values() if "joint" in render(kind, facts, MAIL_CONTEXT).body}
    with_code = {Kind.CODE_ISSUED, Kind.CODE_REISSUED, Kind.CODE_TO_READ, Kind.KEY_EXTENDED}
    assert joined == {Kind.DELEGATED, Kind.SENT_BACK, Kind.YEAR_END_REPORT, *with_code}
    for step in ("declaration", "delegation", "confirmation"):
        assert "joint" not in render(*EXAMPLES[f"sent_back_{step}"], MAIL_CONTEXT).body
