"""Characters that no database keeps, wherever they are sent: refused in French, never a failure of ours."""

import json
from typing import Any

import pytest
from httpx2 import Response

from portal.api.actions import OPEN, body_of, example_of
from portal.api.establishments import EstablishmentParameters
from portal.api.mails import MailParameters
from portal.api.removals import RemovalListParameters
from portal.api.requests import RequestParameters, path_of
from portal.api.schemas import RequestModel
from portal.api.year_end import PreviewParameters
from states.vocabulary import Trigger
from tests.kit.portal import STAFF
from tests.portal.api.conftest import PREFIX, Api, Program

NUL, HALF = "a\x00b", "a\ud800b"
"""NUL, which PostgreSQL does not take, and the half of a character, which is not Unicode."""
LISTS: dict[str, type[RequestModel]] = {
    "/requests": RequestParameters,
    "/establishments": EstablishmentParameters,
    "/mails": MailParameters,
    "/removals": RemovalListParameters,
    "/year-end/preview/establishments": PreviewParameters,
}


def posted(program: Program, path: str, body: Any) -> Response:
    """As JSON that escapes what is not ASCII, so that anything can be sent."""
    headers = program.headers | {"Content-Type": "application/json"}
    return program.check(program.client.post(PREFIX + path, content=json.dumps(body).encode(), headers=headers))


def spoiled(trigger: Trigger, bad: str) -> dict[str, dict[str, Any]]:
    """The trigger's body with one field spoiled, by the path of that field."""
    whole = example_of(trigger, behalf=True)
    bodies = {name: whole | {name: bad} for name in body_of(trigger).model_fields if name != "on_behalf"}
    return bodies | {"on_behalf.who": whole | {"on_behalf": whole["on_behalf"] | {"who": bad}}}


COMPLAINTS = {NUL: "Ce texte contient un caractère que rien ne peut garder (U+0000)",
              HALF: "Ce texte contient la moitié d'un caractère (U+D800 à U+DFFF)"}  # fmt: skip
TYPED = {"nom", "prenom", "mail", "why", "note", "source", "version", "on_behalf.who"}


@pytest.mark.parametrize("bad", [NUL, HALF], ids=["nul", "half"])
@pytest.mark.rule("R7")
def test_bodies__each_field_refuses_it(api: Api, bad: str) -> None:
    staff, reference = api.program(STAFF), api.portal.checked()
    for trigger in OPEN:
        path = "/requests" if trigger is Trigger.DECLARE else f"/requests/{reference}/{path_of(trigger)}"
        for field, body in spoiled(trigger, bad).items():
            answer = posted(staff, path, body)
            assert answer.status_code in ((409, 422) if field == "code" else (422,)), (trigger, field, answer.text)
            if field in TYPED:
                assert (field, COMPLAINTS[bad]) in [
                    (reason["field"], reason["message"]) for reason in answer.json()["reasons"]
                ]
            assert bad not in answer.text
    assert api.program(STAFF).get(f"/requests/{reference}").json()["state"] == "requested"


@pytest.mark.parametrize("bad", [NUL, HALF], ids=["nul", "half"])
def test_bodies__a_name_or_an_action_so_spelt_is_refused(api: Api, bad: str) -> None:
    staff = api.program(STAFF)
    assert posted(staff, "/requests", {bad: "x"}).status_code == 422
    assert (
        posted(staff, "/batch", {"commands": [{"trigger": bad}, {"trigger": "declare", bad: 1}, bad]}).status_code
        == 422
    )


def test_lists__each_filter_refuses_it(api: Api) -> None:
    staff = api.program(STAFF)
    for path, query in LISTS.items():
        for field in query.model_fields:
            answer = staff.check(staff.client.get(f"{PREFIX}{path}?{field}=a%00%ED%A0%80", headers=staff.headers))
            assert answer.status_code == 422, (path, field)
    bad = ("/requests/a%00", "/requests/a%00/events", "/establishments/a%00", "/requests/%ED%A0%80/possible-actions")
    for path in bad:
        assert staff.get(path).status_code == 422, path
