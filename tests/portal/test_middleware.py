"""What every request passes before any page, and the headers of every answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from starlette.datastructures import FormData, Headers

from portal.middleware import HSTS, browser_name
from portal.web.security import CSRF_FIELD, csrf_of, has_csrf
from tests.kit.databases import fresh_url
from tests.kit.plain_client import PlainClient
from tests.kit.portal import Portal, open_portal
from workflow.auth.sign_in_links import UNKNOWN_BROWSER

ADDRESS = "https://oda.ac-toulouse.fr"


@contextmanager
def opened(folder: Path, address: str) -> Iterator[Portal]:
    """A portal on SQLite: no test here asks the database anything."""
    settings = f"\nportal:\n  address: {address}\n"
    with fresh_url("sqlite", folder) as url, open_portal(folder, url, settings=settings) as portal:
        yield portal


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with opened(tmp_path, ADDRESS) as portal:
        yield portal


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("oda.ac-toulouse.fr", 200), ("ODA.ac-toulouse.fr:8443", 200), ("oda.ac-toulouse.fr.", 200),
        ("evil.example", 421), ("127.0.0.1:8000", 421), ("", 421), ("[::1", 421),
        ("oda.ac-toulouse.fr@evil.example", 421), ("evil.example@oda.ac-toulouse.fr", 421),
    ],
)  # fmt: skip
def test_hosts__the_portal_answers_under_its_own_name_alone(portal: Portal, host: str, status: int) -> None:
    answer = portal.client().get("/contact", headers={"Host": host})
    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if status == 421:
        assert f"Son adresse est {ADDRESS}\n" in answer.text
        assert "portal.address" in answer.text


def test_hosts__a_probe_asks_under_any_name(portal: Portal) -> None:
    assert portal.client().get("/sante", headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_hosts__on_this_machine_any_of_its_names_will_do(tmp_path: Path) -> None:
    with opened(tmp_path, "http://localhost:8000") as portal:
        client = PlainClient(portal.asgi, base_url="http://127.0.0.1:8000", follow_redirects=False)
        assert client.get("/contact").status_code == 200
        sent = client.post("/connexion", data={"uai": "0310001H"}, headers={"Origin": "http://127.0.0.1:8000"})
        assert sent.status_code == 303
        assert client.get("/contact", headers={"Host": "oda.ac-toulouse.fr"}).status_code == 421


def test_slash__at_the_end_of_an_address_leads_nowhere(portal: Portal) -> None:
    """A redirection would be made from the name that was asked for."""
    answer = portal.client().get("/connexion/", follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (ADDRESS, 303),
        ("https://evil.example", 409),
        ("http://oda.ac-toulouse.fr", 409),
        ("null", 409),
        ("https://[", 409),
    ],
)
def test_origin__is_compared_with_the_setting(portal: Portal, origin: str, status: int) -> None:
    client = portal.client()
    sent = client.post("/connexion", data={"uai": "0310001H"}, headers={"Origin": origin}, follow_redirects=False)
    assert sent.status_code == status


def test_hsts__holds_for_what_lies_below_and_on_an_error_too(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "includeSubDomains" in HSTS
    assert portal.client().get("/contact").headers["Strict-Transport-Security"] == HSTS

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("portal.web.public.PublicFacts.of", broken)
    failed = portal.client().get("/contact")
    assert failed.status_code == 500
    assert failed.headers["Strict-Transport-Security"] == HSTS


def test_what_cannot_be_read__is_not_said_to_be_our_error(portal: Portal) -> None:
    broken = portal.client().post("/connexion", content=b"--x", headers={"Content-Type": "multipart/form-data"})
    assert broken.status_code == 400
    assert "Cette requête ne peut pas être lue" in broken.text


def test_token__is_another_in_each_page_and_holds() -> None:
    """Compressed beside words of the address, one that never changes would be told by the page's length."""
    first, second = csrf_of("secret"), csrf_of("secret")
    assert first[:64] != second[:64]
    assert first[64:] != second[64:]
    for token, holds in ((first, True), (second, True), (first[:-2], False), (f"{first}00", False), ("é", False)):
        assert has_csrf(FormData({CSRF_FIELD: token}), "secret") is holds, token
    assert not has_csrf(FormData({CSRF_FIELD: first}), "another")
    assert not has_csrf(FormData(), "secret")


class Spans(trace.TracerProvider):
    """A provider that keeps what it is told."""

    def __init__(self) -> None:
        self.spans: list[str] = []

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        return Tracer(self.spans)


class Tracer(trace.NoOpTracer):
    def __init__(self, spans: list[str]) -> None:
        self._spans = spans

    def start_span(self, name: str, *args: Any, **named: Any) -> trace.Span:
        self._spans.append(f"{name} {named.get('attributes')}")
        return super().start_span(name, *args, **named)


@pytest.mark.rule("R72")
@pytest.mark.parametrize("path", ["/connexion/lien/SECRET", "/rectorat?nom=SECRET", "/api/v1/requests?nom=SECRET"])
def test_telemetry__of_the_process_is_told_no_address(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """FastAPI tells every address to a provider of OpenTelemetry, as soon as the process has one."""
    provider = Spans()
    monkeypatch.setattr("fastapi.telemetry._asgi.trace.get_tracer_provider", lambda: provider)
    assert trace.get_tracer_provider() is provider
    portal.client().get(path)
    assert provider.spans == []


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.rule("R104")
@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox sur Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64) {WEBKIT} Chrome/130.0 Safari/537.36 Edg/130.0", "Edge sur Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/130.0 Mobile Safari/537.36", "Chrome sur Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
         " Version/17.5 Mobile/15E148 Safari/604.1", "Safari sur iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox sur macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox sur Linux"),
        ("Lynx/2.9 (Linux)", f"{UNKNOWN_BROWSER} sur Linux"),
        ("", UNKNOWN_BROWSER),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_words(header: str, words: str) -> None:
    assert browser_name(Headers({"user-agent": header})) == words


@pytest.mark.rule("R104")
def test_nothing_of_the_header_itself_comes_out() -> None:
    header = "<a href='https://piège.example'>Cliquez</a> Firefox/9 (Windows) \r\nBcc: x@y.z"
    assert browser_name(Headers({"user-agent": header})) == "Firefox sur Windows"
    assert browser_name(Headers({"user-agent": "jean.dupont@example.org"})) == UNKNOWN_BROWSER
