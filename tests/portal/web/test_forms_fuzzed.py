"""Every form of every page, in every role, filled with what nobody should type: an answer, never an error of ours.

The values are drawn from a seed that is printed; ``ODA_SEED`` plays one again, ``ODA_FUZZ_ROUNDS`` makes it longer.
"""

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from states import commands as c
from states.vocabulary import Change
from tests.kit.databases import fresh_url
from tests.kit.html_forms import HtmlForm, forms_of
from tests.kit.portal import CHEF, DRANE, STAFF, TWO_SCHOOLS, Portal, open_portal
from workflow.auth.sessions import SessionUser

ROUNDS = int(os.environ.get("ODA_FUZZ_ROUNDS", "2"))
PAGES = 60
NEVER_SPOILED = {"csrf"}
"""Without it the door answers before the form does."""
ODD = ("", " ", "a" * 3000, "<script>alert(1)</script>", "' OR 1=1 --", "é\u0301\u202e", "\x00", "\x1b[31m", "🗝️", "%00",
       "{{ 7*7 }}", "-1", "999999999999999999999", "31/02/2026", "2026-13-45", "0001-01-01", "9999-12-31", "null",
       "../../etc/passwd", "ODA-2027-00001", "0310001H", "x@y",
       "=1+1", "\r\nSet-Cookie: a=b", "\ud7ff", "oui")  # fmt: skip
LEAVES = re.compile(r"^/(deconnexion|compte/partout)")
ROLES = {"nobody": None, "chef": CHEF, "chef of two": TWO_SCHOOLS, "operator": STAFF, "reader": DRANE}


@pytest.fixture
def portal(backend: str, tmp_path: Path) -> Iterator[Portal]:
    with fresh_url(backend, tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def peopled(portal: Portal) -> None:
    """A request in each state, one with a report."""
    portal.declared(1)
    portal.submitted(2)
    portal.checked(3)
    issued = portal.issued(4)
    day = portal.context.pages.today()
    portal.do(c.ReportChange(reference=issued, change=Change.MISSION, effective_on=day), CHEF)


def walked(client: TestClient, start: str) -> Iterator[tuple[str, list[HtmlForm]]]:
    """The pages reached by links from there, with their forms; of one page under several filters, one."""
    waiting, paths = [start], set[str]()
    while waiting and len(paths) < PAGES:
        path = waiting.pop(0)
        if (alike := path.partition("?")[0]) in paths:
            continue
        paths.add(alike)
        page = client.get(path)
        assert page.status_code < 500, path
        if "text/html" not in page.headers.get("content-type", ""):
            continue
        yield path, forms_of(page)
        links = re.findall(r'href="(/[^"#]*)"', page.text)
        waiting += [link.replace("&amp;", "&") for link in links if not link.startswith("/static")]


def spoiled(form: HtmlForm, draw: random.Random) -> dict[str, str]:
    """What is sent: each field as it stands, or one of its choices, or something odd."""
    sent = {}
    for name in {*form.fields, *form.options}:
        proper = draw.choice(form.options.get(name) or [form.fields.get(name, "")])
        sent[name] = proper if name in NEVER_SPOILED or draw.random() < 0.4 else draw.choice(ODD)
    if draw.random() < 0.2:
        sent.pop(draw.choice([*sent, ""]), None)
    return sent


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
@pytest.mark.parametrize("role", ROLES)
def test_forms__whatever_is_typed_is_answered(portal: Portal, role: str) -> None:
    seed = int(os.environ.get("ODA_SEED", random.randrange(10**6)))
    print(f"ODA_SEED={seed} ODA_FUZZ_ROUNDS={ROUNDS}")
    draw, session_user = random.Random(seed), ROLES[role]
    peopled(portal)
    sent = 0
    client = portal.client(session_user)
    for path, forms in list(walked(client, _home(session_user))):
        for form in forms:
            target = form.action or path
            if LEAVES.match(target):
                continue
            for _ in range(ROUNDS):
                data = spoiled(form, draw)
                answer = sent_to(client, form.method, target, data)
                sent += 1
                assert answer.status_code < 500, f"ODA_SEED={seed} {target} {data}"
                assert "<script>alert" not in answer.text, f"ODA_SEED={seed} {target} {data}"
                if location := answer.headers.get("location"):
                    assert not urlsplit(location).netloc, f"ODA_SEED={seed} {target} leads away"
                assert "a=b" not in answer.headers.get("set-cookie", "")
    assert sent >= (2 if session_user is None else 6 if role == "reader" else 20), "so few forms that nothing was tried"


def sent_to(client: TestClient, method: str, target: str, data: dict[str, str]) -> Response:
    """As a browser sends it, redirections left alone."""
    if method == "post":
        return client.post(target, data=data, follow_redirects=False)
    return client.get(target, params=data, follow_redirects=False)


def _home(session_user: SessionUser | None) -> str:
    if session_user is None:
        return "/"
    return "/etablissement" if session_user.is_establishment else "/rectorat"
