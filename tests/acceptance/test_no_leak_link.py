"""A code read on the portal: on one page, once, and nowhere else, not even at the relay (R60, R112)."""

import pytest
from fastapi.testclient import TestClient

from portal.app import assembled
from portal.web.context import WebContext
from states.vocabulary import Role, SignInMethod
from tests.acceptance.leak_search import CODES, UAIS, LeakSearch, leak_search
from tests.kit.html_forms import form_to, send
from tests.kit.leaks import search
from workflow.app import bootstrap
from workflow.auth.sessions import SessionUser
from workflow.settings.loader import find_settings, load_settings

__all__ = ["leak_search"]

GATE = "sign_in:\n  trusted_headers:\n    proxies: [10.1.2.3]\n"


@pytest.mark.rule("R60", "R112")
def test_link__the_code_is_on_its_page_alone(leak_search: LeakSearch) -> None:
    config = leak_search.desk.config
    config.write_text(config.read_text().replace("code:\n", "code:\n  delivery: link\n") + GATE)
    secret = leak_search.folder / "secrets" / "gate-secret"
    secret.write_text("le-secret-partage-avec-le-guichet")
    secret.chmod(0o600)
    reference = leak_search.request(UAIS[0], 1)
    leak_search.issue(reference, CODES[0])
    leak_search.tick(minutes=2)
    path = f"/etablissement/demandes/{reference}/code"
    (mail,) = (got for got in leak_search.relay.received if search(path, got.content))
    assert search(CODES[0], mail.content) == []
    app = bootstrap(load_settings(find_settings(str(config), {})), {}, clock=leak_search.clock)
    try:
        context = WebContext.of(app)
        chef = SessionUser(
            role=Role.CHEF, subject=UAIS[0], name="Claire Martin", method=SignInMethod.TRUSTED_HEADERS
        )  # fmt: skip
        with app.database.write() as connection:
            cookie = context.sessions.open(connection, chef, leak_search.clock.now())
        client = TestClient(assembled(context), base_url="http://localhost:8000")
        client.cookies.set(context.cookie, cookie)
        page = client.get(path)
        assert search(CODES[0], page.content) == []
        code_page = send(client, form_to(page, path))
        assert code_page.text.count(CODES[0]) == 1
        assert search(CODES[0], str(code_page.headers)) == []
        assert search(CODES[0], client.get(path).content) == []
    finally:
        app.close()
    leak_search.tick(minutes=2)
    leak_search.look()
    assert leak_search.on_disk(CODES[0]) == []
