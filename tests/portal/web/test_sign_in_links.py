"""The pages of a link, where it was asked and elsewhere, as a browser without JavaScript sees them (R104)."""

import asyncio
import re
import threading
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select

from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.installation import OPERATOR
from tests.kit.portal import CHEF, Portal, open_portal
from tests.kit.sign_in import secrets_of
from workflow.auth.sign_in_links import LinkRequest, Links, code_of
from workflow.database.access_tables import LINKS, SESSIONS, TRIES

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; rv:128.0) Gecko/20100101 Firefox/128.0"
SENT = "/connexion/envoye"


def main_of(answer: Response) -> str:
    page = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def ask_link(portal: Portal, uai: str = "0310001H") -> tuple[TestClient, Response]:
    """A desk computer that asked for a link; the page that it shows."""
    desk = portal.client()
    return desk, desk.post("/connexion", data={"uai": uai}, headers={"user-agent": FIREFOX})


def rows(portal: Portal) -> list[object]:
    with portal.app.database.read() as connection:
        return [tuple(row) for table in (LINKS, SESSIONS, TRIES) for row in connection.execute(select(table))]


@pytest.mark.rule("R104")
def test_elsewhere__six_digits_to_type_where_it_was_asked(portal: Portal) -> None:
    desk, sent = ask_link(portal)
    phone, place = portal.client(), f"/connexion/lien/{secrets_of(portal.app)[0]}"
    before = rows(portal)
    for page in (phone.get(place), phone.get(place), phone.post(place)):  # a button pressed in vain leads back
        assert page.status_code == 200
        assert page.headers["referrer-policy"] == "no-referrer"
        (digits,) = re.findall(r"<code>(\d{3} \d{3})</code>", page.text)
        text = main_of(page)
        assert "Ne donnez ces chiffres à personne" in text
        assert "Ne les tapez que si vous venez de demander à vous connecter." in text
        assert "14 septembre 2026 à 10 h 00" in text
        assert "Firefox sur Windows" in text
        assert "<form" not in page.text.partition("<main")[2].replace("/affichage", "")
    assert rows(portal) == before
    assert portal.context.cookie not in phone.cookies
    entered = send(desk, form_to(sent, SENT), chiffres=f" {digits} ")
    assert str(entered.url).endswith("/connexion/qui")
    assert phone.get(place).status_code == 410


@pytest.mark.rule("R104")
def test_forwarded__the_mail_of_another_gives_six_digits_that_open_nothing(portal: Portal) -> None:
    ask_link(portal)
    thief, secret = portal.client(), secrets_of(portal.app)[0]
    sent = thief.post("/connexion", data={"uai": "9999999P"})
    answer = send(thief, form_to(sent, SENT), chiffres=code_of(secret))
    assert answer.status_code == 422
    assert portal.context.cookie not in thief.cookies
    thief.cookies.set(portal.context.asking_cookie, "m" * 43)
    assert "Tapez ces six chiffres" in main_of(thief.post(f"/connexion/lien/{secret}"))
    assert portal.context.cookie not in thief.cookies


@pytest.mark.rule("R104", "R72")
def test_cookie__is_the_same_for_everybody_and_dies_with_the_link(tmp_path: Path) -> None:
    settings = "portal:\n  address: https://localhost:8000\n"
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        kinds = set()
        for path, field, values in (
            ("/connexion", "uai", ("0310001H", "0310003K", "9999999P")),
            ("/connexion/rectorat", "adresse", (OPERATOR, "inconnu@ac-toulouse.fr")),
        ):
            for value in values:
                answer = portal.client().post(path, data={field: value}, follow_redirects=False)
                kinds.add(re.sub(r"=[\w-]{43};", "=SECRET;", answer.headers["set-cookie"]))
        assert kinds == {"__Host-oda-lien=SECRET; HttpOnly; Max-Age=900; Path=/; SameSite=lax; Secure"}


@pytest.mark.rule("R104", "R72")
def test_digits__wrong_ones_are_answered_alike(portal: Portal) -> None:
    pages = []
    for uai in ("0310001H", "0310003K", "9999999P"):
        desk, sent = ask_link(portal, uai)
        form = form_to(sent, SENT)
        answers = [send(desk, form, chiffres=typed) for typed in ("", "12", "000000", *["000001"] * 4)]
        assert [answer.status_code for answer in answers] == [422] * 6 + [429]
        assert "000001" not in answers[4].text
        assert portal.context.asking_cookie not in desk.cookies
        pages.append([main_of(answer).replace(uai, "UAI") for answer in answers])
    assert pages[0] == pages[1] == pages[2]
    assert "Trop de chiffres faux ont été tapés" in pages[0][-1]


@pytest.mark.rule("R104")
def test_digits__add_an_establishment_to_the_session_that_asked(portal: Portal) -> None:
    desk = portal.client(CHEF)
    sent = send(desk, form_to(desk.get("/compte"), "/compte/etablissement"), uai="0310002J")
    page = main_of(send(desk, form_to(sent, SENT), chiffres=code_of(secrets_of(portal.app)[-1])))
    assert "Lycée Pierre-de-Fermat" in page
    assert "Collège Jean-Jaurès" in page


@pytest.mark.rule("R104")
def test_links__asked_one_after_the_other_open_in_the_same_browser(portal: Portal) -> None:
    desk, _ = ask_link(portal)
    portal.clock.advance(minutes=1)
    desk.post("/connexion", data={"uai": "0310002J"})
    for secret, school in zip(secrets_of(portal.app), ("Jean-Jaurès", "Pierre-de-Fermat"), strict=True):
        assert school in main_of(desk.get(f"/connexion/lien/{secret}"))
        assert "Vous allez vous connecter pour" in main_of(desk.get(f"/connexion/lien/{secret}"))


@pytest.mark.rule("R104")
def test_mail__says_when_and_from_where_it_was_asked(portal: Portal) -> None:
    ask_link(portal)
    (mail,) = _mails(portal)
    assert '"browser":"Firefox sur Windows"' in mail.replace('": ', '":')
    assert "Gecko" not in mail


def _mails(portal: Portal) -> list[str]:
    with portal.app.database.read() as connection:
        return [str(row) for row in connection.exec_driver_sql("SELECT context FROM outgoing_mail").scalars()]


@pytest.mark.rule("R74", "R87")
def test_crowd__that_asks_for_links_leaves_the_threads_to_the_others(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many requests as there are threads, on a database that is slow to write."""
    may_end, uais = threading.Event(), []

    def slow(_self: Links, typed: str, _request: LinkRequest) -> None:
        uais.append(typed)
        may_end.wait(30)

    monkeypatch.setattr(Links, "send_to_establishment", slow)

    async def crowd() -> None:
        transport = httpx2.ASGITransport(cast(Any, portal.asgi))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            asking = [asyncio.create_task(client.post("/connexion", data={"uai": "0310001H"})) for _ in range(60)]
            try:
                async with asyncio.timeout(20):
                    for _ in range(30):  # the crowd comes in meanwhile
                        assert (await client.get("/connexion")).status_code == 200
            finally:
                may_end.set()
            assert {answer.status_code for answer in await asyncio.gather(*asking)} == {303}

    asyncio.run(crowd())
    assert len(uais) == 60
