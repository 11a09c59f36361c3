"""One button takes last year's RUPN over for the year that is open (R33, R81)."""

from datetime import datetime

import pytest
from sqlalchemy import select

from states.school_calendar import SchoolYear
from states.vocabulary import State
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DEPUTY, OTHER_CHEF, PARIS, TWO_SCHOOLS, Portal
from workflow.database.tables import REQUEST

pytestmark = [pytest.mark.rule("R33"), pytest.mark.rule("R81")]
PLACE = "/etablissement/reprendre"


def born(portal: Portal) -> dict[str, tuple[str, str, str]]:
    """The requests of 2026-2027, by the one that they renew."""
    with portal.app.database.read() as connection:
        rows = connection.execute(select(REQUEST).where(REQUEST.c.school_year == "2026-2027")).all()
    return {row.renews: (row.nom, row.mail, row.state) for row in rows}


def test_home__several_are_taken_over_by_one_button_and_a_single_one_by_its_two_dates(portal: Portal) -> None:
    first = portal.ended_last_year(1)[0]
    page = portal.client(CHEF).get("/etablissement").text
    assert PLACE not in page
    assert f"/etablissement/demandes/{first}/renouveler" in page
    second = portal.ended_last_year(2)[0]
    page = portal.client(CHEF).get("/etablissement").text
    assert page.count(PLACE) == 1
    assert "Reprendre ces RUPN pour 2026-2027" in page
    for reference in (first, second):
        assert f"/etablissement/demandes/{reference}/renouveler" in page


def test_button__renews_all_that_are_ticked_and_nothing_is_typed(portal: Portal) -> None:
    references = portal.ended_last_year(1, 2, 3)
    client = portal.client(CHEF)
    page = client.get(PLACE)
    assert page.text.count('name="choix"') == page.text.count(" checked>") == 3
    answer = send(client, form_to(page, PLACE), choix=references[:2])
    assert answer.status_code == 200
    assert "2 RUPN sont repris pour 2026-2027" in answer.text
    assert born(portal) == {
        references[0]: ("Nomb", "rupn1@ac-toulouse.fr", State.DECLARED.value),
        references[1]: ("Nomc", "rupn2@ac-toulouse.fr", State.DECLARED.value),
    }
    html = client.get(PLACE).text
    assert references[2] in html
    assert references[0] not in html


@pytest.mark.rule("R10")
def test_button__pressed_twice_is_pressed_once(portal: Portal) -> None:
    references = portal.ended_last_year(1, 2)
    client = portal.client(CHEF)
    form = form_to(client.get(PLACE), PLACE)
    for _ in range(2):
        answer = send(client, form, choix=references)
        assert "2 RUPN sont repris" in answer.text
    assert len(born(portal)) == 2


def test_button__nobody_ticked_is_said(portal: Portal) -> None:
    portal.ended_last_year(1, 2)
    client = portal.client(CHEF)
    answer = send(client, form_to(client.get(PLACE), PLACE), choix=[])
    assert answer.status_code == 422
    assert "Personne n'est coché" in answer.text.replace("&#39;", "'")
    assert born(portal) == {}


@pytest.mark.rule("R18")
def test_button__one_refused_is_explained_and_stops_no_other(portal: Portal) -> None:
    """Declared meanwhile by the deputy, from another page."""
    references = portal.ended_last_year(1, 2)
    client = portal.client(CHEF)
    form = form_to(client.get(PLACE), PLACE)
    portal.declared(1, DEPUTY)
    answer = send(client, form, choix=references)
    assert answer.status_code == 200
    assert "1 RUPN repris pour 2026-2027, 1 à revoir" in answer.text
    assert "Prénom Nomb" in answer.text
    assert f'/etablissement/demandes/{references[0]}"' in answer.text
    assert set(born(portal)) == {None, references[1]}


@pytest.mark.rule("R17")
def test_button__a_homonym_is_confirmed_apart(portal: Portal) -> None:
    references = portal.ended_last_year(1, 2)
    client = portal.client(CHEF)
    form = form_to(client.get(PLACE), PLACE)
    portal.declared(1, CHEF, mail="un.autre@ac-toulouse.fr")
    answer = send(client, form, choix=references)
    assert f"/etablissement/demandes/{references[0]}/renouveler" in answer.text
    assert set(born(portal)) == {None, references[1]}


@pytest.mark.rule("R3")
def test_button__reaches_nothing_of_another_establishment(portal: Portal) -> None:
    """Neither by a reference slipped in, nor by an establishment that is not theirs; another's tells nothing."""
    references = portal.ended_last_year(1, 2)
    other = portal.client(OTHER_CHEF)
    assert "Personne à reprendre" in other.get(PLACE).text
    mine = portal.client(CHEF)
    csrf = {"csrf": str(form_to(other.get("/compte"), "/compte/partout").fields["csrf"]), "key": "a1"}
    refused = other.post(PLACE, data=csrf | {"uai": "0120001X", "choix": references})
    unknown = other.post(PLACE, data=csrf | {"uai": "0120001X", "key": "a2", "choix": ["ODA-2026-99999"]})
    assert refused.status_code == unknown.status_code == 422
    assert "Nomb" not in refused.text
    assert refused.text.count("pas de ceux dont vous avez la charge") == 2
    assert unknown.text.count("pas de ceux dont vous avez la charge") == 1
    assert other.post(PLACE, data=csrf | {"uai": "0310001H", "choix": references}).status_code == 404
    assert born(portal) == {}
    assert references[0] in mine.get(PLACE).text


def test_page__is_of_the_establishment_in_view_and_the_form_stays_its_own(portal: Portal) -> None:
    references = portal.ended_last_year(1, 2)
    client = portal.client(TWO_SCHOOLS)
    form = form_to(client.get(PLACE), PLACE)
    switch = form_to(client.get("/etablissement"), "/etablissement/choisir")
    send(client, switch, uai="0310002J")
    assert "Personne à reprendre" in client.get(PLACE).text
    send(client, form, choix=references)
    assert set(born(portal)) == set(references)


@pytest.mark.rule("R20")
def test_page__in_june_offers_this_years_for_the_next(portal: Portal) -> None:
    portal.clock.set(datetime(2027, 6, 2, 9, tzinfo=PARIS))
    references = [portal.issued(number, school_year=SchoolYear(2026)) for number in (1, 2)]
    page = portal.client(CHEF).get(PLACE).text
    assert "Reprendre ces RUPN pour 2027-2028" in page
    assert all(reference in page for reference in references)


@pytest.mark.rule("R4")
def test_page__a_deputy_who_may_not_act_is_led_home(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    from portal.web.chef import declare

    portal.ended_last_year(1)
    monkeypatch.setattr(declare, "may_act", lambda *_: False)
    answer = portal.client(DEPUTY).get(PLACE)
    assert answer.url.path == "/etablissement"
