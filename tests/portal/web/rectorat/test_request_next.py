"""« Suivante » means the next of the list that the operator came from, whichever filters and order it had."""

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient

from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, OTHER_CHEF, STAFF, Portal
from workflow.requests.worklist import Order

PLACE = "/rectorat/demandes/"
CODE = "Zq93Kx71"
NARROWED = "/rectorat?etat=demandee&departement=31"


def links(client: TestClient, address: str) -> dict[str, str]:
    """The requests that a page leads to, in its order, each with its address there."""
    page = unescape(client.get(address).text)
    return {match[1]: match[0] for match in re.findall(rf'href="({PLACE}(ODA-\d{{4}}-\d{{5}})[^"]*)"', page)}


def issued(client: TestClient, address: str) -> str:
    """Issue the code of the request at that address; the page that it leads to."""
    return unescape(send(client, form_to(client.get(address), address.rpartition("/")[2].replace("?", "/emettre?")),
                         code=CODE).text)  # fmt: skip


@pytest.mark.rule("R39")
def test_next__is_of_the_same_list_until_its_end_then_leads_back_to_it(portal: Portal) -> None:
    first, elsewhere, third = portal.checked(1, CHEF), portal.checked(2, OTHER_CHEF), portal.checked(3, CHEF)
    client = portal.client(STAFF)
    addresses = links(client, NARROWED)
    assert addresses.keys() == {first, third}
    done = issued(client, addresses[first])
    assert f"Demande suivante à émettre : {third}" in done
    assert f'href="{addresses[third]}"' in done
    last = issued(client, addresses[third])
    assert "Demande suivante" not in last
    assert f'<a class="fr-link" href="{NARROWED}">Retour à la liste' in last
    assert elsewhere not in last


@pytest.mark.rule("R2")
def test_origin__goes_with_every_page_of_the_request(portal: Portal) -> None:
    reference = portal.submitted()
    client = portal.client(STAFF)
    address = links(client, NARROWED)[reference]
    page = unescape(client.get(address).text)
    origin = address.partition("?")[2]
    ways = re.findall(rf'(?:href|action)="({PLACE}{reference}[^"]*)"', page)
    assert len(ways) > 6
    assert [way for way in ways if origin not in way and not way.endswith(".pdf")] == []
    sent_back = client.get(f"{PLACE}{reference}/renvoyer?motif=autre-date&{origin}")
    assert f'action="{PLACE}{reference}/renvoyer?{origin}"' in unescape(sent_back.text)
    assert f'href="{address}">Revenir sans rien changer' in unescape(sent_back.text)
    refused = send(client, form_to(sent_back, f"/renvoyer?{origin}"), why="")
    assert (refused.status_code, origin in unescape(refused.text)) == (422, True)


@pytest.mark.parametrize("order", Order)
def test_next__follows_the_order_of_the_list_and_begins_again(portal: Portal, order: Order) -> None:
    for number, session_user in ((3, CHEF), (1, OTHER_CHEF), (2, CHEF)):
        portal.checked(number, session_user)
        portal.clock.advance(hours=1)
    client = portal.client(STAFF)
    addresses = links(client, f"/rectorat?etat=demandee&verifications=positives&tri={order.value}")
    first, second, third = addresses
    assert f"Demande suivante à émettre : {third}" in issued(client, addresses[second])
    assert f"Demande suivante à émettre : {first}" in issued(client, addresses[third])


def test_next__of_a_list_where_none_is_ready_leads_back_to_it(portal: Portal) -> None:
    reference, _ = portal.checked(1), portal.checked(2)
    client = portal.client(STAFF)
    page = issued(client, f"{PLACE}{reference}?de=verifications%3Da-faire")
    assert "Demande suivante" not in page
    assert 'href="/rectorat?verifications=a-faire">Retour à la liste' in page


@pytest.mark.parametrize("origin", ["", "n%27importe", "etat%3Ddemandee", "%26%3D", "nom%3D" + "a" * 3000])
def test_origin__what_says_nothing_is_the_usual_list(portal: Portal, origin: str) -> None:
    reference = portal.checked()
    page = portal.client(STAFF).get(f"{PLACE}{reference}?de={origin}")
    assert page.status_code == 200
    assert len(page.text) < 60_000
    assert ('href="/rectorat">Demandes' in page.text) is ("nom" not in origin)
    assert "?" not in links(portal.client(STAFF), "/rectorat")[reference]
    assert "de=" not in portal.client(CHEF).get(f"/etablissement/demandes/{reference}?de=departement%3D31").text


@pytest.mark.rule("R19")
def test_origin__is_kept_by_the_page_of_warnings(portal: Portal) -> None:
    reference = portal.submitted(1, CHEF)
    portal.declared(1, OTHER_CHEF)
    client = portal.client(STAFF)
    address = links(client, NARROWED)[reference]
    form = form_to(client.get(address.replace("?", "/verifier-liste?")), f"/verifier-liste?{address.partition('?')[2]}")
    warned = send(client, form, outcome="positive")
    (way,) = re.findall(rf'href="({PLACE}{reference}[^"]*)">Continuer', unescape(warned.text))
    page = unescape(client.get(way).text)
    assert "C'est fait : la vérification de la liste est enregistrée" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert f'href="{NARROWED}">Demandes' in page
