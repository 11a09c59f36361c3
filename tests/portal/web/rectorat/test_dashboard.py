"""/rectorat/tableau-de-bord: a reader's first page, hers and not the operator's (R2)."""

import re
from html import unescape

import pytest

from states import commands as c
from states.vocabulary import CheckOutcome
from tests.kit.portal import DRANE, OTHER_CHEF, STAFF, Portal

PLACE = "/rectorat/tableau-de-bord"


@pytest.mark.rule("R2")
def test_dashboard__is_a_reader_s_home_and_asks_nothing(portal: Portal) -> None:
    portal.checked(1)
    page = portal.client(DRANE).get("/rectorat")
    assert str(page.url).endswith(PLACE)
    main = page.text.partition("<main")[2]
    assert "<form" not in main
    for order in ("à émettre", "à confirmer", "À faire d", "à traiter"):
        assert order not in main, order
    assert str(portal.client(STAFF).get("/rectorat").url).endswith("/rectorat")


def test_dashboard__counts_by_state_and_leads_to_the_lists_and_their_files(portal: Portal) -> None:
    today = portal.clock.now().date()
    declared = portal.submitted(1, drane_declared_on=today)
    without, negative = portal.submitted(2), portal.submitted(3, OTHER_CHEF, drane_declared_on=today)
    portal.issued(4, drane_declared_on=today)
    portal.do(c.CheckListing(reference=negative, outcome=CheckOutcome.NEGATIVE, source="liste"), STAFF)
    reader = portal.client(DRANE)
    html = reader.get(PLACE).text
    rows = dict(re.findall(r'<th scope="row">(?:<a[^>]*>)?([^<]+)(?:</a>)?</th><td[^>]*>([^<]+)</td>', html))
    assert (rows["Demandée"], rows["Code transmis"], rows["Déclarée"]) == ("3", "1", "0")
    assert "1 RUPN sans date de déclaration à la DRANE" in html
    assert "1 demande dont une vérification est négative" in html
    for task, expected in (("a=sans-date-drane", without), ("verifications=negatives", negative)):
        addresses = [unescape(link) for link in re.findall(r'href="([^"]+)"', html) if task in unescape(link)]
        assert [address.partition("format=")[2] for address in addresses] == ["", "csv", "xlsx", "ods"]
        for address in addresses[:2]:
            answer = reader.get(address).text
            assert expected in answer
            assert declared not in answer


@pytest.mark.rule("R2")
def test_reader__is_told_to_ask_an_operator(portal: Portal) -> None:
    reference = portal.submitted(1)
    answer = portal.client(DRANE).get(f"/rectorat/demandes/{reference}/revoquer")
    assert answer.status_code == 403
    assert "demandez à un opérateur du rectorat" in answer.text
