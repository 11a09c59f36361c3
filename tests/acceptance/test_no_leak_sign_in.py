"""A sign-in link is a secret like a code: on the wire and in its own page's address, and nowhere else (R60, R72)."""

from email import message_from_bytes, policy

import pytest
from fastapi.testclient import TestClient

from portal.app import assembled
from portal.web.context import WebContext
from tests.acceptance.leak_search import UAIS, LeakSearch, leak_search
from tests.kit.leaks import search

SECRET = "Tq4Zx9Rb2Wn7Lk5VcYp8Gd3Hm6Js1Fa0EuQi4Ot9Pz7"
PIECES = tuple(SECRET[at : at + 10] for at in range(0, 40, 6))

__all__ = ["leak_search"]


def look(leak_search: LeakSearch) -> None:
    """Ask the command line all it tells of the mails, then search everywhere."""
    leak_search.oda("mail", "list", "--json")
    with leak_search.database.read() as connection:
        numbers = connection.exec_driver_sql("SELECT id FROM outgoing_mail").scalars().all()
    for number in numbers:
        leak_search.oda("mail", "show", str(number), "--json")
    leak_search.oda("journal", "verify")
    for client in [name for name in leak_search.ear.logs if name.startswith("http")]:  # the test's own browser
        del leak_search.ear.logs[client]
    hits = leak_search.hits_in_output(*PIECES) + leak_search.hits_in_storage(*PIECES)
    assert not hits, "\n".join(map(str, hits))


@pytest.mark.rule("R60", "R72")
def test_link__is_nowhere_but_on_the_wire(leak_search: LeakSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.auth.sign_in_links.new_secret", lambda: SECRET)
    leak_search.relay.on("END", f"450 4.2.0 {SECRET} comes too early")
    client = TestClient(assembled(WebContext.of(leak_search.desk.app)), base_url="http://localhost:8000")
    assert client.post("/connexion", data={"uai": UAIS[0]}).status_code == 200
    leak_search.oda("secrets", "new-key")
    assert leak_search.oda("secrets", "rotate").stdout.startswith("1 code chiffré à nouveau")
    leak_search.tick()
    look(leak_search)
    leak_search.tick(minutes=10)
    (got,) = (got for got in leak_search.relay.received if search(SECRET, got.content))
    assert got.recipients == (f"ce.{UAIS[0].lower()}@ac-toulouse.fr",)
    parts = [part for part in message_from_bytes(got.content, policy=policy.default).walk() if not part.is_multipart()]
    address = f"http://localhost:8000/connexion/lien/{SECRET}"
    text, html = (part.get_content() for part in parts)
    assert [line.strip() for line in text.splitlines()].count(address) == text.count(SECRET) == 1
    assert html.count(f'href="{address}"') == html.count(SECRET) == 1
    look(leak_search)

    page = client.get(address)
    assert page.status_code == 200
    assert SECRET not in page.text + str(page.headers)
    answer = client.post(address, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/connexion/qui")
    assert SECRET not in str(answer.headers)
    leak_search.tick(minutes=30)
    look(leak_search)
