"""Characters that no database keeps, typed in any form or put in any address: a page of ours, never a failure."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.datastructures import FormData

from portal.web.forms import Field, Shape, filled
from tests.kit.html_forms import HtmlForm
from tests.kit.portal import CHEF, STAFF, Portal
from tests.portal.web.test_access_of_every_address import addresses
from tests.portal.web.test_forms_fuzzed import LEAVES, peopled, walked

COMPLAINT = "Ce texte contient un caractère invisible : le taper de nouveau."
NUL, HALF = "a\x00b", "a\ud800b"


def each_form(client: TestClient, start: str) -> Iterator[tuple[str, HtmlForm]]:
    """The forms that are sent, those of alike addresses once."""
    addresses = set[str]()
    for path, forms in list(walked(client, start)):
        for form in forms:
            target = form.action or path
            alike = re.sub(r"ODA-[\d-]+|\d{7}[A-Z]", "", target)
            if form.method == "post" and not LEAVES.match(target) and alike not in addresses:
                addresses.add(alike)
                yield target, form


def sent(client: TestClient, target: str, fields: dict[str, str]) -> Response:
    """In pieces, in a charset that has halves of characters, as no browser does."""
    pieces = "".join(
        f'--x1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    )
    kind = "multipart/form-data; boundary=x1; charset=raw_unicode_escape"
    body = f"{pieces}--x1--\r\n".encode("raw_unicode_escape")
    return client.post(target, content=body, headers={"Content-Type": kind}, follow_redirects=False)


@pytest.mark.rule("R7")
def test_forms__each_field_is_answered(portal: Portal) -> None:
    peopled(portal)
    complaints = 0
    for session_user, start in ((None, "/connexion"), (CHEF, "/etablissement"), (STAFF, "/rectorat")):
        client = portal.client(session_user)
        for target, form in each_form(client, start):
            for name in {*form.fields, *form.options} - {"csrf"}:
                for bad in (NUL, HALF):
                    answer = sent(client, target, form.fields | {name: bad})
                    assert answer.status_code < 500, (target, name, bad)
                    complaints += COMPLAINT in answer.text
    assert complaints > 40


@pytest.mark.rule("R7")
def test_field__names_itself_and_shows_the_rest_again() -> None:
    fields = (Field(name="nom", label="Nom"), Field(name="code", label="Code", shape=Shape.CODE))
    for bad in (NUL, HALF):
        form = filled(fields, FormData({"nom": bad, "code": bad}))
        assert [(error.field.name, error.text, error.error) for error in form.errors] == [
            ("nom", "ab", COMPLAINT),
            ("code", "", COMPLAINT),
        ]
        assert form.values == {}


def test_addresses__each_is_answered(portal: Portal) -> None:
    reference = portal.issued()
    client = portal.client(STAFF)
    names = ("etablissement", "demande", "suite", "nom", "motif", "signalement", "mots", "annee", "ref", "apres")
    for method, path in {*addresses(portal.asgi)}:
        if method != "GET" or "{path" in path or path.startswith("/static"):
            continue
        places = [re.sub(r"\{[^}]+\}", "a%00b", path)] if "{" in path else []
        whole = re.sub(r"\{[^}]+\}", reference, path)
        for place in [*places, f"{whole}?{'&'.join(f'{name}=a%00b' for name in names)}"]:
            assert client.get(place, follow_redirects=False).status_code < 500, place
    for path in ("/rectorat/courriels?demande=a%00b", "/rectorat/retraits?etablissement=%00", "/rectorat?nom=%00"):
        page = client.get(path)
        assert page.status_code == 422, path
        assert "Repartez de la page précédente" in page.text.replace("&#39;", "'")
    assert client.get("/rectorat/demandes/%00").status_code == 404  # as any other unknown one
