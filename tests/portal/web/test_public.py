"""The pages that are open to all: what they say comes from the settings, and the picture from the table."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from portal import diagrams
from portal.web.environment import contact_links, dsfr_version, our_version
from portal.web.public_texts import PIECES, WORDS, PublicFacts
from portal.web.rendering import A_YEAR
from states.transitions import TABLE
from states.vocabulary import State, Trigger
from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, STAFF, Portal, open_portal

DOC = Path(__file__).parents[3] / "docs" / "pages.md"
SVG = "{http://www.w3.org/2000/svg}"
PAGES = (
    "/",
    "/demarche",
    "/familles",
    "/premiere-connexion",
    "/ressources",
    "/aide",
    "/aide/chef",
    "/accessibilite",
    "/mentions-legales",
    "/donnees-personnelles",
    "/contact",
    "/plan-du-site",
    "/affichage",
)
SETTINGS = """\
handling: {expected_days: 7}
code: {keep_days: 21, hold_seconds: 0}
drane: {address: "https://drane.exemple.fr/rupn"}
portal:
  address: https://oda.ac-toulouse.fr
  link_minutes: 45
  publisher: Rectorat de Toulouse
  publication_director: M. Untel, recteur de l'académie de Toulouse
  hosting: DSI, 75 rue Saint-Roch, Toulouse
  data_protection: dpd@ac-toulouse.fr
  satisfaction: https://jedonnemonavis.numerique.gouv.fr/x
  accessibility:
    {status: partiellement, declared_on: le 4 mars 2026, audited_on: le 3 mars 2026 par Untel, percentage: 91}
"""


@contextmanager
def opened(folder: Path, settings: str = "") -> Iterator[Portal]:
    with fresh_url("sqlite", folder) as url, open_portal(folder, url, settings=settings) as portal:
        yield portal


@pytest.fixture
def anybody(tmp_path: Path) -> Iterator[TestClient]:
    with opened(tmp_path) as portal:
        yield portal.client()


def words_of(client: TestClient, path: str) -> str:
    """The page's text, on one line, with ordinary spaces."""
    answer = client.get(path)
    assert answer.status_code == 200
    text = re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2].partition("</main>")[0])
    return " ".join(text.replace("&#39;", "'").split())


def test_home__shows_the_way_in_to_each_and_home_to_who_is_in(tmp_path: Path) -> None:
    with opened(tmp_path) as portal:
        nobody = portal.client().get("/")
        assert 'href="/connexion"' in nobody.text
        assert 'href="/connexion/rectorat"' in nobody.text
        assert "set-cookie" not in nobody.headers
        for session_user, home in ((CHEF, "/etablissement"), (STAFF, "/rectorat")):
            page = portal.client(session_user).get("/").text.partition("<main")[2]
            assert f'href="{home}"' in page
            assert 'href="/connexion"' not in page


def test_pages__each_has_one_title_and_is_named_in_the_window(anybody: TestClient) -> None:
    titles = set()
    for path in PAGES:
        page = anybody.get(path).text
        (title,) = re.findall(r"<h1>(.+?)</h1>", page)
        assert title
        titles.update(re.findall(r"<title>(.+?) – Clés ODA – Académie de Toulouse</title>", page))
        assert "<script" not in page
        assert " style=" not in page
    assert len(titles) == len(PAGES)


def test_pages__say_what_the_settings_say(tmp_path: Path) -> None:
    with opened(tmp_path, SETTINGS) as portal:
        client = portal.client()
        way = words_of(client, "/demarche")
        assert "en 7 jours environ" in way
        assert "pas copie plus de 21 jours" in way
        assert "prennent fin d'elles-mêmes le 31 août 2027 à minuit" in way
        assert "https://drane.exemple.fr/rupn" in client.get("/demarche").text
        assert "45 minutes" in words_of(client, "/contact")
        legal = words_of(client, "/mentions-legales")
        assert "Rectorat de Toulouse" in legal
        assert "Direction de la publication : M. Untel, recteur de l'académie de Toulouse." in legal
        assert "DSI, 75 rue Saint-Roch, Toulouse" in legal
        assert "dpd@ac-toulouse.fr" in words_of(client, "/donnees-personnelles")
        assert 'href="https://jedonnemonavis.numerique.gouv.fr/x"' in client.get("/").text
        declared = words_of(client, "/accessibilite")
        assert "partiellement conforme" in declared
        assert "le 3 mars 2026 par Untel. 91 %" in declared
        assert "Cette déclaration a été établie le 4 mars 2026." in declared
        assert "aucun audit" not in declared


def test_accessibility__without_an_audit_it_says_so_and_how_to_complain(anybody: TestClient) -> None:
    declared = words_of(anybody, "/accessibilite")
    assert "non conforme" in declared
    assert "aucun audit n'a été fait" in declared
    assert "Défenseur des droits" in declared
    assert "05 00 00 00 00" in declared
    assert "Je donne mon avis" not in anybody.get("/").text


def test_contact__can_be_written_to_and_called_at_a_touch() -> None:
    contact = "assistance@ac-toulouse.fr ou 0 808 807 003 & +33 5 61 17 70 00, <de 8 h à 18 h>, 2026-2027"
    expected = (
        '<a href="mailto:assistance@ac-toulouse.fr">assistance@ac-toulouse.fr</a> ou '
        '<a href="tel:0808807003">0 808 807 003</a> &amp; '
        '<a href="tel:+33561177000">+33 5 61 17 70 00</a>, &lt;de 8 h à 18 h&gt;, 2026-2027'
    )
    assert contact_links(contact) == expected


def test_families__learn_the_two_ways_of_assistance_and_that_pupils_need_no_key(tmp_path: Path) -> None:
    with opened(tmp_path, "resources: {assistance: https://aide.exemple.fr/}\n") as portal:
        client = portal.client()
        words = words_of(client, "/familles")
        assert "Comptes des élèves Non. La délégation faite dans DelegCE suffit" in words
        assert "SIECLE" in words
        assert client.get("/familles").text.count("https://aide.exemple.fr/") == 2
        assert 'href="/familles"' in client.get("/").text


def test_resources__are_those_of_the_settings_and_an_empty_list_says_so(tmp_path: Path) -> None:
    library = """resources:
  library:
    - {title: Affiche du hall, url: "https://drane.exemple.fr/affiche.pdf", kind: affiche}
    - {title: Pas à pas du RUPN, url: "https://drane.exemple.fr/rupn", kind: guide, audience: établissement}
"""
    with opened(tmp_path, library) as portal:
        page = portal.client().get("/ressources").text
        assert re.findall(r'<h2>Pour .+?</h2>|<a class="fr-link" href="https://drane[^>]+>[^<]+', page) == [
            "<h2>Pour les familles</h2>",
            '<a class="fr-link" href="https://drane.exemple.fr/affiche.pdf">Affiche du hall',
            "<h2>Pour l&#39;établissement</h2>",
            '<a class="fr-link" href="https://drane.exemple.fr/rupn">Pas à pas du RUPN',
        ]
    (tmp_path / "bare").mkdir()
    with opened(tmp_path / "bare") as portal:
        assert "n'a encore rien mis ici" in words_of(portal.client(), "/ressources")


@pytest.mark.rule("R1")
def test_diagram__shows_each_state_and_each_action_of_the_table() -> None:
    picture = ElementTree.fromstring(diagrams.svg())
    drawn = {
        name: {element.get(name) for element in picture.iter() if element.get(name)}
        for name in ("data-state", "data-trigger")
    }
    assert drawn["data-state"] == {state.value for state in State}
    assert drawn["data-trigger"] == {line.trigger.value for line in TABLE}
    assert not [element for element in picture.iter() if element.tag == f"{SVG}style" or element.get("style")], (
        "the CSP refuses styles"
    )
    description = (picture.findtext(f"{SVG}desc") or "").lower()
    assert [trigger.label for trigger in Trigger if trigger.label.lower() not in description] == []
    width = float((picture.get("viewBox") or "").split()[2])
    assert diagrams.SIZE * 343 / width >= 14, "pixels of a letter on a telephone 375 px wide"


@pytest.mark.rule("R1")
def test_picture__tells_the_life_of_a_request_in_a_chefs_words(anybody: TestClient) -> None:
    page, words = anybody.get("/demarche").text, words_of(anybody, "/demarche")
    assert re.findall(r'data-state="(\w+)"', page) == [state.value for state in State]
    ours = [step.state for step in diagrams.life() if not step.by_rectorat]
    assert ours == [State.DECLARED, State.DELEGATED, State.CHARTER_SIGNED, State.REQUESTED]
    for step in diagrams.life():
        assert f"{step.title} {step.details} Demande « {step.state.label} »" in words
    assert "cocher la date" not in words


def test_first_page__weighs_little_beside_the_design_system(anybody: TestClient) -> None:
    page = anybody.get("/")
    ours = anybody.get(f"/static/oda/{our_version()}/oda.css")
    received = len(gzip.compress(page.content)) + len(gzip.compress(ours.content))
    assert len(page.content) + len(ours.content) < 50_000
    assert received < 20_000
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert [address for address in loaded if anybody.get(address).status_code != 200] == []
    assert len(loaded) == 7


def test_files__are_kept_for_a_year_and_compressed_once(anybody: TestClient) -> None:
    style = f"/static/dsfr/{dsfr_version()}/dsfr.main.min.css"
    packed = anybody.get(style, headers={"Accept-Encoding": "gzip"})
    plain = anybody.get(style, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 5
    for answer in (packed, plain):
        assert answer.headers["cache-control"] == A_YEAR
        assert answer.headers["vary"] == "Accept-Encoding"
    again = anybody.get(style, headers={"If-None-Match": packed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    font = anybody.get(f"/static/dsfr/{dsfr_version()}/fonts/Marianne-Regular.woff2")
    assert "content-encoding" not in font.headers


def test_documentation__names_each_text_and_each_fact_and_no_other() -> None:
    written = DOC.read_text(encoding="utf-8")
    assert set(re.findall(r"\| `pages/([a-z-]+\.html)` \| (.+) \|", written)) == set(PIECES.items())
    assert set(re.findall(r"\| `\{\{ here\.(\w+) \}\}` \| (.+) \|", written)) == set(WORDS.items())
    assert list(WORDS) == [field.name for field in fields(PublicFacts)]
