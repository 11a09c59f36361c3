"""A request from its birth to its end by the interface alone."""

import pytest

from tests.kit.portal import CHEF, STAFF
from tests.portal.api.conftest import Api, Program

DECLARATION = {"uai": "0310001H", "nom": "Durand", "prenom": "Zoé", "mail": "zoe.durand@ac-toulouse.fr"}
CODE = "Ab12Cd34"


def steps(chef: Program, staff: Program) -> str:
    """From a declaration to a code that was handed over; returns the reference."""
    born = chef.post("/requests", DECLARATION)
    reference = str(born.json()["reference"])
    assert born.status_code == 201
    assert born.headers["Location"] == f"/api/v1/requests/{reference}"
    place = f"/requests/{reference}"
    chef.do(f"{place}/delegate", {"why": "accueil", "made_on": "2026-09-14", "expected_version": 1.0})
    chef.do(f"{place}/sign-charter", {"signed_on": "2026-09-14", "version": "2026-1", "copy_kept": True})
    chef.do(f"{place}/submit", {name: DECLARATION[name] for name in ("nom", "prenom", "mail")})
    for check in ("check-listing", "check-delegation"):
        staff.do(f"{place}/{check}", {"outcome": "positive", "source": "liste reçue"})
    staff.do(f"{place}/issue-code", {"code": CODE})
    return reference


@pytest.mark.rule("R60")
def test_life__by_the_interface_alone_and_the_code_is_in_no_answer(api: Api) -> None:
    chef, staff = api.program(CHEF), api.program(STAFF)
    reference = steps(chef, staff)
    place = f"/requests/{reference}"
    assert staff.get(place).json()["checks"]["listing"]["is_valid"] is True
    api.delivered()
    done = chef.do(f"{place}/confirm-handover", {"handed_on": "2026-09-14"})
    assert done == {
        "reference": reference, "trigger": "confirm_handover", "state": "code_issued", "version": 8, "warnings": [],
        "replayed": False,
    }  # fmt: skip
    chef.do(f"{place}/report-change", {"change": "departure", "effective_on": "2026-10-01"})
    staff.do(f"{place}/settle-change", {"settlement": "no_effect", "why": "le départ est annulé"})
    staff.do(f"{place}/revoke", {"reason": "departure"})
    assert staff.get(place).json()["removal"]["todo"]["action"] == "remove_rights"
    staff.do(f"{place}/confirm-removal", {"outcome": "removed"})
    renewed = chef.post(f"{place}/renew", {})
    assert renewed.status_code == 201
    assert renewed.headers["Location"] == f"/api/v1/requests/{renewed.json()['reference']}"
    events = chef.get(f"{place}/events").json()["items"]
    assert [event["trigger"] for event in events][:4] == ["declare", "delegate", "sign_charter", "submit"]
    assert {event["channel"] for event in events} == {"api"}
    for path in ("/requests", place, f"{place}/possible-actions", "/mails", "/establishments/0310001H", "/me"):
        assert chef.get(path).status_code == staff.get(path).status_code == 200
    assert CODE not in "".join(chef.answers + staff.answers)


@pytest.mark.rule("R5")
def test_life__an_operator_acts_at_the_request_of_an_establishment(api: Api) -> None:
    staff = api.program(STAFF)
    behalf = {"who": "Mme Martin, principale", "how": "telephone", "when": "2026-09-14"}
    refused = staff.post("/requests", DECLARATION)
    assert refused.status_code == 422
    assert refused.json()["reasons"][0]["field"] == "on_behalf"
    reference = staff.do("/requests", DECLARATION | {"on_behalf": behalf})["reference"]
    (event,) = staff.get(f"/requests/{reference}/events").json()["items"]
    assert event["data"]["asked_how"] == "telephone"


@pytest.mark.rule("R1", "R7", "R9")
def test_refusals__say_every_reason_with_its_rule(api: Api) -> None:
    chef, staff = api.program(CHEF), api.program(STAFF)
    reference = chef.do("/requests", DECLARATION)["reference"]
    place = f"/requests/{reference}"
    wrong = chef.post(f"{place}/submit", {"nom": "Durand", "prenom": "Zoé", "mail": "z@ac-toulouse.fr"})
    assert (wrong.status_code, wrong.json()["type"]) == (409, "urn:oda:refus:wrong_state")
    assert wrong.json()["reasons"][0]["rule"] == "R1"
    meanwhile = {"why": "accueil", "made_on": "2026-09-14", "expected_version": 7}
    assert chef.post(f"{place}/delegate", meanwhile).json()["type"] == "urn:oda:refus:changed_meanwhile"
    reader = staff.post(f"{place}/expire", {})
    assert reader.status_code == 404
    bad = chef.post("/requests", DECLARATION | {"nom": "", "mail": "pas une adresse"})
    assert bad.status_code == 422
    assert {reason["field"] for reason in bad.json()["reasons"]} == {"nom", "mail"}
    assert chef.get(place).json()["version"] == 1


@pytest.mark.rule("R10")
def test_key__does_once_and_refuses_other_content(api: Api) -> None:
    chef, staff = api.program(CHEF), api.program(STAFF)
    first = chef.do("/requests", DECLARATION, "une-clé".replace("é", "e"))
    again = chef.post("/requests", DECLARATION, "une-cle")
    assert again.status_code == 201
    assert again.json() == first | {"replayed": True}
    other = chef.post("/requests", DECLARATION | {"nom": "Petit"}, "une-cle")
    assert (other.status_code, other.json()["type"]) == (422, "urn:oda:refus:other_content")
    assert len(staff.get("/requests").json()["items"]) == 1


def test_batch__gives_each_command_its_result_and_is_done_once(api: Api) -> None:
    chef, staff = api.program(CHEF), api.program(STAFF)
    reference = api.portal.submitted()
    checks = [
        {"trigger": check, "reference": reference, "outcome": "positive", "source": "liste"}
        for check in ("check_listing", "check_delegation")
    ]
    body = {"commands": [*checks, {"trigger": "issue_code", "reference": reference, "code": CODE},
                         {"trigger": "renew", "reference": "ODA-2027-99999"}]}  # fmt: skip
    results = staff.do("/batch", body, "lot-1")["results"]
    assert [result["outcome"] for result in results] == ["done", "done", "done", "refused"]
    assert results[3]["problem"]["status"] == 404
    again = staff.do("/batch", body, "lot-1")["results"]
    assert [result["done"]["replayed"] for result in again[:3]] == [True] * 3
    assert chef.get(f"/requests/{reference}").json()["version"] == results[2]["done"]["version"]
    assert CODE not in "".join(chef.answers + staff.answers)
