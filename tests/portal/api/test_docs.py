"""docs/api.md: its examples are sent as they stand, one after the other, and answer what it says."""

import json
import re
from pathlib import Path
from typing import Any

from portal.api.requests import path_of
from states.vocabulary import Trigger
from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF
from tests.portal.api.conftest import PREFIX, open_api

DOCS = Path(__file__).parents[3] / "docs" / "api.md"
_EXAMPLE = re.compile(r"```http\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)


def within(expected: Any, actual: Any) -> bool:
    """Whether an answer has at least what is told of it."""
    if isinstance(expected, dict):
        return all(name in actual and within(value, actual[name]) for name, value in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(
            within(item, other) for item, other in zip(expected, actual, strict=True)
        )
    return bool(expected == actual)


def test_docs__examples_answer_what_is_said(tmp_path: Path) -> None:
    examples = _EXAMPLE.findall(DOCS.read_text(encoding="utf-8"))
    assert len(examples) == 5
    with fresh_url("sqlite", tmp_path) as url, open_api(tmp_path, url) as api:
        client, secret = api.portal.client(), api.token(CHEF)
        for request, expected in examples:
            head, _, body = request.partition("\n\n")
            first, *lines = head.strip().splitlines()
            method, address = first.split()
            headers = dict(line.split(": ", 1) for line in lines)
            headers["Authorization"] = headers["Authorization"].replace("oda_…", secret)
            answer = client.request(method, address, headers=headers, content=body.strip().encode())
            assert within(json.loads(expected), answer.json()), answer.text


def test_docs__name_every_address(tmp_path: Path) -> None:
    text = DOCS.read_text(encoding="utf-8").replace("RÉFÉRENCE", "{reference}").replace("UAI", "{uai}")
    text = text.replace("NUMÉRO", "{number}").replace("LISTE", "{kind}")
    with fresh_url("sqlite", tmp_path) as url, open_api(tmp_path, url) as api:
        actions = {f"/requests/{{reference}}/{path_of(trigger)}" for trigger in Trigger}
        paths = api.described()["paths"].keys() - actions
    assert [path for path in paths if path not in text and PREFIX + path not in text] == []
