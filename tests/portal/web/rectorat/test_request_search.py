"""/rectorat/recherche: whatever one has at hand, in every state and year."""

import re

import pytest

from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.portal import CHEF, DRANE, STAFF, Portal


@pytest.mark.rule("R89")
def test_search__finds_a_revoked_person_for_all_the_rectorat(portal: Portal) -> None:
    reference = portal.submitted(1, prenom="Prénom")
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    for session_user in (STAFF, DRANE):
        client = portal.client(session_user)
        assert 'action="/rectorat/recherche"' in client.get("/rectorat").text
        html = client.get("/rectorat/recherche", params={"mots": "PRENOM nomb"}).text
        assert f'href="/rectorat/demandes/{reference}"' in html
        assert "Révoquée : 1." in html
    assert portal.client(CHEF).get("/rectorat/recherche?mots=nomb").status_code == 403
    assert "recherche" not in portal.client(CHEF).get("/etablissement").text


@pytest.mark.rule("R89", "R11")
def test_search__a_reference_and_a_uai_open_their_pages(portal: Portal) -> None:
    reference = portal.submitted(1)
    client = portal.client(STAFF)
    for words, page in (
        ("oda-2027-1", f"/rectorat/demandes/{reference}"), ("031 0001h", "/rectorat/etablissements/0310001H"),
    ):  # fmt: skip
        answer = client.get("/rectorat/recherche", params={"mots": words}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert f'href="/rectorat/demandes/{reference}"' in client.get("/rectorat/recherche?mots=1").text
    assert 'href="/rectorat/etablissements/0120001X"' in client.get("/rectorat/recherche?mots=rodez").text


@pytest.mark.parametrize("words", ["", "%", "'--", "x" * 5000, "ODA-2027-99999", "é" * 300, "zz@", "x@ac-toulouse.fr"])
def test_search__what_names_nothing_says_so(portal: Portal, words: str) -> None:
    portal.submitted(1)
    answer = portal.client(STAFF).get("/rectorat/recherche", params={"mots": words})
    assert answer.status_code == 200
    assert "On peut chercher une référence" in answer.text


@pytest.mark.rule("R89")
@pytest.mark.parametrize(
    ("words", "uais"),
    [("JAURES", ["0310001H"]), ("CE.0310002j@", ["0310002J"]),
     ("lycée", ["0310002J"]), ("rodez fabre", ["0120001X"]), ("muret", ["0310003K"]),
     ("0310", ["0310001H", "0310002J", "0310003K"])],
)  # fmt: skip
def test_search__finds_establishments(portal: Portal, words: str, uais: list[str]) -> None:
    html = portal.client(STAFF).get("/rectorat/recherche", params={"mots": words}).text
    assert re.findall(r'href="/rectorat/etablissements/([^"]+)"', html) == uais
