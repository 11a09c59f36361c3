"""The demonstration: every role, true mails, and a clock that reaches the year's end."""

import re
from collections import Counter
from datetime import date
from html import unescape

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from portal.demo.data import REFUSED, SCHOOLS, TWO
from portal.demo.runtime import RunningDemo
from states.validation import uai_problem
from states.vocabulary import State
from tests.kit.demo_season import demo_address
from tests.kit.plain_client import PlainClient
from workflow.database.tables import REQUEST
from workflow.journal.verification import Verifier

pytestmark = pytest.mark.xdist_group("demo")  # one worker lives the story, once


def be(browser: TestClient, who: str) -> str:
    """Become somebody by the bar; the page reached."""
    page = browser.post("/demonstration/qui", data={"qui": who})
    assert page.status_code == 200, page.text
    return page.text


def states_of(demo: RunningDemo, year: str) -> Counter[str]:
    query = select(REQUEST.c.state, func.count()).where(REQUEST.c.school_year == year).group_by(REQUEST.c.state)
    with demo.view.app.database.read() as connection:
        return Counter({row[0]: row[1] for row in connection.execute(query)})


@pytest.mark.rule("R11")
def test_places__are_invented_and_well_formed() -> None:
    assert len({school.uai for school in SCHOOLS}) == len({school.nom for school in SCHOOLS}) == 48
    assert {school.departement for school in SCHOOLS} == {"09", "12", "31", "32", "46", "65", "81", "82"}
    assert [uai_problem(school.uai) for school in SCHOOLS] == [None] * 48
    assert all(school.uai[3] == "9" for school in SCHOOLS)  # a range that the académie does not use


def test_story__holds_a_september_in_every_state(demo: RunningDemo) -> None:
    states = states_of(demo, "2026-2027")
    assert states.keys() == set(State)
    assert 110 <= states.total() <= 140
    assert states_of(demo, "2025-2026").keys() == {State.REVOKED}


def test_story__its_journal_is_whole(demo: RunningDemo) -> None:
    app = demo.view.app
    with app.database.read() as connection:
        assert list(Verifier(connection, app.hasher).flaws()) == []


def test_bar__is_on_every_page_and_says_what_this_is(browser: TestClient) -> None:
    for path in ("/demonstration", "/demonstration/boite", "/", "/demarche", "/nulle-part"):
        page = browser.get(path).text
        assert "<strong>Démonstration</strong> : tout est inventé et rien n'est gardé" in page, path
        assert "Nous sommes le 28 septembre 2026" in page
        assert 'style="' not in page


def test_roles__each_one_is_at_home(browser: TestClient, demo: RunningDemo) -> None:
    uai = demo.view.examples["déclarée"]
    for who, home, role in (
        ("operateur", "/rectorat", "un opérateur du rectorat"),
        ("lecteur", "/rectorat", "un lecteur (DRANE)"),
        (f"chef:{uai}", "/etablissement", next(school.nom for school in SCHOOLS if school.uai == uai)),
        ("deux", "/etablissement", TWO[0].nom),
    ):
        bar = unescape(be(browser, who)).partition("Vous êtes : ")[2].partition("</p>")[0]
        assert role in bar
        assert browser.get(home).status_code == 200
    assert "Vous êtes : un visiteur non connecté" in be(browser, "personne")
    assert browser.post("/demonstration/qui", data={"qui": "chef:0310000A"}).status_code == 422


def test_roles__each_suggestion_leads_somewhere(browser: TestClient, demo: RunningDemo) -> None:
    suggestions = demo.view.suggestions
    assert len({value for value, _, _ in suggestions}) == len(suggestions)
    for value, _, _ in suggestions:
        be(browser, value)
        assert browser.get("/rupn" if value == "rupn" else "/etablissement").status_code == 200


def test_roles__another_site_cannot_choose_one(browser: TestClient) -> None:
    page = browser.post("/demonstration/qui", data={"qui": "operateur"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 409
    assert browser.get("/rectorat", follow_redirects=False).status_code == 303


def test_mailbox__shows_what_left_by_smtp(browser: TestClient) -> None:
    box = browser.get("/demonstration/boite").text
    assert re.search(r"<p[^>]*>\d{3} courriels\.</p>", box)
    letters = browser.get("/demonstration/boite", params={"de": "charte"}).text
    number = re.search(r"/demonstration/boite/(\d+)\"", letters)
    assert number
    letter = browser.get(f"/demonstration/boite/{number[1]}")
    assert "frame-src 'self'" in letter.headers["content-security-policy"]
    assert "Madame, Monsieur" in letter.text
    html = browser.get(f"/demonstration/boite/{number[1]}/html")
    assert "sandbox allow-same-origin" in html.headers["content-security-policy"]
    assert "default-src 'none'" in html.headers["content-security-policy"]
    assert browser.get("/demonstration/boite/99999").status_code == 404


@pytest.mark.rule("R69")
def test_mailbox__gives_the_papers(browser: TestClient) -> None:
    letters = browser.get("/demonstration/boite", params={"de": "délégation"}).text
    for number in re.findall(r"/demonstration/boite/(\d+)\"", letters):
        if piece := re.search(r"/demonstration/boite/\d+/pieces/0", browser.get(f"/demonstration/boite/{number}").text):
            paper = browser.get(piece[0])
            assert paper.content.startswith(b"%PDF")
            assert paper.headers["content-disposition"].startswith('attachment; filename="charte-ODA-')
            assert browser.get(piece[0].replace("/0", "/9")).status_code == 404
            return
    raise AssertionError("no charter among the mails")


@pytest.mark.rule("R58")
def test_story__has_mails_that_a_mailbox_refused(demo: RunningDemo) -> None:
    assert REFUSED.mailbox not in {letter.recipient for letter in demo.view.mailbox.letters()}
    with demo.view.app.database.read() as connection:
        uais = connection.execute(select(REQUEST.c.uai).where(REQUEST.c.uai == REFUSED.uai)).scalars().all()
    assert uais


def test_sign_in__works_by_the_link_in_the_mailbox(browser: TestClient, demo: RunningDemo) -> None:
    uai = demo.view.examples["déclarée"]
    be(browser, "personne")
    answer = browser.post("/connexion", data={"uai": uai})
    assert answer.status_code == 200
    demo.view.loop.deliver()
    letter = demo.view.mailbox.letters(lambda letter: uai.lower() in letter.recipient)[0]
    (link,) = {address for address in letter.links(demo_address()) if "/lien/" in address}
    page = browser.get(f"/demonstration/boite/{letter.number}").text
    assert link in page
    assert browser.get(link).status_code == 200


def test_clock__goes_on_and_keeps_who_is_signed_in(own: RunningDemo) -> None:
    browser = PlainClient(own.asgi, base_url=demo_address())
    be(browser, "operateur")
    moved = browser.post("/demonstration/temps", data={"pas": "jour"})
    assert "Nous sommes le 29 septembre 2026" in moved.text
    assert "Nous sommes le 6 octobre 2026" in browser.post("/demonstration/temps", data={"pas": "semaine"}).text
    assert "Vous êtes : un opérateur du rectorat" in moved.text
    assert browser.post("/demonstration/temps", data={"pas": "siècle"}).status_code == 422
    _year_end(own, browser)


def _year_end(own: RunningDemo, browser: TestClient) -> None:
    """On 31 August nothing is revoked yet; the day after, everything is, and everybody was told (R50, R54)."""
    eve = browser.post("/demonstration/temps", data={"pas": "fin"}).text
    assert "Nous sommes le 31 août 2027" in eve
    live = states_of(own, "2026-2027")
    assert live.total() > live[State.REVOKED]
    before = own.view.arrived
    after = unescape(browser.post("/demonstration/temps", data={"pas": "lendemain"}).text)
    assert "Nous sommes le 1er septembre 2027" in after
    assert f"Fin de l'année 2026-2027 : {live.total() - live[State.REVOKED]} demandes révoquées." in after
    assert states_of(own, "2026-2027").keys() == {State.REVOKED}
    assert own.view.arrived > before
    assert own.view.app.policy.calendar.today(own.clock.now()) == date(2027, 9, 1)
    assert browser.get("/rectorat").status_code == 200
