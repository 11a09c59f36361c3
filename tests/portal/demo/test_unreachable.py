"""Nothing of the demonstration can be reached in a real installation: no address, no template, no import, no way in."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jinja2 import TemplateNotFound

from portal.app import create_app
from portal.demo.runtime import RunningDemo
from portal.web.context import WebContext
from tests.kit.databases import fresh_url
from tests.kit.demo_season import demo_address
from tests.kit.portal import STAFF, Portal, open_portal

pytestmark = pytest.mark.xdist_group("demo")  # one worker lives the story, once

ROOT = Path(__file__).parents[3]
ADDRESSES = ("/demonstration", "/demonstration/boite", "/demonstration/boite/1", "/demonstration/boite/1/html",
             "/demonstration/boite/1/pieces/0", "/demonstration/barre.css")  # fmt: skip
ALLOWED = {"portal/cli/install.py"}


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Portal]:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def client_of(app: FastAPI, portal: Portal) -> TestClient:
    client = TestClient(app, base_url=portal.context.settings.address)
    client.cookies.set(portal.context.cookie, portal.secret(STAFF))
    return client


def test_demo__has_no_address_in_a_real_installation(real: Portal) -> None:
    client = client_of(create_app(real.app), real)
    for address in ADDRESSES:
        assert client.get(address).status_code == 404, address
    for address in ("/demonstration/qui", "/demonstration/temps"):
        before = real.clock.now()
        assert client.post(address, data={"qui": "operateur", "pas": "jour"}).status_code == 404
        assert real.clock.now() == before
    assert "emonstration" not in client.get("/rectorat").text
    assert "Démonstration" not in client.get("/").text


def test_demo__its_addresses_are_those_that_were_tried(demo: RunningDemo) -> None:
    client = TestClient(demo.asgi, base_url=demo_address())
    for address in ADDRESSES[:4] + ADDRESSES[5:]:
        assert client.get(address).status_code == 200, address
    assert client.post("/demonstration/qui", data={}).status_code == 422
    assert client.post("/demonstration/temps", data={}).status_code == 422


def test_demo__has_no_template_in_a_real_installation(real: Portal) -> None:
    for name in ("demo/bar.html", "demo/start.html", "demo/box.html", "demo/letter.html"):
        with pytest.raises(TemplateNotFound):
            WebContext.of(real.app).pages.render(name)
    assert not list((ROOT / "portal" / "web").rglob("*demo*"))


def test_demo__its_session_opens_nothing_elsewhere(real: Portal, demo: RunningDemo) -> None:
    browser = TestClient(demo.asgi, base_url=demo_address())
    browser.post("/demonstration/qui", data={"qui": "operateur"})
    (cookie,) = [cookie.value for cookie in browser.cookies.jar if cookie.value]
    there = TestClient(create_app(real.app), base_url=real.context.settings.address)
    there.cookies.set(real.context.cookie, cookie or "")
    assert there.get("/rectorat", follow_redirects=False).status_code == 303


def test_demo__is_imported_by_its_own_command_alone() -> None:
    for room in ("states", "notifications", "workflow", "portal"):
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith("portal/demo/") or name in ALLOWED:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert not [module for module in names if module.startswith("portal.demo")], name


def test_demo__is_not_loaded_by_the_service() -> None:
    script = "import sys, portal.cli.service, portal.server, portal.app\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if name.startswith(("portal.demo", "django"))]
