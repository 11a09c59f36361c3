"""A sign-in link is a secret like a code: on the wire and in its own page's address, and nowhere else (R60, R72)."""

from email import message_from_bytes, policy

import pytest
from fastapi.testclient import TestClient

from portal.app import assembled
from portal.web.context import WebContext
from tests.acceptance.searched import UAIS, Searched, searched
from tests.kit.leaks import search

SECRET = "Tq4Zx9Rb2Wn7Lk5VcYp8Gd3Hm6Js1Fa0EuQi4Ot9Pz7"
PIECES = tuple(SECRET[at : at + 10] for at in range(0, 40, 6))

__all__ = ["searched"]


def look(searched: Searched) -> None:
    """Ask the command line all it tells of the mails, then search everywhere."""
    searched.oda("mail", "list", "--json")
    with searched.database.read() as connection:
        numbers = connection.exec_driver_sql("SELECT id FROM outgoing_mail").scalars().all()
    for number in numbers:
        searched.oda("mail", "show", str(number), "--json")
    searched.oda("journal", "verify")
    for client in [name for name in searched.ear.said if name.startswith("http")]:  # the test's own browser
        del searched.ear.said[client]
    found = searched.told(*PIECES) + searched.kept(*PIECES)
    assert not found, "\n".join(map(str, found))


@pytest.mark.rule("R60", "R72")
def test_link__is_nowhere_but_on_the_wire(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.auth.sign_in_links.new_secret", lambda: SECRET)
    searched.relay.on("END", f"450 4.2.0 {SECRET} comes too early")
    client = TestClient(assembled(WebContext.of(searched.desk.app)), base_url="http://localhost:8000")
    assert client.post("/connexion", data={"uai": UAIS[0]}).status_code == 200
    searched.oda("secrets", "new-key")
    assert searched.oda("secrets", "rotate").stdout.startswith("1 code chiffré à nouveau")
    searched.tick()
    look(searched)
    searched.tick(minutes=10)
    (got,) = (got for got in searched.relay.received if search(SECRET, got.content))
    assert got.recipients == (f"ce.{UAIS[0].lower()}@ac-toulouse.fr",)
    parts = [part for part in message_from_bytes(got.content, policy=policy.default).walk() if not part.is_multipart()]
    address = f"http://localhost:8000/connexion/lien/{SECRET}"
    text, html = (part.get_content() for part in parts)
    assert [line.strip() for line in text.splitlines()].count(address) == text.count(SECRET) == 1
    assert html.count(f'href="{address}"') == html.count(SECRET) == 1
    look(searched)

    page = client.get(address)
    assert page.status_code == 200
    assert SECRET not in page.text + str(page.headers)
    answer = client.post(address, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/connexion/qui")
    assert SECRET not in str(answer.headers)
    searched.tick(minutes=30)
    look(searched)
