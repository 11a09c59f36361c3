"""Mails, mailboxes by programs: what an operator may, what a reader and a chef may not."""

import pytest
from sqlalchemy import update

from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Stage
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF
from tests.portal.api.conftest import Api
from tests.portal.api.test_life import DECLARATION


@pytest.mark.rule("R3", "R58", "R60")
def test_mail__is_shown_retried_and_discarded_by_an_operator_alone(api: Api) -> None:
    staff, chef, reader = api.program(STAFF), api.program(CHEF), api.program(DRANE)
    chef.do("/requests", DECLARATION)
    number = chef.get("/mails").json()["items"][0]["id"]
    refused = staff.post(f"/mails/{number}/retry", None)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:oda:refus:not_retryable")
    with api.app.database.write() as connection:
        dead = {"stage": Stage.DEAD.value, "fault": Fault.EXHAUSTED.value, "next_attempt_at": None}
        connection.execute(update(MAILS).where(MAILS.c.id == number).values(dead))
    whole = staff.get(f"/mails/{number}").json()
    assert (whole["can_retry"], whole["can_discard"], whole["mailbox"]) == (True, True, whole["recipient"])
    assert "subject" not in whole
    received = chef.get(f"/mails/{number}").json()
    assert (received["can_discard"], received["history"], received["mailbox"]) == (False, [], None)
    theirs, nothing = api.program(OTHER_CHEF).get(f"/mails/{number}"), staff.get("/mails/99999")
    assert theirs.status_code == nothing.status_code == 404
    for program in (reader, chef):
        assert program.post(f"/mails/{number}/discard", {"why": "écarté"}).status_code == 403
    assert staff.post(f"/mails/{number}/discard", {"why": ""}).status_code == 422
    sent_again = staff.do(f"/mails/{number}/retry", None)["leaves_as"]
    with api.app.database.write() as connection:
        connection.execute(update(MAILS).where(MAILS.c.id == sent_again).values(dead))
    number = sent_again
    assert staff.do(f"/mails/{number}/discard", {"why": "la demande est retirée"})["stage"] == "discarded"
    assert [event["action"] for event in staff.get(f"/mails/{number}").json()["history"]][-1] == "écarté"


@pytest.mark.rule("R14")
@pytest.mark.rule("R37")
def test_chef__a_new_one_is_named_by_an_operator(api: Api) -> None:
    staff, place = api.program(STAFF), "/establishments/0310001H/chef"
    first = staff.do(place, {"name": "Anne Vidal"})
    assert (first["after"], first["is_done"]) == ("Anne Vidal", True)
    changed = staff.do(place, {"name": "Brigitte Nouvelle"})
    assert (changed["before"], changed["after"], changed["is_done"]) == ("Anne Vidal", "Brigitte Nouvelle", True)
    assert staff.do(place, {"name": "NOUVELLE Brigitte"})["is_done"] is False
    assert staff.post("/establishments/0310009S/chef", {"name": "Anne Vidal"}).status_code == 404
    assert api.program(DRANE).post(place, {"name": "Anne Vidal"}).status_code == 403


def test_mailbox__is_set_by_one_operator_and_confirmed_by_another(api: Api) -> None:
    staff, place = api.program(STAFF), "/establishments/0310001H/mailbox"
    before = staff.get(place).json()
    assert (before["set_mailbox"], before["codes_from"]) == (None, None)
    body = {"address": "vie.scolaire.0310001h@ac-toulouse.fr", "why": "boîte remplacée"}
    assert staff.put(place, body | {"address": "x"}).status_code == 422
    assert api.program(CHEF).put(place, body).status_code == 403
    changed = staff.put(place, body).json()
    assert (changed["before"], changed["after"], changed["is_done"]) == (before["mailbox"], body["address"], True)
    assert staff.put(place, body).json()["is_done"] is False
    mailbox = staff.get(place).json()
    assert (mailbox["mailbox"], mailbox["decided_why"], mailbox["confirmed_at"]) == (body["address"], body["why"], None)
    own = staff.post(f"{place}/confirm", None)
    assert (own.status_code, own.json()["type"]) == (409, "urn:oda:refus:own_mailbox")
    assert staff.do(f"{place}/clear", {"why": "annuaire corrigé"})["after"] == before["mailbox"]
    assert staff.get("/establishments/0310009S/mailbox").status_code == 404
    assert api.program(CHEF).get(place).status_code == 403
