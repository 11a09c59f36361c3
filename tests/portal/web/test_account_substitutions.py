"""The pages of substitutions, and every door for a substitute whose days are over (R114)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from states import french
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DEPUTY, DRANE, OTHER_CHEF, STAFF, Portal, open_portal
from tests.portal.web.test_access_of_every_address import CHEFS_SEE, READERS_SEE, Town, addresses
from tests.workflow.auth.test_substitutions import IN_A_WEEK, TODAY, give_substitution
from workflow.auth.actors import remember_chef
from workflow.auth.sessions import SessionUser

pytestmark = pytest.mark.rule("R114")

OPERATORS_ONLY = "/rectorat/etablissements/0310001H/boite"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """On SQLite alone: what the databases could tell apart is tried under the pages."""
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        with portal.app.database.write() as connection:
            for chef in (CHEF, OTHER_CHEF):
                remember_chef(connection, chef.uais, chef.name, is_new=True)
        yield portal


def acting(portal: Portal, user: SessionUser) -> TestClient:
    """The browser of the substitute of this user, who chose to act so."""
    client = portal.client(DRANE if user is STAFF else OTHER_CHEF)
    done = send(client, form_to(client.get("/compte/suppleances"), "/agir"))
    assert done.status_code == 200
    return client


def test_operator__from_the_form_to_the_end(portal: Portal) -> None:
    operator = portal.client(STAFF)
    page = operator.get("/compte/suppleances")
    form = form_to(page, "/compte/suppleances")
    bad = send(operator, form, suppleant=DRANE.subject, du="2026-09-14", au="2026-09-01")
    assert bad.status_code == 422
    done = send(operator, form, suppleant=DRANE.subject, du=TODAY.isoformat(), au=IN_A_WEEK.isoformat())
    assert f"{DRANE.subject} peut agir en suppléance {french.de(STAFF.subject)}" in done.text.replace("&#39;", "'")
    reader = portal.client(DRANE)
    assert reader.get(OPERATORS_ONLY).status_code == 403
    reader = acting(portal, STAFF)
    page = reader.get(OPERATORS_ONLY)
    assert page.status_code == 200
    assert f"en suppléance {french.de(STAFF.subject)}" in page.text.replace("&#39;", "'")
    assert "lecture seule" not in page.text
    own = reader.get("/compte")
    assert "(lecture seule)" in own.text, "the account stays one's own"
    assert reader.get("/compte/second-facteur").url.path == "/compte"
    send(operator, form_to(operator.get("/compte/suppleances"), "/fin"))
    assert reader.get(OPERATORS_ONLY).status_code == 403, "at the very next page"
    assert "finie le" in reader.get("/compte/suppleances").text


def test_chef__acts_for_the_establishment_and_comes_back(portal: Portal) -> None:
    reference = portal.declared()
    chef = portal.client(CHEF)
    form = form_to(chef.get("/compte/suppleances"), "/compte/suppleances")
    fields = {"suppleant": "0120001x", "du": TODAY.isoformat(), "au": IN_A_WEEK.isoformat()}
    bad = send(chef, form, nom="Luce Autre", **fields)
    assert bad.status_code == 422
    assert "Luce Faure" not in bad.text, "nobody's name is given away"
    assert "Luce Faure (0120001X) peut agir" in send(chef, form, nom="luce faure", **fields).text
    other = portal.client(OTHER_CHEF)
    assert other.get(f"/etablissement/demandes/{reference}").status_code == 404
    other = acting(portal, CHEF)
    page = other.get(f"/etablissement/demandes/{reference}")
    assert page.status_code == 200
    assert "en suppléance de Claire Martin (0310001H)" in page.text
    send(other, form_to(other.get("/compte/suppleances"), "/revenir"))
    assert other.get(f"/etablissement/demandes/{reference}").status_code == 404


@pytest.mark.parametrize(("user", "why"), [(STAFF, "over"), (CHEF, "ended"), (CHEF, "not-yet")])
def test_doors__of_a_substitution_that_does_not_hold_are_as_without_it(
    portal: Portal, user: SessionUser, why: str
) -> None:
    town = Town(portal)
    substitution = give_substitution(portal, user, TODAY + timedelta(days=why == "not-yet"), IN_A_WEEK)
    substitute = DRANE if user is STAFF else OTHER_CHEF
    plain, chosen = portal.client(substitute), portal.client(substitute)
    chosen.cookies.set(portal.context.substitution_cookie, str(substitution.number))
    if why == "ended":
        portal.app.substitutions.end(substitution.number, portal.actor(user), user)
    if why == "over":
        portal.clock.advance(days=8)
        for client in (plain, chosen):
            client.cookies.set(portal.context.cookie, portal.secret(substitute))
    for client in (plain, chosen):
        client.follow_redirects = False
        client.get("/compte")  # from now on the journal has a number for them
    before = town.rows()
    for method, path in addresses(portal.asgi):
        if not path.startswith(("/rectorat", "/etablissement")):
            continue
        answers = [client.request(method, town.filled(path)) for client in (plain, chosen)]
        assert len({answer.status_code for answer in answers}) == 1, f"{method} {path}"
    assert town.rows() == before


@pytest.mark.parametrize("user", [STAFF, CHEF], ids=["operator", "chef"])
def test_doors__of_one_that_holds_are_those_of_the_role_alone(portal: Portal, user: SessionUser) -> None:
    town = Town(portal)
    give_substitution(portal, user)
    client = acting(portal, user)
    mine, others = (READERS_SEE, CHEFS_SEE) if user is STAFF else (CHEFS_SEE, READERS_SEE)
    assert {client.get(town.filled(path)).status_code for path in mine if "number" not in path} == {200}
    assert {client.get(town.filled(path)).status_code for path in others} == {403}


def test_choice__of_anothers_substitution_opens_nothing(portal: Portal) -> None:
    substitution = give_substitution(portal)
    for value in (str(substitution.number), "0", "9" * 30, "x", "-1", "1 OR 1"):
        client = portal.client(OTHER_CHEF)
        client.cookies.set(portal.context.substitution_cookie, value)
        assert client.get(OPERATORS_ONLY).status_code == 403, value
        assert client.get("/etablissement").status_code == 200, value


def test_form__is_offered_to_who_may_give(portal: Portal) -> None:
    for user, is_offered in ((STAFF, True), (CHEF, True), (DRANE, False), (DEPUTY, False)):
        page = portal.client(user).get("/compte/suppleances")
        assert ("Me faire suppléer" in page.text) is is_offered, user
    assert "Toutes les suppléances" not in portal.client(DRANE).get("/compte/suppleances").text
