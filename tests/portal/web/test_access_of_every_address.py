"""Every address of the application, in every role: who may enter, and nothing moved by a form that is not ours.

A route that no line of DOORS covers fails the test: say there whose it is.
"""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select
from sqlmodel import SQLModel
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from portal.middleware import HEADERS
from portal.web.security import CSRF_FIELD, csrf_of
from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.databases import fresh_url
from tests.kit.html_forms import unmasked
from tests.kit.portal import CHEF, DEPUTY, DRANE, OTHER_CHEF, RUPN, STAFF, Portal, open_portal
from tests.kit.sign_in import installation_events
from workflow.auth.sessions import SessionUser

pytestmark = [pytest.mark.rule("R2"), pytest.mark.rule("R3")]


class Door(Enum):
    """Whose an address is."""

    PUBLIC = "anybody's"
    OWN = "whoever is signed in, for themselves"
    CHEF = "the establishment's"
    RECTORAT = "the rectorat's; a reader changes nothing"
    RUPN = "the RUPN's own"
    API = "programs', with a token"
    STATIC = "files"


DOORS = {
    "/connexion": Door.PUBLIC,
    "/connexion/qui": Door.OWN,
    "/connexion/liaison/non": Door.OWN,
    "/connexion/second-facteur": Door.OWN,
    "/connexion/preuve": Door.OWN,
    "/compte": Door.OWN,
    "/reprendre-la-saisie": Door.OWN,
    "/deconnexion": Door.OWN,
    "/etablissement": Door.CHEF,
    "/rectorat": Door.RECTORAT,
    "/rupn": Door.RUPN,
    "/api/v1": Door.API,
    "/static": Door.STATIC,
}
"""By the beginning of an address; the longest wins."""
PUBLIC = {"/", "/demarche", "/accessibilite", "/mentions-legales", "/donnees-personnelles",
          "/contact", "/familles", "/premiere-connexion", "/premiere-connexion.pdf", "/ressources", "/aide",
          "/aide/chef", "/aide/api", "/aide/images/{version}/{name}.png",
          "/vivant", "/pret", "/sante", "/metrics", "/.well-known/security.txt", "/lien/{secret}", "/plan-du-site",
          "/affichage"}  # fmt: skip
"""The addresses that are open to all, one by one."""
OPEN_API = {"/api/v1/openapi.json", "/api/v1/docs", "/api/v1/documentation", "/api/v1/schemas/{name}"}
"""What a program may read without a token: the description."""
READERS_SEE = {"/rectorat", "/rectorat/tableau-de-bord", "/rectorat/a-verifier", "/rectorat/demandes/{reference}",
               "/rectorat/courriels", "/rectorat/etablissements", "/rectorat/retraits", "/rectorat/fin-d-annee",
               "/rectorat/calendrier", "/rectorat/chiffres", "/rectorat/listes", "/rectorat/horloge", "/rectorat/aide",
               "/rectorat/drane", "/rectorat/liaisons", "/rectorat/activation",
               "/rectorat/activation/etablissements", "/rectorat/webhooks"}  # fmt: skip
CHEFS_SEE = {"/etablissement", "/etablissement/demandes", "/etablissement/demandes/{reference}",
             "/etablissement/courriels", "/etablissement/courriels/{number}", "/etablissement/personnes"}  # fmt: skip
TOLD_OF_READING = {"actor", "try_count", "security_address", "installation"}
"""The tables that a reading or a refusal may write; the events themselves are compared, exports apart."""
STRICTER = {("Referrer-Policy", "no-referrer")}
NOBODYS = {"reference": "ODA-2027-99999", "number": "99999"}
ROLES: dict[str, SessionUser | None] = {
    "nobody": None, "other chef": OTHER_CHEF, "chef": CHEF, "deputy": DEPUTY, "operator": STAFF, "reader": DRANE,
    "rupn": RUPN,
}  # fmt: skip
ESTABLISHMENTS = ("other chef", "chef", "deputy")
Address = tuple[str, str]


def door_of(path: str) -> Door:
    if path in PUBLIC:
        return Door.PUBLIC
    fitting = [start for start in DOORS if path == start or path.startswith(f"{start}/")]
    assert fitting, f"{path} is in no line of DOORS nor in PUBLIC: say whose it is"
    return DOORS[max(fitting, key=len)]


def addresses(app: Any, prefix: str = "") -> Iterator[Address]:
    """Every (method, path) of an application and of those mounted in it; a mount of files is one GET."""
    for route in iter_route_contexts(app.routes):
        path = f"{prefix}{route.path}"
        if isinstance(route.route, Mount):
            mounted = route.route.app
            yield from [("GET", f"{path}/")] if isinstance(mounted, StaticFiles) else addresses(mounted, path)
        else:
            assert route.methods, f"{path}: an address of a kind that this test does not know"
            yield from ((method, path) for method in sorted(route.methods - {"HEAD", "OPTIONS"}))


class Town:
    """A portal with a request in several states, a browser for each role, and what stands in the addresses."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.references = [portal.declared(1), portal.submitted(2), portal.checked(3), portal.issued(4)]
        self.references.append(portal.issued(5, code="Ef56Gh78"))
        portal.do(c.Revoke(reference=self.references[-1], reason=RevokeReason.DEPARTURE), STAFF)
        self.secrets = {role: portal.secret(session_user) for role, session_user in ROLES.items() if session_user}
        self.browsers = {role: self._browser(role) for role in ROLES}
        for browser in self.browsers.values():
            browser.get("/compte")  # whoever is first seen is given a number, which is an event (R109)

    def _browser(self, role: str) -> TestClient:
        client = self.portal.client()
        client.follow_redirects = False
        if role in self.secrets:
            client.cookies.set(self.portal.context.cookie, self.secrets[role])
        return client

    def filled(self, path: str, **other: str) -> str:
        """The address of something of the chef's."""
        values = {
            "reference": self.references[1], "number": "1", "slug": "revoquer", "secret": "x" * 43, "uai": "0310001H",
            "year": "2026-2027", "annee": "2026-2027", "school_year": "2026-2027", "name": "x", "id": "1",
            "version": "x", "binding": "1", "kind": "listing",
        } | other  # fmt: skip
        return path.format_map(values)

    def rows(self) -> dict[str, list[Any]]:
        """All that is stored, but the numbers of people, who are given one when they are first seen, and what is told
        of this reading itself: how often it was refused, which list it took away (R108)."""
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name not in TOLD_OF_READING]
        with self.portal.app.database.read() as connection:
            rows = {table.name: list(map(str, connection.execute(select(table)))) for table in tables}
        return {name: sorted(row for row in own if "'exported'" not in row) for name, own in rows.items()}


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """On SQLite alone: who may enter is decided before any database is asked, or by the scopes of workflow/reading."""
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


@pytest.fixture
def town(portal: Portal) -> Town:
    return Town(portal)


def dressed(response: Response, where: str) -> None:
    for name, value in HEADERS.items():
        header = response.headers.get(name)
        assert header == value or (name, header) in STRICTER, f"{where}: {name}: {header}"
    assert "cache-control" in response.headers, where
    assert response.status_code < 500, f"{where}: {response.status_code}"


def sent_to_sign_in(response: Response) -> bool:
    return response.status_code == 303 and response.headers["location"].startswith("/connexion")


def all_addresses(town: Town, *doors: Door) -> list[tuple[str, str, Door]]:
    entries = [(method, path, door_of(path)) for method, path in addresses(town.portal.asgi)]
    return [entry for entry in entries if not doors or entry[2] in doors]


def test_addresses__each_is_somebodys(town: Town) -> None:
    entries = all_addresses(town)
    assert len(entries) == len(set(entries)), "an address declared twice: the second is never reached"
    assert {door for _, _, door in entries} >= {Door.PUBLIC, Door.CHEF, Door.RECTORAT, Door.OWN, Door.STATIC}
    assert {path for _, path, _ in entries} >= READERS_SEE | CHEFS_SEE, "an address of this test is gone"


def test_reading__each_role_enters_by_its_doors_alone_and_moves_nothing(town: Town) -> None:
    before = town.rows()
    for method, path, door in all_addresses(town):
        if method != "GET":
            continue
        for role, client in town.browsers.items():
            where = f"{role}: GET {path}"
            answer = client.get(town.filled(path))
            dressed(answer, where)
            assert role != "nobody" or "set-cookie" not in answer.headers, f"{where}: a cookie for nobody"
            judged(answer, role, path, door, where)
    assert town.rows() == before


def test_reading__head_is_owed_wherever_get_is(town: Town) -> None:
    """With the same headers, and no body (RFC 9110, 9.3.2)."""
    client = town.browsers["operator"]
    for method, path, _ in all_addresses(town):
        if method != "GET":
            continue
        get, head = client.get(town.filled(path)), client.head(town.filled(path))
        assert head.status_code == get.status_code != 405, path
        assert head.content == b"", path
        assert head.headers["content-type"] == get.headers["content-type"] if get.content else True, path


def judged(answer: Response, role: str, path: str, door: Door, where: str) -> None:
    """Whether this role had the answer that the door gives."""
    status = answer.status_code
    if door in (Door.PUBLIC, Door.STATIC):
        assert status not in (401, 403), where
    elif door is Door.API:
        assert status == (200 if path in OPEN_API else 401), f"{where}: {status}"
    elif role == "nobody":
        assert sent_to_sign_in(answer), f"{where}: {status}"
    elif door is Door.CHEF:
        assert (status == 403) == (role not in ESTABLISHMENTS), f"{where}: {status}"
        assert not sent_to_sign_in(answer), where
        if path in CHEFS_SEE and role in ("chef", "deputy"):
            assert status == 200, f"{where}: {status}"
    elif door is Door.RUPN:
        is_sent_home = status == 303 and path == "/rupn"
        assert is_sent_home or status == (200 if role == "rupn" else 403), f"{where}: {status}"
    elif door is Door.RECTORAT:
        outside = (*ESTABLISHMENTS, "rupn")
        assert (status == 403) == (role in outside) or (status == 403 and role == "reader"), f"{where}: {status}"
        if path in READERS_SEE:
            is_sent_home = role == "reader" and path == "/rectorat"  # to the dashboard, which is hers
            assert role in outside or status == (303 if is_sent_home else 200), f"{where}: {status}"
    else:
        assert status not in (401, 403), f"{where}: {status}"
        assert not sent_to_sign_in(answer) or path.startswith("/connexion/"), where


@pytest.mark.rule("R108")
def test_reading__every_file_that_leaves_the_rectorat_is_an_event(town: Town) -> None:
    town.portal.ended_last_year(8)
    client, files = town.browsers["operator"], 0
    for method, path, _ in all_addresses(town, Door.RECTORAT):
        if method == "GET":
            before = len(installation_events(town.portal.app, "exported"))
            answer = client.get(town.filled(path, year="2025-2026", slug="rupn"))
            is_file = answer.headers.get("content-disposition", "").startswith("attachment")
            assert len(installation_events(town.portal.app, "exported")) - before == is_file, path
            files += is_file
    assert files > 10


def test_reading__what_is_anothers_looks_like_what_does_not_exist(town: Town) -> None:
    client = town.browsers["other chef"]
    tried = 0
    for method, path, _ in all_addresses(town, Door.CHEF):
        if method != "GET" or not any(f"{{{name}}}" in path for name in NOBODYS):
            continue
        for reference in town.references[1::2]:
            anothers = client.get(town.filled(path, reference=reference))
            unknown = client.get(town.filled(path, **NOBODYS))
            assert anothers.status_code == unknown.status_code == 404, f"GET {path} of {reference}"
            assert unmasked(anothers) == unmasked(unknown), f"GET {path} tells another's from nobody's"
            tried += 1
    assert tried


def test_acting__who_may_not_is_refused_and_nothing_moves(town: Town) -> None:
    """With a form that is right in all but who sends it."""
    before = town.rows()
    for method, path, door in all_addresses(town, Door.CHEF, Door.RECTORAT, Door.RUPN):
        if method == "GET":
            continue
        mine = any(f"{{{name}}}" in path for name in NOBODYS)
        for role, client in town.browsers.items():
            if door is Door.CHEF and role in (("chef", "deputy") if mine else ESTABLISHMENTS):
                continue
            if role == {Door.RECTORAT: "operator", Door.RUPN: "rupn"}.get(door):
                continue
            own = {CSRF_FIELD: csrf_of(town.secrets[role])} if role in town.secrets else {}
            answer = client.request(method, town.filled(path), data=own)
            where = f"{role}: {method} {path}: {answer.status_code}"
            dressed(answer, where)
            if role == "nobody":
                assert sent_to_sign_in(answer), where
            else:
                assert answer.status_code == (404 if door is Door.CHEF and role == "other chef" else 403), where
    assert town.rows() == before


def test_acting__a_form_that_is_not_of_this_session_is_refused_and_nothing_moves(town: Town) -> None:
    """Without the token, with another session's, or sent by another site with the right one."""
    before = town.rows()
    for method, path, door in all_addresses(town, Door.CHEF, Door.RECTORAT, Door.RUPN, Door.OWN):
        if method == "GET":
            continue
        role = {Door.RECTORAT: "operator", Door.RUPN: "rupn"}.get(door, "chef")
        right = {CSRF_FIELD: csrf_of(town.secrets[role])}
        elsewhere = (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://exemple.fr"},
        )
        tries: list[tuple[dict[str, str], dict[str, str]]] = [
            ({}, {}), ({CSRF_FIELD: csrf_of(town.secrets["reader"])}, {}), ({CSRF_FIELD: ""}, {}),
            *((right, headers) for headers in elsewhere),
        ]  # fmt: skip
        for fields, headers in tries:
            answer = town.browsers[role].request(method, town.filled(path), data=fields, headers=headers)
            where = f"{role}: {method} {path} with {fields} {headers}: {answer.status_code}"
            dressed(answer, where)
            assert answer.status_code == 409, where
    assert town.rows() == before


@pytest.mark.rule("R73")
def test_acting__a_form_that_is_given_back_moves_nothing(town: Town) -> None:
    """Whatever is in it: it is shown again, to be read and sent."""
    before = town.rows()
    for method, path, door in all_addresses(town, Door.CHEF, Door.RECTORAT, Door.RUPN, Door.OWN):
        role = {Door.RECTORAT: "operator", Door.RUPN: "rupn"}.get(door, "chef")
        if method == "GET" or path == "/deconnexion":
            continue
        for token, headers in (
            (csrf_of(town.secrets[role]), {}), (csrf_of(town.secrets["reader"]), {"Sec-Fetch-Site": "same-origin"}),
        ):  # fmt: skip
            right = {CSRF_FIELD: token, "rendu": "oui", "sure": "oui", "uai": "0310001H", "nom": "x"}
            answer = town.browsers[role].request(method, town.filled(path), data=right, headers=headers)
            assert answer.status_code < 500, path
    assert town.rows() == before


def test_acting__a_public_form_of_another_site_is_refused_and_nothing_moves(town: Town) -> None:
    before = town.rows()
    for method, path, _ in all_addresses(town, Door.PUBLIC):
        if method == "GET":
            continue
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://exemple.fr"}):
            answer = town.browsers["nobody"].request(method, town.filled(path), data={}, headers=headers)
            assert answer.status_code == 409, f"{method} {path} with {headers}: {answer.status_code}"
    assert town.rows() == before


def test_api__a_session_of_the_pages_opens_nothing(town: Town) -> None:
    """Nor does no token at all: a page of another site could send the cookie."""
    before = town.rows()
    for method, path, _ in all_addresses(town, Door.API):
        for role, client in town.browsers.items():
            if path in OPEN_API:
                continue
            answer = client.request(method, town.filled(path), json={} if method != "GET" else None)
            dressed(answer, path)
            assert answer.status_code == 401, f"{role}: {method} {path}: {answer.status_code}"
    assert town.rows() == before


@pytest.mark.parametrize("path", ["/nulle-part", "/rectorat/nulle-part", "/static/nulle-part", "/etablissement/x/y/z"])
def test_errors__bear_the_headers_and_tell_nothing(portal: Portal, path: str) -> None:
    answer = portal.client().get(path)
    dressed(answer, path)
    assert answer.status_code == 404
    assert portal.client().request("DELETE", "/").status_code == 405
