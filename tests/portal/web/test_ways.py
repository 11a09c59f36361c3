"""The ways through the pages: what leads to a list, to a request, and back."""

import re

import pytest

from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from workflow.auth.sessions import SessionUser


@pytest.mark.parametrize("session_user", [STAFF, DRANE], ids=["operator", "reader"])
def test_list__is_one_skip_link_away(portal: Portal, session_user: SessionUser) -> None:
    portal.submitted()
    client = portal.client(session_user)
    for path in ("/rectorat?etat=en-cours", "/rectorat/a-verifier", "/rectorat/courriels", "/rectorat/etablissements"):
        page = client.get(path).text
        assert '<a class="fr-link" href="#debut-liste">Aller à la liste</a>' in page, path
        assert page.count('id="debut-liste" tabindex="-1"') == 1, path
    assert "#debut-liste" not in client.get("/compte").text


@pytest.mark.parametrize(("session_user", "home", "above"), [
    (CHEF, "/etablissement", ["À faire", "Demandes"]), (STAFF, "/rectorat", ["Demandes"]),
], ids=["chef", "operator"])  # fmt: skip
def test_trail__is_the_same_on_a_request_and_on_its_actions(
    portal: Portal, session_user: SessionUser, home: str, above: list[str]
) -> None:
    place = f"{home}/demandes/{portal.declared()}"
    client = portal.client(session_user)
    for path, end in ((place, ["Prénom Nomb"]), (f"{place}/abandon", ["Prénom Nomb", "Abandonner la demande"])):
        crumbs = client.get(path).text.partition('class="fr-breadcrumb__list"')[2].partition("</ol>")[0]
        assert re.findall(r">([^<>]+)</a>", crumbs) == above + end


@pytest.mark.rule("R25")
def test_whole__is_declared_alone_by_its_second_button(portal: Portal) -> None:
    client = portal.client(CHEF)
    page = client.get("/etablissement/demande-complete")
    assert 'formaction="/etablissement/declarer">Déclarer seulement le RUPN' in page.text
    form = form_to(page, "/demande-complete")
    form.action = "/etablissement/declarer"
    wrong = send(client, form, nom="Durand", prenom="Alice", mail="a.durand")
    assert (wrong.status_code, 'value="Durand"' in wrong.text) == (422, True)
    done = send(client, form, nom="Durand", prenom="Alice", mail="a.durand@ac-toulouse.fr")
    assert "C'est fait : le RUPN est déclaré." in done.text
    assert str(done.url).endswith("/etablissement/demandes/ODA-2027-00001")


def test_declaration__opens_the_whole_form_with_what_was_typed(portal: Portal) -> None:
    client = portal.client(CHEF)
    page = client.get("/etablissement/declarer")
    form = form_to(page, "/declarer")
    form.action = "/etablissement/demande-complete"
    whole = send(client, form, nom="Durand", prenom="Alice", mail="a.durand", ouvrir="oui")
    assert whole.status_code == 200
    assert ("Erreur" in whole.text, "Rien n'a été enregistré" in whole.text) == (False, False)
    assert [f'value="{value}"' in whole.text for value in ("Durand", "Alice", "a.durand")] == [True] * 3
    assert 'name="made_on"' in whole.text
