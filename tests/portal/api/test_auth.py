"""Who may come in, and what each sees."""

import pytest
from sqlalchemy import select

from states.vocabulary import Scope
from tests.kit.portal import CHEF, DEPUTY, DRANE, OTHER_CHEF, STAFF, TWO_SCHOOLS
from tests.kit.sign_in import installation_events
from tests.portal.api.conftest import PREFIX, Api, Program, unnumbered
from tests.portal.api.test_life import DECLARATION
from workflow.auth.rate_limit import REFUSED_CALLS
from workflow.database.access_tables import TRIES


@pytest.mark.rule("R76")
def test_token__is_asked_for_and_its_end_is_an_end(api: Api) -> None:
    nobody = api.program().get("/me")
    assert nobody.status_code == 401
    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="oda"'
    soon = api.token(CHEF, days=1)
    program = Program(api.portal.client(), soon)
    assert program.get("/me").json()["establishments"] == ["0310001H"]
    api.clock.advance(days=1)
    ended = program.get("/me")
    assert ended.status_code == 401
    assert 'error="invalid_token"' in ended.headers["WWW-Authenticate"]


def test_cookie__of_a_session_opens_nothing_here(api: Api) -> None:
    """No cookie is read: no page of another site can make a browser act here."""
    browser = api.portal.client(STAFF)
    assert browser.get(PREFIX + "/me").status_code == 401
    assert browser.post(PREFIX + "/requests", json=DECLARATION).status_code == 401


@pytest.mark.rule("R74")
def test_tokens_in_vain__are_refused_for_a_while_and_a_good_one_is_not(api: Api) -> None:
    wrong, good = Program(api.portal.client(), "oda_perdu"), api.program(STAFF)
    assert [wrong.get("/me").status_code for _ in range(21)] == [401] * 20 + [429]
    assert wrong.get("/me").headers["Retry-After"] == "1800"
    assert good.get("/me").status_code == 200
    api.clock.advance(minutes=31)
    assert wrong.get("/me").status_code == 401


@pytest.mark.rule("R74")
def test_commands__of_an_establishment_s_token_have_a_limit(api: Api) -> None:
    chef, other, staff = api.program(CHEF), api.program(CHEF), api.program(STAFF)
    batch = {"commands": [{"trigger": "withdraw", "reference": "ODA-2027-00099", "reason": "error"}] * 100}
    assert [chef.post("/batch", batch).status_code for _ in range(3)] == [200, 200, 429]
    refusal = chef.post("/requests", DECLARATION)
    assert refusal.status_code == 429
    assert refusal.headers["Retry-After"] == "1800"
    assert [(reason["code"], reason["rule"]) for reason in refusal.json()["reasons"]] == [("too_many_commands", "R74")]
    assert chef.get("/me").status_code == 200
    assert [other.post("/batch", batch).status_code, *(staff.post("/batch", batch).status_code for _ in range(3))] == [
        200
    ] * 4


@pytest.mark.rule("R108", "R3")
def test_references_tried_one_by_one__are_counted_with_the_refusals(api: Api) -> None:
    theirs, chef = api.portal.declared(), api.program(OTHER_CHEF)
    own = api.program(CHEF)
    assert [chef.get(f"/requests/{name}").status_code for name in (theirs, "ODA-2027-00099")] == [404, 404]
    assert chef.post(f"/requests/{theirs}/withdraw", {"reason": "error"}).status_code == 404
    batch = {"commands": [{"trigger": "withdraw", "reference": theirs, "reason": "error"}] * 5}
    assert chef.post("/batch", batch).status_code == 200
    assert own.post(f"/requests/{theirs}/confirm-handover", {"handed_on": "2026-09-14"}).status_code == 409
    assert own.get(f"/requests/{theirs}").status_code == 200
    with api.portal.app.database.read() as connection:
        counted = select(TRIES.c.limit_name, TRIES.c.refused).where(TRIES.c.refused > 0)
        assert [tuple(row) for row in connection.execute(counted)] == [(REFUSED_CALLS.name, 9)]
    api.clock.advance(minutes=31)
    api.portal.app.ticker.tick()
    assert [data["refused"] for _, data in installation_events(api.portal.app, "door_refused")] == [9]


@pytest.mark.rule("R2")
def test_scope_and_role__bound_what_is_done(api: Api) -> None:
    reference = api.portal.declared()
    body = {"why": "accueil", "made_on": "2026-09-14"}
    reads = api.program(CHEF, Scope.READ).post(f"/requests/{reference}/delegate", body)
    assert reads.status_code == 403
    assert 'error="insufficient_scope"' in reads.headers["WWW-Authenticate"]
    reader = api.program(DRANE).post(f"/requests/{reference}/delegate", body)
    assert (reader.status_code, reader.json()["type"]) == (403, "urn:oda:refus:wrong_role")
    assert api.program(DRANE).get(f"/requests/{reference}").json()["version"] == 1
    assert api.program(DEPUTY).post(f"/requests/{reference}/delegate", body).status_code == 200


@pytest.mark.rule("R3")
def test_other_establishment__is_as_unknown_as_nothing(api: Api) -> None:
    mine = api.portal.issued()
    other = api.program(OTHER_CHEF)
    for path in ("/requests/{}", "/requests/{}/events", "/requests/{}/possible-actions"):
        theirs, nothing = other.get(path.format(mine)), other.get(path.format("ODA-2027-99999"))
        assert (theirs.status_code, unnumbered(theirs)) == (404, unnumbered(nothing))
    for trigger, body in (("withdraw", {"reason": "error"}), ("revoke", {"reason": "error"}), ("renew", {})):
        theirs = other.post(f"/requests/{mine}/{trigger}", body)
        nothing = other.post(f"/requests/ODA-2027-99999/{trigger}", body)
        assert theirs.status_code in (403, 404)
        assert unnumbered(theirs) == unnumbered(nothing)
    declared = [other.post("/requests", DECLARATION | additions) for additions in ({}, {"uai": "0"})]
    assert unnumbered(declared[0]) == unnumbered(declared[1])
    assert other.get("/requests").json()["items"] == []
    assert other.get("/mails").json()["items"] == []
    assert other.get("/mails", uai="0310001H", reference=mine).json()["items"] == []
    assert [establishment["uai"] for establishment in other.get("/establishments").json()["items"]] == ["0120001X"]
    theirs, nothing = other.get("/establishments/0310001H"), other.get("/establishments/0310009S")
    assert theirs.status_code == nothing.status_code == 404
    assert unnumbered(theirs).replace("0310001H", "") == unnumbered(nothing).replace("0310009S", "")


def test_pages__follow_each_other_by_their_address(api: Api) -> None:
    references = [api.portal.declared(number) for number in range(1, 6)]
    staff = api.program(STAFF)
    seen_references, page = [], "/requests?limit=2&state=declared&state=delegated&school_year=2026-2027"
    while page:
        answer = staff.get(page)
        lines = answer.json()
        links = {link["rel"]: link["url"] for link in answer.links.values()}
        assert links.pop("first").startswith("/api/v1/requests?")
        assert links == ({"next": lines["next"]} if lines["next"] else {})
        seen_references += [line["reference"] for line in lines["items"]]
        page = (lines["next"] or "").removeprefix(PREFIX)
    assert seen_references == references
    assert len(staff.get("/mails", limit=3).json()["items"]) == 3
    two = api.program(TWO_SCHOOLS).get("/establishments", limit=1).json()
    assert two["next"] == "/api/v1/establishments?limit=1&after=0310001H"
    assert api.program(TWO_SCHOOLS).get(two["next"].removeprefix(PREFIX)).json()["next"] is None


def test_filters__combine_and_none_is_forgotten(api: Api) -> None:
    from dataclasses import fields

    from portal.api.requests import RequestParameters
    from workflow.requests.filters import Filters

    offered = set(RequestParameters.model_fields) | {"states", "school_years"}
    assert {item.name for item in fields(Filters)} - offered == {
        "oldest_check",
        "question_answered",
        "without_drane_date",
        "assigned_at",
        "assigned_to",
        "unassigned",  # who handles it is between operators (R88)
    }
    ready, other = api.portal.checked(1), api.portal.submitted(2)
    staff = api.program(STAFF)
    assert [item["reference"] for item in staff.get("/requests", checks="ready").json()["items"]] == [ready]
    wanted = {"checks": "to_do", "name": "prenom nomc", "departement": "31", "since_after": "2026-09-14T00:00:00Z"}
    assert [item["reference"] for item in staff.get("/requests", **wanted).json()["items"]] == [other]
    assert staff.get("/requests", kind="Lycée").json()["items"] == []
