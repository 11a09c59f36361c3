"""The papers: which go with which mail, what stands in them, and that they are the same to the byte (R69)."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT, OTHER_PLACE
from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import YearEndReport
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.papers import (
    PaperName,
    blank_charter,
    blank_first_connection,
    compile_paper,
    from_json,
    papers_of,
    to_json,
)
from notifications.vocabulary import Kind
from tests.notifications.papers import AT, WITH_PAPER, paper, reader, rewritten, text_of

each_paper = pytest.mark.parametrize("example", WITH_PAPER)


@pytest.mark.rule("R69")
@pytest.mark.parametrize("example", EXAMPLES)
def test_papers__go_with_the_mails_that_announce_them(example: str) -> None:
    papers = papers_of(*EXAMPLES[example], MAIL_CONTEXT, TemplateLoader())
    assert tuple(document.filename for document in papers) == WITH_PAPER.get(example, ())


@pytest.mark.rule("R69")
@each_paper
def test_papers__are_accessible(example: str) -> None:
    pdf = reader(paper(example))
    root: Any = pdf.root_object
    assert root["/Lang"].startswith("fr")
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]["/K"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert pdf.metadata is not None
    assert pdf.metadata.title
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    pages: list[Any] = list(pdf.pages)
    fonts = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    descriptors = [font["/DescendantFonts"][0]["/FontDescriptor"] for font in fonts]
    assert descriptors
    assert all({"/FontFile2", "/FontFile3"} & set(descriptor) for descriptor in descriptors)


@pytest.mark.rule("R69")
@each_paper
def test_papers__are_in_the_typeface_of_the_state(example: str) -> None:
    pages: list[Any] = list(reader(paper(example)).pages)
    names = [font.get_object()["/BaseFont"] for page in pages for font in page["/Resources"]["/Font"].values()]
    assert {"Marianne-Regular", "Marianne-Bold"} <= {
        name.partition("+")[2].removesuffix("-Identity-H") for name in names
    }
    assert "Libertinus" not in "".join(names)


@pytest.mark.rule("R69")
@each_paper
def test_papers__are_the_same_to_the_byte(example: str) -> None:
    document = paper(example)
    first = compile_paper(document, AT)
    assert compile_paper(document, AT) == first
    assert compile_paper(document, AT.astimezone(timezone(timedelta(hours=13)))) == first
    [stored] = from_json(to_json([document]))
    assert stored == document
    assert compile_paper(stored, AT) == first
    assert compile_paper(document, AT + timedelta(days=1)) != first, "the date is in it"


@pytest.mark.rule("R69")
def test_papers__are_the_same_elsewhere() -> None:
    script = (
        "from tests.notifications.papers import *\nimport hashlib\n"
        "for name in WITH_PAPER: print(hashlib.sha256(compile_paper(paper(name), AT)).hexdigest())\n"
    )
    digests = set()
    for place in ("Pacific/Auckland", "America/Guadeloupe", "UTC"):
        elsewhere = {**os.environ, "TZ": place, "LC_ALL": "C", "HOME": "/nonexistent", "PYTHONHASHSEED": "1"}
        done = subprocess.run([sys.executable, "-c", script], env=elsewhere, capture_output=True, text=True, check=True)
        digests.add(done.stdout)
    assert len(digests) == 1
    assert len(digests.pop().split()) == len(WITH_PAPER)


@pytest.mark.rule("R69")
def test_papers__a_retry_makes_the_old_one_though_the_template_changed() -> None:
    stored = to_json([paper("delegated")])
    new = paper(
        "delegated", rewritten("papers/charter.typ", "// version : 2027-1\n#show: paper.with(title: [N])\nNeuf")
    )
    assert "Neuf" in text_of(new)
    [old] = from_json(stored)
    assert "lu et approuvé" in text_of(old)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"name": "charter"}]', '[{"name": "other"}]', "null"])
def test_papers__what_was_not_stored_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not stored papers"):
        from_json(text)


def test_papers__are_made_in_threads() -> None:
    papers = [paper(example) for example in WITH_PAPER]
    alone = [compile_paper(document, AT) for document in papers]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda document: compile_paper(document, AT), papers * 6))
    assert together == alone * 6


def test_papers__a_naive_instant_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="naive"):
        compile_paper(paper("delegated"), datetime(2026, 9, 14))  # noqa: DTZ001


@pytest.mark.rule("R27", "R69")
def test_charter__is_filled_in_on_one_page() -> None:
    document = paper("delegated")
    text = text_of(document)
    for words in (
        "Académie de Toulouse", "Claire Martin", "claire.martin@ac-toulouse.fr", "Colomiers (0310001H)", "2026-2027",
        "31 août 2027", "ODA-2027-00042", "version 2026-1", "« Administration des comptes EduConnect »",
        "Le chef d’établissement", "Fait à", "centre-de-service@ac-toulouse.fr",
    ):  # fmt: skip
        assert words in text, words
    assert len(reader(document).pages) == 1
    assert "page 1" not in text


@pytest.mark.rule("R27")
def test_charter__blank_has_no_one_and_no_year() -> None:
    document = blank_charter(MAIL_CONTEXT, TemplateLoader())
    assert (document.name, document.filename) == (PaperName.CHARTER, "charte-vierge.pdf")
    text = text_of(document)
    assert "Claire" not in text
    assert "ODA-20" not in text
    assert "le dernier jour de l’année scolaire" in text
    assert len(reader(document).pages) == 1


@pytest.mark.rule("R60", "R69")
def test_sheet__tells_how_to_connect_and_bears_no_code() -> None:
    _, sheet = papers_of(*EXAMPLES["code_issued"], MAIL_CONTEXT, TemplateLoader())
    text = text_of(sheet)
    for words in (
        "Première connexion", "Claire Martin", "claire.martin@ac-toulouse.fr", "https://extranet.ac-toulouse.fr/oda",
        "code PIN", "code à usage unique", "Aucun code ne s’écrit", "https://oda.ac-toulouse.fr/donnees-personnelles",
    ):  # fmt: skip
        assert words in text, words
    assert len(reader(sheet).pages) == 1
    extended = text_of(paper("key_extended"))
    assert "La clé que vous avez déjà" in extended
    assert "code d’initialisation, que le chef" not in extended


@pytest.mark.rule("R69")
def test_sheet__blank_and_without_an_address() -> None:
    bare = replace(MAIL_CONTEXT, oda_address=None, rupn_page=None, data_protection=None)
    text = text_of(blank_first_connection(bare, TemplateLoader()))
    assert "Claire" not in text
    assert "page d’authentification de l’académie" in text
    assert "s’y opposer : centre-de-service@ac-toulouse.fr" in text


@pytest.mark.rule("R69")
@pytest.mark.parametrize("example", ["delegated", "code_issued", "key_extended"])
def test_papers__tell_the_rupn_what_is_kept_about_him(example: str) -> None:
    text = text_of(paper(example))
    assert "RGPD, article 6" in text
    assert "/donnees-personnelles" in text
    assert "des parents" not in text


@pytest.mark.rule("R22")
def test_charter__says_that_the_last_day_is_a_default() -> None:
    _, declared = EXAMPLES["declared_renewed"]
    assert "31 août 2028 (date par défaut)" in text_of(paper("delegated", year=declared.year))


@pytest.mark.rule("R31", "R60", "R69")
def test_slip__names_who_receives_and_leaves_no_room_for_the_code() -> None:
    text = text_of(paper("code_issued", expires_on=date(2027, 7, 10)))
    for words in (
        "Claire Martin reconnaît avoir reçu en main propre ce jour un code d’initialisation", "10 juillet 2027",
        "24 septembre 2026", "Ne pas inscrire le code sur ce document", "ODA-2027-00042", "(0310001H)",
    ):  # fmt: skip
        assert words in text.replace("UAI 0310001H", "(0310001H)"), words
    assert "il remplace le précédent" not in text
    assert "il remplace le précédent" in text_of(paper("code_reissued"))


@pytest.mark.rule("R54", "R69")
def test_report__has_every_count_and_their_totals() -> None:
    text = text_of(paper("year_end_report"))
    assert "31 août 2028 (date par défaut" in text
    assert "812 demandes révoquées 455 établissements concernés 730 retraits de droits à faire 1 clé peut-être" in text
    assert "31 300 531 480 1 81 155 281 250 0 Total 455 812 730 1" in text
    assert "https://oda.ac-toulouse.fr/rectorat/retraits?annee=2027-2028" in text
    assert "oda removal list" in text
    assert "la boîte des 2 établissements" in text
    assert OTHER_PLACE.full in text


@pytest.mark.rule("R54")
def test_report__singular_and_nothing_to_do() -> None:
    text = text_of(paper("year_end_report_one"))
    assert "1 demande révoquée 1 établissement concerné 0 retrait de droits à faire" in text
    assert "Établissement sans boîte, non prévenu Ce" not in text
    assert "la boîte de l’établissement ci-dessous" in text
    assert "Par département" not in text
    assert "Rien : il n’y a aucun droit à retirer" in text_of(paper("year_end_report_one", without_mailbox=()))


@pytest.mark.rule("R54")
def test_report__of_a_big_academie_numbers_its_pages() -> None:
    document = paper("year_end_report", without_mailbox=(OTHER_PLACE,) * 120)
    text = text_of(document)
    assert len(reader(document).pages) > 1
    assert f"page 1 sur {len(reader(document).pages)}" in text


@pytest.mark.rule("R54")
def test_report__stored_before_departements_were_counted_is_read() -> None:
    old = (
        '{"year":{"label":"2026-2027","last_day":"2027-08-31","is_default":false},"revoked":3,"establishments":2,'
        '"removals":1,"questions":0,"without_mailbox":[]}'
    )
    facts: YearEndReport = CATALOGUE[Kind.YEAR_END_REPORT].decode(old)
    assert facts.departements == ()
    [document] = papers_of(Kind.YEAR_END_REPORT, facts, MAIL_CONTEXT, TemplateLoader())
    assert "3 demandes révoquées" in text_of(document)


@pytest.mark.rule("R69")
def test_papers__bear_the_date_at_which_they_were_made() -> None:
    metadata = reader(paper("delegated")).metadata
    assert metadata is not None
    assert metadata.creation_date == datetime(2026, 9, 14, 8, 30, tzinfo=UTC)
