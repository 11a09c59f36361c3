"""« Je m'en occupe » and the notes between operators, as colleagues meet them (R88)."""

import re

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from states.vocabulary import Role
from tests.kit.installation import OTHER_OPERATOR
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from workflow.auth.sessions import SessionUser

COLLEAGUE = SessionUser(role=Role.OPERATOR, subject=OTHER_OPERATOR)
SECRET_WORDS = "rappeler la secrétaire mardi"


@pytest.fixture
def client(portal: Portal) -> TestClient:
    return portal.client(STAFF)


def send(client: TestClient, reference: str, where: str, **fields: str) -> Response:
    page = client.get(f"/rectorat/demandes/{reference}").text
    csrf = re.findall(r'name="csrf" value="(\w+)"', page)[-1]
    return client.post(f"/rectorat/demandes/{reference}/{where}", data=fields | {"csrf": csrf})


@pytest.mark.rule("R88")
def test_assignment__is_told_to_a_colleague_and_warns(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    assert "Vous vous en occupez jusqu'à 14 h 00" in send(client, reference, "suivi", suivi="prendre").text
    colleague = portal.client(COLLEAGUE)
    mention = "Suivie par op@ac-toulouse.fr jusqu'à 14 h 00"
    assert mention in colleague.get(f"/rectorat/demandes/{reference}").text
    assert mention in colleague.get("/rectorat").text
    assert "Suivie par op@ac-toulouse.fr" in colleague.get("/rectorat/a-verifier").text
    assert mention in portal.client(DRANE).get(f"/rectorat/demandes/{reference}").text


@pytest.mark.rule("R88")
def test_assignment__the_list_narrows_to_mine_and_to_nobodys(portal: Portal, client: TestClient) -> None:
    mine, nobodys = portal.submitted(1), portal.submitted(2)
    send(client, mine, "suivi", suivi="prendre")
    own = client.get("/rectorat?a=suivies-par-moi").text
    free = client.get("/rectorat?a=suivies-par-personne").text
    assert (mine in own, nobodys in own, mine in free, nobodys in free) == (True, False, False, True)
    assert mine not in portal.client(COLLEAGUE).get("/rectorat?a=suivies-par-moi").text


@pytest.mark.rule("R88")
def test_assignment__a_colleague_takes_over_or_ends_it(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    send(client, reference, "suivi", suivi="prendre")
    assert "Vous vous en occupez" in send(portal.client(COLLEAGUE), reference, "suivi", suivi="prendre").text
    assert "Suivie par" not in send(client, reference, "suivi", suivi="laisser").text


@pytest.mark.rule("R88")
def test_private_note__is_read_by_operators_alone(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    assert SECRET_WORDS in send(client, reference, "notes", private_note=SECRET_WORDS).text
    assert SECRET_WORDS in portal.client(COLLEAGUE).get(f"/rectorat/demandes/{reference}").text
    assert SECRET_WORDS not in portal.client(DRANE).get(f"/rectorat/demandes/{reference}").text
    assert SECRET_WORDS not in portal.client(CHEF).get(f"/etablissement/demandes/{reference}").text
    assert SECRET_WORDS not in send(client, reference, "notes/1/effacer").text


@pytest.mark.rule("R88")
def test_private_note__a_refused_one_keeps_its_words(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    answer = send(client, reference, "notes", private_note="x" * 501)
    assert answer.status_code == 422
    assert "La note dépasse 500 caractères" in answer.text
    assert "x" * 501 in answer.text
