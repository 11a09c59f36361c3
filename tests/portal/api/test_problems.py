"""What is sent must be as the description says; what is wrong is told in French, and nothing of it is repeated."""

import json
import re
from collections.abc import Callable
from typing import NoReturn

import pytest

from notifications.ports import Clock
from portal.api import requests
from portal.cli.service import OncePerMinute
from tests.kit.portal import CHEF, STAFF
from tests.portal.api.conftest import PREFIX, Api, Program
from tests.portal.api.test_life import DECLARATION
from workflow.database.faults import DatabaseBusy, DatabaseFault, DatabaseUnreachable

SECRET = "Zz99Yy88"


def test_form__errors_name_their_field_and_never_what_was_sent(api: Api) -> None:
    staff = api.program(STAFF)
    reference = api.portal.checked()
    bad = {
        "code": [SECRET],
        "expires_on": SECRET,
        "new_key_confirmed": SECRET,
        "expected_version": 0,
        "inconnu": SECRET,
    }
    answer = staff.post(f"/requests/{reference}/issue-code", bad)
    assert answer.status_code == 422
    assert {reason["field"] for reason in answer.json()["reasons"]} == set(bad)
    assert SECRET not in answer.text
    behalf = {"who": "Mme", "how": "pigeon", "when": "14/09/2026"}
    nested = staff.post("/requests", DECLARATION | {"on_behalf": behalf})
    assert {reason["field"] for reason in nested.json()["reasons"]} == {"on_behalf.how", "on_behalf.when"}
    entry = {"trigger": "issue_code", "reference": reference, "code": {"clear": SECRET}}
    batch = staff.post("/batch", {"commands": [entry, {"trigger": "expire"}]})
    assert {reason["field"] for reason in batch.json()["reasons"]} == {"commands.0.code", "commands.1"}
    assert SECRET not in batch.text
    assert staff.get("/requests", after="'; --").json()["reasons"][0]["field"] == "after"
    too_long = staff.post(f"/requests/{reference}/issue-code", {"code": SECRET * 1000})
    assert too_long.status_code == 422
    assert SECRET not in too_long.text


@pytest.mark.rule("R41", "R60")
def test_code__that_the_rules_refuse_is_not_repeated(api: Api) -> None:
    reference = api.portal.checked()
    answer = api.program(STAFF).post(f"/requests/{reference}/issue-code", {"code": f"{SECRET} !"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:oda:refus:code_format")
    assert SECRET not in answer.text


def test_body__is_json_of_one_megabyte_at_most(api: Api) -> None:
    staff = api.program(STAFF)

    def sent(content: bytes, kind: str) -> int:
        headers = staff.headers | {"Content-Type": kind}
        return staff.check(staff.client.post(PREFIX + "/batch", content=content, headers=headers)).status_code

    assert sent(b'{"commands": []}', "text/plain") == 415
    assert sent(b"a=b", "application/x-www-form-urlencoded") == 415
    for unread in (b"{", b"\xff", b"[" * 100_000):
        assert sent(unread, "application/json") == 400
    assert sent(b'{"commands": "' + b"a" * 1_000_000 + b'"}', "application/json") == 413

    for double in (b'{"commands": [], "commands": []}', b'{"commands": [{"why": "a", "why": "b"}]}', b'{"":1,"":2}'):
        headers = staff.headers | {"Content-Type": "application/json"}
        answer = staff.check(staff.client.post(PREFIX + "/batch", content=double, headers=headers))
        assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (422, "form_key_twice")

    def pieces() -> object:
        yield from [b" " * 100_000] * 11

    headers = staff.headers | {"Content-Type": "application/json"}
    unannounced = staff.client.post(PREFIX + "/batch", content=pieces(), headers=headers)  # type: ignore[arg-type]
    assert staff.check(unannounced).status_code == 413


def test_addresses__that_do_not_exist_are_problems_too(api: Api) -> None:
    staff = api.program(STAFF)
    assert staff.get("/rien").status_code == 404
    assert staff.get("/").status_code == 404
    assert staff.get("/requests/%0Aautre%0A").status_code == 422
    wrong = staff.post("/me", {})
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET")
    assert staff.get("/requests/autre").status_code == 422


def test_failures__tell_nothing_and_busy_says_when_to_come_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    staff = api.program(STAFF)

    def busy(*_: object, **__: object) -> None:
        raise DatabaseBusy

    monkeypatch.setattr(requests, "list_requests", busy)
    answer = staff.get("/requests")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(requests, "list_requests", broken)
    unforeseen = staff.get("/requests")
    assert (unforeseen.status_code, SECRET in unforeseen.text) == (500, False)


def test_times__are_utc_with_their_offset_and_days_are_days(api: Api) -> None:
    clock: Clock = api.clock
    reference = api.portal.declared()
    content = api.program(CHEF).get(f"/requests/{reference}").json()
    assert content["created_at"] == clock.now().isoformat().replace("+00:00", "Z")
    assert content["year_ends_on"] == "2027-08-31"
    assert json.dumps(content).count("null") > 5


def test_number__is_in_the_answer_the_problem_and_the_log_without_the_address(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "oda")
    answer = api.program(STAFF).post("/requests", DECLARATION | {"nom": SECRET})
    (line,) = (record.getMessage() for record in caplog.records if record.name == "oda")
    number = answer.headers["X-Request-Id"]
    assert line == f"interface {number}: POST /requests, 422 behalf_needed"
    assert api.program(STAFF).get("/me").headers["X-Request-Id"] not in (number, "")
    api.program(STAFF).get("/requests", name=SECRET, after="x")
    assert SECRET not in caplog.text


@pytest.mark.rule("R87")
def test_log__of_calls_that_a_stranger_or_the_database_s_trouble_makes_is_one_line_a_minute(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "oda")
    once = OncePerMinute(lambda: 0.0)
    staff, calls = api.program(STAFF), 5
    for number in range(calls):
        assert api.program().get("/me").status_code == 401
        assert api.program().get(f"/nothing{number}").status_code == 404
        assert Program(api.portal.client(), "oda_x").get("/me").status_code == 401
    with monkeypatch.context() as patch:
        patch.setattr(api.portal.app.engine, "execute", raising(DatabaseUnreachable(DatabaseFault.NO_SPACE)))
        assert [staff.post("/requests", DECLARATION).status_code for _ in range(calls)] == [503] * calls
    for _ in range(calls):
        staff.post("/requests", DECLARATION)
    messages = [line.getMessage() for line in caplog.records if line.name == "oda" and once.filter(line)]
    assert sorted(re.sub("[0-9A-F]{12}", "N", line) for line in messages) == [
        "database: Plus de place sur le disque de la base de données",
        "interface N: GET /me, 401 token_missing",
        "interface N: GET /me, 401 token_refused",
        "interface N: GET ?, 404 not_found",
        *["interface N: POST /requests, 422 behalf_needed"] * calls,
        "interface N: POST /requests, 503 busy",
    ]


def raising(error: Exception) -> Callable[..., NoReturn]:
    def execute(*_: object, **__: object) -> NoReturn:
        raise error

    return execute
