"""The headers of the académie's gate: from it alone, and taken away from everybody (R102)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import Request
from starlette.types import Receive, Scope, Send

from portal.middleware import GateIdentity, TrustedHeaders, gate_identity
from portal.server import behind_proxies
from workflow.settings.sign_in import TrustedHeadersSettings

pytestmark = pytest.mark.rule("R102")

GATE, SOMEBODY, FRONT = "10.1.2.3", "192.0.2.7", "10.9.9.9"
SECRET = "s3cret-of-the-gate-0123456789"
SETTINGS = TrustedHeadersSettings.model_validate({"proxies": [GATE, "10.1.3.0/28"]})
SPOOFED = [("ct-remote-user", "cmartin"), ("ctemail", "c.martin@ac-toulouse.fr"), ("FrEduFonctAdm", "DIR")]
GOOD = [*SPOOFED, ("X-Oda-Guichet", SECRET)]
MARTIN = GateIdentity("cmartin", {"mail": "c.martin@ac-toulouse.fr", "function": "DIR"})


def visit(
    headers: Sequence[tuple[str, str]], peer: str = GATE, path: str = "/connexion", secrets: Sequence[str] = (SECRET,)
) -> tuple[GateIdentity | None, set[str]]:
    """The identity that a page is given, and the names of the headers that it sees, behind the whole of a server."""
    scopes: list[Scope] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    async def unused(*_: Any) -> Any:
        raise AssertionError

    gate = TrustedHeaders(page, settings=SETTINGS, secrets=[secret.encode() for secret in secrets])
    server = behind_proxies(gate, [FRONT, GATE])
    raw = [(name.lower().encode(), value.encode()) for name, value in [("Host", "oda"), ("Cookie", "oda=x"), *headers]]
    scope = {"type": "http", "path": path, "headers": raw, "client": (peer, 5000), "scheme": "https"}

    async def call() -> None:
        await server(scope, unused, unused)

    asyncio.run(call())
    (page_scope,) = scopes
    return gate_identity(Request(page_scope)), {name.decode() for name, _ in page_scope["headers"]}


def test_gate__its_headers_say_who_calls_and_are_seen_no_more() -> None:
    assert visit(GOOD) == (MARTIN, {"host", "cookie"})
    assert visit(GOOD, peer="::ffff:10.1.2.3")[0] == MARTIN
    assert visit(GOOD, peer="10.1.3.14")[0] == MARTIN
    assert visit(GOOD, secrets=["another-secret-that-is-new-0", SECRET])[0] == MARTIN


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        pytest.param(GOOD, SOMEBODY, id="an address that is not listed, even with the secret"),
        pytest.param(GOOD, FRONT, id="a proxy that is believed for addresses alone"),
        pytest.param(GOOD, "10.1.3.16", id="just outside of the network"),
        pytest.param(GOOD, "", id="no address at all"),
        pytest.param(SPOOFED, GATE, id="the gate's address without the secret"),
        pytest.param([*SPOOFED, ("X-Oda-Guichet", SECRET[:-1])], GATE, id="a wrong secret"),
        pytest.param([*SPOOFED, ("X-Oda-Guichet", "")], GATE, id="an empty secret"),
        pytest.param([*GOOD, ("ct-remote-user", "autre")], GATE, id="a header twice"),
        pytest.param([*GOOD, ("CT_Remote_User", "autre")], GATE, id="the same but for hyphens and case"),
        pytest.param([*GOOD, ("ct.remote-user", "autre")], GATE, id="the same but for another sign"),
        pytest.param([*GOOD, ("x_oda_guichet", SECRET)], GATE, id="the secret twice"),
        pytest.param([("ct_remote_user", "cmartin"), *GOOD[1:]], GATE, id="a look-alike that the gate let through"),
        pytest.param([*SPOOFED, ("x_oda_guichet", SECRET)], GATE, id="a look-alike of the secret"),
        pytest.param(GOOD[1:], GATE, id="nobody's identifier"),
        pytest.param([("ct-remote-user", " "), *GOOD[1:]], GATE, id="an empty identifier"),
        pytest.param([*GOOD, ("X-Forwarded-For", GATE)], SOMEBODY, id="a forwarded address from somebody"),
        pytest.param([*GOOD, ("X-Forwarded-For", GATE)], FRONT, id="a forwarded address from a believed proxy"),
        pytest.param([*GOOD, ("Forwarded", f"for={GATE}")], SOMEBODY, id="the standard's forwarded address"),
    ],
)
def test_gate__anybody_else_is_as_a_visit_without_headers(headers: list[tuple[str, str]], peer: str) -> None:
    identity, names = visit(headers, peer)
    assert identity is None
    assert names <= {"host", "cookie", "x-forwarded-for", "forwarded"}


def test_gate__a_forwarded_address_does_not_hide_the_gate_itself() -> None:
    assert visit([*GOOD, ("X-Forwarded-For", SOMEBODY)])[0] == MARTIN


def test_gate__the_programs_have_no_identity() -> None:
    assert visit(GOOD, path="/api/v1/requests") == (None, {"host", "cookie"})


def test_gate__without_a_secret_or_a_list_nothing_is_read() -> None:
    assert visit(GOOD, secrets=()) == (None, {"host", "cookie"})
    assert visit([*SPOOFED, ("X-Oda-Guichet", "")], secrets=()) == (None, {"host", "cookie"})


def test_gate__what_it_says_besides_is_dropped_and_accents_are_read() -> None:
    headers = [*GOOD, ("employeeNumber", "123456"), ("FrEduRne", "0310001H$UAJ"), ("ctfn", "Élise")]
    identity, names = visit(headers)
    assert names == {"host", "cookie"}
    assert identity is not None
    assert identity.claims["given_name"] == "Élise"
    assert "123456" not in str(identity.claims)
    assert "martin" not in repr(identity).replace("cmartin", "")
    assert visit([("ctfn", "x" * 9000), *GOOD])[0] == GateIdentity("cmartin", {**MARTIN.claims, "given_name": ""})
