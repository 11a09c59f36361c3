"""Every mail as its reader sees it, held by snapshots.

To write them anew after a change of wording: ``ODA_SNAPSHOTS=write pytest tests/notifications/test_rendering.py``,
then read the difference.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import DictLoader

from notifications.catalogue import CATALOGUE
from notifications.examples import CLAIRE, EXAMPLES, SURROUNDINGS
from notifications.rendering import MASK, SLOT, Renderer, Unrenderable, render, with_code
from notifications.vocabulary import CODE_KINDS, Audience, Kind
from notifications.wordings import Wordings

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__snapshot(name: str) -> None:
    kind, facts = EXAMPLES[name]
    rendered = render(kind, facts, SURROUNDINGS)
    shown = f"Objet : {rendered.subject}\n\n{rendered.body}"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("ODA_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


def test_rendering__no_snapshot_of_a_mail_that_is_no_more() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*")} == set(EXAMPLES)


def test_samples__one_at_least_of_every_kind() -> None:
    assert {kind for kind, _ in EXAMPLES.values()} == set(Kind) == set(CATALOGUE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__lines_fit_a_narrow_screen(name: str) -> None:
    rendered = render(*EXAMPLES[name], SURROUNDINGS)
    assert [line for line in rendered.body.split("\n") if len(line) > 72] == []
    assert "\n\n\n" not in rendered.body
    assert "  " not in rendered.body.replace(SLOT, "").replace("    oda year-end", "").replace("\n  ", "\n")


@pytest.mark.rule("R59")
@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__an_establishment_is_told_whom_to_ask(name: str) -> None:
    kind, facts = EXAMPLES[name]
    body = render(kind, facts, SURROUNDINGS).body
    if CATALOGUE[kind].audience is Audience.ESTABLISHMENT:
        assert "répondez à ce message" in body.replace("\n", " ")
        assert SURROUNDINGS.contact in body


@pytest.mark.rule("R60")
@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__a_slot_in_the_code_mails_only(name: str) -> None:
    kind, facts = EXAMPLES[name]
    body = render(kind, facts, SURROUNDINGS).body
    assert body.split("\n").count(SLOT) == (1 if kind in CODE_KINDS else 0)


def test_with_code__the_code_stands_where_the_placeholder_stood() -> None:
    body = render(*EXAMPLES["code_issued"], SURROUNDINGS).body
    sent = with_code(body, "S3cretAB12")
    assert sent == body.replace(SLOT, "    S3cretAB12")
    with pytest.raises(Unrenderable):
        with_code(sent, "again")


@pytest.mark.parametrize("forged", [f"x\n{SLOT}\n", f"    {MASK}", MASK])
def test_rendering__a_name_cannot_forge_the_slot(forged: str) -> None:
    kind, facts = EXAMPLES["code_issued"]
    body = render(kind, replace(facts, rupn=replace(CLAIRE, nom=forged, prenom=forged)), SURROUNDINGS).body
    assert body.split("\n").count(SLOT) == 1
    assert with_code(body, "S3cretAB12").count("S3cretAB12") == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
def test_rendering__a_line_break_in_a_name_stays_in_the_subject_line(end: str) -> None:
    kind, facts = EXAMPLES["declared"]
    evil = replace(facts, rupn=replace(CLAIRE, nom=f"Martin{end}Bcc: tous@ac-toulouse.fr"))
    subject = render(kind, evil, SURROUNDINGS).subject
    assert len(subject.splitlines()) == 1
    assert "Bcc" in subject


def test_rendering__template_syntax_in_a_name_is_only_text() -> None:
    kind, facts = EXAMPLES["declared"]
    name = "{{ 7 * 7 }}{% raw %}{# x #}"
    rendered = render(kind, replace(facts, rupn=replace(CLAIRE, nom=name)), SURROUNDINGS)
    assert name in rendered.subject
    assert "49" not in rendered.subject


def test_rendering__nothing_is_escaped_for_html() -> None:
    kind, facts = EXAMPLES["sent_back_charter"]
    body = render(kind, replace(facts, why="L'adresse <a & b> n'est pas la bonne"), SURROUNDINGS).body
    assert "L'adresse <a & b> n'est pas la bonne" in body


@pytest.mark.parametrize(
    "source",
    ["Objet\n{{ inconnu }}", "Objet\n{{ rupn.inconnu }}", "\n\n", "{% for", "Objet\n{{ 1 / 0 }}", "Objet\n{{ slot }}"],
)
def test_rendering__a_faulty_template_is_one_error(source: str) -> None:
    renderer = Renderer(Wordings(loader=DictLoader({"mails/declared.j2": source})))
    with pytest.raises(Unrenderable):
        renderer.render(*EXAMPLES["declared"], SURROUNDINGS)


def test_rendering__a_missing_template_is_the_same_error() -> None:
    with pytest.raises(Unrenderable):
        Renderer(Wordings(loader=DictLoader({}))).render(*EXAMPLES["declared"], SURROUNDINGS)


def test_rendering__singular_and_plural() -> None:
    def body(name: str) -> str:
        return render(*EXAMPLES[name], SURROUNDINGS).body.replace("\n", " ")

    assert "Cette demande de votre établissement a pris fin" in body("year_end_one")
    assert "Ces demandes de votre établissement ont pris fin" in body("year_end_two")
    assert "La clé ODA de Claire Martin ne doit plus être utilisée" in body("year_end_one")
    assert "Les clés ODA de Claire Martin et Omar de L'Étang-Benali ne doivent plus" in body("year_end_two")
    assert "1 demande attend" in body("late_digest_one")
    assert "5 demandes attendent" in body("late_digest_two")
    assert "Cet établissement n'a pas de boîte" in body("year_end_report_one")
    assert "Ces établissements n'ont pas de boîte" in body("year_end_report")


@pytest.mark.rule("R54")
def test_rendering__year_end_names_every_rupn() -> None:
    body = render(*EXAMPLES["year_end_two"], SURROUNDINGS).body
    assert "Claire Martin (demande ODA-2027-00042)" in body
    assert "Omar de L'Étang-Benali (demande ODA-2027-00043)" in body
    assert "DelegCE" in body


def test_rendering__drane_sent_by_the_rectorat() -> None:
    body = render(*EXAMPLES["declared"], replace(SURROUNDINGS, drane_sent_by_us=True)).body
    assert "Le rectorat transmet cette déclaration à la DRANE" in body
    assert "https://drane" not in body
