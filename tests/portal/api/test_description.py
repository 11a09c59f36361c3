"""The description: true, in French, and its examples are accepted."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import make_url

from portal.api.actions import OPEN
from portal.api.description import ANSWERS
from states.transitions import BY_TRIGGER
from states.vocabulary import Role, Trigger
from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, STAFF
from tests.portal.api.conftest import Api, Program, open_api
from tests.portal.api.test_life import DECLARATION
from workflow.auth.sessions import SessionUser


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One database is enough: the description does not come from it."""
    folder = tmp_path_factory.mktemp("described")
    with fresh_url("sqlite", folder) as url, open_api(folder, url) as api:
        yield api


ACTIONS = {"batch"} | {trigger.value for trigger in OPEN}
"""The operations that act on requests; the others have their own tests."""
OF_STAFF = {"batch"} | {trigger.value for trigger in OPEN if Role.CHEF not in BY_TRIGGER[trigger].roles}


def test_description__is_valid_public_and_without_secret(api: Api) -> None:
    import schemathesis  # a second of every process that collects these tests

    document = api.described()
    schemathesis.openapi.from_dict(document).validate()
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert "docstring" not in schema, name
    code = document["components"]["schemas"]["IssueCodeBody"]["properties"]["code"]["anyOf"][0]
    assert code["writeOnly"] is True
    assert document["servers"] == [{"url": "/api/v1"}]
    assert not re.search(r"[\w.]+@(?!ac-toulouse\.fr)", str(document))


def test_description__has_every_trigger_open_to_people_and_no_other(api: Api) -> None:
    paths = api.described()["paths"]
    operations = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert {trigger.value for trigger in OPEN} == operations & {trigger.value for trigger in Trigger}
    assert set(Trigger) - set(OPEN) == {Trigger.EXPIRE, Trigger.DRAW_CODE, Trigger.OPEN_CODE}


def test_description__every_operation_says_its_refusals_and_its_fields(api: Api) -> None:
    for path, operations in api.described()["paths"].items():
        assert path == path.lower().replace("_", "-"), "an address is in kebab-case"
        for operation in operations.values():
            assert operation["security"] == [{"jeton": []}], path
            assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"]), path
            assert operation["summary"], path
            assert operation["description"], path
            assert len(operation["tags"]) == 1, path


def test_description__every_answer_has_an_example_that_its_schema_accepts(api: Api) -> None:
    document = api.described()
    tags = [tag["name"] for tag in document["tags"]]
    used = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            used |= set(operation["tags"])
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for place in [*operation["responses"].values(), *bodies]:
                for media_type, content in place.get("content", {}).items():
                    if not media_type.endswith("json"):
                        continue
                    values = [example["value"] for example in content.get("examples", {}).values()]
                    values += [content["example"]] if "example" in content else []
                    assert values, (method, path, "has no example")
                    schema = content["schema"] | {"components": document["components"]}
                    for value in values:
                        Draft202012Validator(schema).validate(value)
            for status, response in operation["responses"].items():
                assert "X-Request-Id" in response["headers"], (path, status)
                assert response["description"], (path, status)
    assert used == set(tags)


def test_description__every_field_says_what_it_is(api: Api) -> None:
    schemas = api.described()["components"]["schemas"]
    fields = {f"{schema}.{name}": member for schema, whole in schemas.items()
              for name, member in whole.get("properties", {}).items()}  # fmt: skip
    assert [name for name, member in fields.items() if not member.get("description")] == []
    known = fields.keys() | {name.partition(".")[2] for name in fields}
    assert [name for name in ANSWERS if name not in known] == [], "a sentence of a field that is gone"


def test_description__says_whom_to_ask_and_under_which_licence(api: Api) -> None:
    info = api.described()["info"]
    assert info["contact"]["url"] == f"{api.portal.context.settings.address}/contact"
    assert info["license"] == {"name": "MIT", "identifier": "MIT"}


def _at(api: Api, programs: dict[SessionUser, Program], trigger: str) -> None:
    """Bring a request, the first one, to where the example of this trigger is accepted."""
    portal = api.portal
    if trigger in ("delegate", "amend", "withdraw"):
        programs[CHEF].do("/requests", DECLARATION)
    elif trigger == "sign_charter":
        programs[CHEF].do("/requests", DECLARATION)
        programs[CHEF].do("/requests/ODA-2027-00001/delegate", {"why": "accueil", "made_on": "2026-09-14"})
    elif trigger == "submit":
        _at(api, programs, "sign_charter")
        body = {"signed_on": "2026-09-14", "version": "2026-1", "copy_kept": True}
        programs[CHEF].do("/requests/ODA-2027-00001/sign-charter", body)
    elif trigger in (
        "check_listing",
        "check_delegation",
        "send_back",
        "take_back",
        "batch",
        "ask_question",
        "send_to_drane",
        "answer_question",
    ):
        portal.submitted()
    elif trigger == "issue_code":
        portal.checked()
    elif trigger in ("reissue_code", "confirm_handover", "confirm_expiry", "report_change", "settle_change", "revoke"):
        portal.issued()
    elif trigger in ("confirm_removal", "reopen_removal", "renew"):
        portal.issued()
        programs[STAFF].do("/requests/ODA-2027-00001/revoke", {"reason": "departure"})
    if trigger == "take_back_code":
        portal.issued()
    if trigger == "reopen_removal":
        programs[STAFF].do("/requests/ODA-2027-00001/confirm-removal", {"outcome": "removed"})
    if trigger == "confirm_handover":
        api.delivered()
    if trigger == "answer_question":
        programs[STAFF].do("/requests/ODA-2027-00001/ask-question", {"question": "est-ce bien lui ?"})
    if trigger == "settle_change":
        body = {"change": "departure", "effective_on": "2026-10-01"}
        programs[CHEF].do("/requests/ODA-2027-00001/report-change", body)


def _examples(api: Api) -> list[tuple[str, str, Any]]:
    return [
        (operation["operationId"], path.replace("{reference}", "ODA-2027-00001"), example["value"])
        for path, operations in api.described()["paths"].items()
        for operation in operations.values() if operation["operationId"] in ACTIONS
        for example in operation["requestBody"]["content"]["application/json"]["examples"].values()
    ]  # fmt: skip


def test_examples__are_each_accepted(tmp_path: Path) -> None:
    """As they are, by the chef, or by an operator when they say on whose behalf; each on the database as it began."""
    with fresh_url("sqlite", tmp_path) as url, open_api(tmp_path, url, hold_seconds=60) as api:
        programs = {session_user: api.program(session_user) for session_user in (CHEF, STAFF)}
        api.portal.actor(CHEF)
        examples, file = _examples(api), Path(make_url(url).database or "")
        assert len(examples) >= len(OPEN)
        api.app.database.dispose()
        began = file.read_bytes()
        for operation, path, body in examples:
            _at(api, programs, operation)
            caller = STAFF if operation in OF_STAFF or "on_behalf" in body else CHEF
            answer = programs[caller].post(path, body)
            assert answer.status_code in (200, 201), (operation, answer.text)
            refused = [result for result in answer.json().get("results", []) if result["outcome"] != "done"]
            assert refused == []
            api.app.database.dispose()
            for sidecar in file.parent.glob(f"{file.name}-*"):
                sidecar.unlink()
            file.write_bytes(began)
