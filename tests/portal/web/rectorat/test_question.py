"""A question to the establishment and its answer, from the operator's page to the chef's and back (R90)."""

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.portal import CHEF, DRANE, STAFF, Portal

QUESTION, ANSWER = "Est-ce bien M. Durand ?", "Oui, depuis septembre."


def send(client: TestClient, address: str, **fields: str) -> Response:
    page = client.get(address)
    hidden = dict(re.findall(r'<input type="hidden" name="(csrf|key|version)" value="(\w+)">', page.text))
    return client.post(address, data=hidden | fields)


def ask(portal: Portal, reference: str) -> Response:
    return send(portal.client(STAFF), f"/rectorat/demandes/{reference}/question", question=QUESTION)


@pytest.mark.rule("R90")
def test_question__is_asked_seen_by_both_and_answered(portal: Portal) -> None:
    reference = portal.submitted(1)
    answer = ask(portal, reference)
    assert "Une question attend la réponse de l'établissement" in unescape(answer.text)
    assert QUESTION in answer.text
    chef = portal.client(CHEF)
    assert "Le rectorat vous pose une question" in chef.get("/etablissement").text
    address = f"/etablissement/demandes/{reference}"
    assert QUESTION in chef.get(address).text
    assert QUESTION in chef.get(f"{address}/reponse").text
    send(chef, f"{address}/reponse", answer=ANSWER)
    page = portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text
    assert "L'établissement a répondu" in unescape(page)
    assert ANSWER in page
    assert "Réponse reçue" in portal.client(STAFF).get("/rectorat?a=reponse-recue").text


@pytest.mark.rule("R90")
def test_question__the_mail_holds_it_and_leads_to_the_answer(portal: Portal) -> None:
    reference = portal.submitted(1)
    ask(portal, reference)
    page = portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text
    number = re.findall(r'/rectorat/courriels/(\d+)">Question du rectorat', page)[0]
    mail = portal.client(STAFF).get(f"/rectorat/courriels/{number}").text
    assert QUESTION in mail
    assert f"/etablissement/demandes/{reference}/reponse" in mail


@pytest.mark.rule("R90")
def test_answer__is_no_longer_told_once_an_operator_goes_on(portal: Portal) -> None:
    reference = portal.submitted(1)
    ask(portal, reference)
    portal.do(c.AnswerQuestion(reference=reference, answer=ANSWER), CHEF)
    portal.do(c.AskQuestion(reference=reference, question="Et son adresse ?"), STAFF)
    page = portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text
    assert "L'établissement a répondu" not in unescape(page)
    assert "Et son adresse ?" in page
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    page = portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text
    assert "Une question attend" not in page
    assert ANSWER in page.partition("Histoire de la demande")[2]


@pytest.mark.rule("R90", "R2")
def test_question__a_second_one_and_a_reader_are_refused(portal: Portal) -> None:
    reference = portal.submitted(1)
    version = portal.do(c.AskQuestion(reference=reference, question=QUESTION), STAFF).version
    (refused,) = portal.app.engine.execute(
        [c.AskQuestion(reference=reference, question="Encore ?", expected_version=version)], portal.actor(STAFF)
    )
    assert "Une question attend déjà" in str(refused)
    assert portal.client(DRANE).get(f"/rectorat/demandes/{reference}/question").status_code == 403
