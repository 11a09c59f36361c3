"""Characters that no database keeps, wherever they are sent: refused in French, never a failure of ours."""

import json
from typing import Any

import pytest
from httpx2 import Response
from pydantic import SecretStr

from portal.api.bodies import OPEN, body_of, example_of
from portal.api.places import EstablishmentQuery, MailQuery
from portal.api.requests import RequestQuery
from states.vocabulary import Trigger
from tests.kit.portal import STAFF
from tests.portal.api.conftest import PREFIX, Api, Program

NUL, HALF = "a\x00b", "a\ud800b"
LISTS = {"/requests": RequestQuery, "/establishments": EstablishmentQuery, "/mails": MailQuery}
"""NUL, which PostgreSQL does not take, and the half of a character, which is not Unicode."""


def posted(program: Program, path: str, body: Any) -> Response:
    """As JSON that escapes what is not ASCII, so that anything can be sent."""
    headers = program.headers | {"Content-Type": "application/json"}
    return program.seen(program.client.post(PREFIX + path, content=json.dumps(body).encode(), headers=headers))


def spoiled(trigger: Trigger, bad: str) -> dict[str, dict[str, Any]]:
    """The trigger's body with one field spoiled, by the path of that field."""
    whole = example_of(trigger, behalf=True)
    found = {name: whole | {name: bad} for name in body_of(trigger).model_fields if name != "on_behalf"}
    return found | {"on_behalf.who": whole | {"on_behalf": whole["on_behalf"] | {"who": bad}}}


@pytest.mark.parametrize("bad", [NUL, HALF], ids=["nul", "half"])
@pytest.mark.rule("R7")
def test_bodies__each_field_refuses_it(api: Api, bad: str) -> None:
    staff = api.program(STAFF)
    reference = api.portal.declared()
    for trigger in OPEN:
        path = "/requests" if trigger is Trigger.DECLARE else f"/requests/{reference}/{trigger.value}"
        for field, body in spoiled(trigger, bad).items():
            answer = posted(staff, path, body)
            print(trigger, field, answer.status_code, [(r["field"],r["message"],r["remedy"]) for r in answer.json()["reasons"]])
    for path, query in LISTS.items():
        for field in query.model_fields:
            answer = staff.seen(staff.client.get(f"{PREFIX}{path}?{field}=a%00%ED%A0%80", headers=staff.headers))
            print(path, field, answer.status_code, [(r["field"],r["message"],r["remedy"]) for r in answer.json().get("reasons",())])
    answer = posted(staff, "/requests", {bad: 1})
    print(answer.status_code, answer.text)
    answer = posted(staff, "/batch", {"commands": [{"trigger": bad}, {"trigger":"declare", bad:1}, bad]})
    print(answer.status_code, answer.text)
