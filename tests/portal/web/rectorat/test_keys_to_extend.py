"""The renewals from June on, as the rectorat sees them; the keys of verified ones, extended in one go (R40, R81)."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import CheckOutcome
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DRANE, PARIS, STAFF, Portal
from workflow.database.tables import REQUEST

YEAR_END = "/rectorat/fin-d-annee"
PLACE = f"{YEAR_END}/2026-2027/cles-a-prolonger"
JUNE, SEPTEMBER = datetime(2027, 6, 10, 9, tzinfo=PARIS), datetime(2027, 9, 6, 9, tzinfo=PARIS)


def rows(portal: Portal) -> dict[str, Any]:
    with portal.app.database.read() as connection:
        return {row.reference: row for row in connection.execute(select(REQUEST))}


def renewed(portal: Portal, old: str, *, verified: bool = True) -> str:
    """Next year's request of the same person, sent to the rectorat, whose checks are made when ``verified``."""
    new = portal.do(c.Renew(reference=old, school_year=SchoolYear(2027)), CHEF).reference
    day = portal.app.policy.calendar.today(portal.clock.now())
    row = rows(portal)[new]
    for command in (
        c.Delegate(reference=new, why="accueil des familles", made_on=day),
        c.SignCharter(reference=new, signed_on=day, version="2026-1", copy_kept=True),
        c.Submit(reference=new, nom=row.nom, prenom=row.prenom, mail=row.mail),
    ):
        portal.do(command, CHEF)
    if verified:
        check(portal, new)
    return new


def check(portal: Portal, reference: str) -> None:
    for command in (c.CheckListing, c.CheckDelegation):
        portal.do(command(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste reçue"), STAFF)


@pytest.mark.rule("R81")
def test_progress__on_the_home_and_the_year_end_from_june(portal: Portal) -> None:
    first = portal.issued(1)
    portal.issued(2)
    assert "RUPN sur" not in portal.client(STAFF).get("/rectorat").text
    portal.clock.set(JUNE)
    renewed(portal, first)
    for visitor in (STAFF, DRANE):
        for address in ("/rectorat", YEAR_END):
            page = portal.client(visitor).get(address).text
            assert "1 RUPN sur 2 renouvelé pour 2027-2028" in page
            assert PLACE in page


@pytest.mark.rule("R40")
def test_keys__all_of_the_verified_renewals_are_extended_at_once(portal: Portal) -> None:
    old = [portal.issued(number) for number in (1, 2, 3)]
    portal.clock.set(JUNE)
    new = [renewed(portal, old[0]), renewed(portal, old[1]), renewed(portal, old[2], verified=False)]
    client = portal.client(STAFF)
    page = client.get(PLACE)
    assert "2 demandes renouvelées et vérifiées" in page.text
    form = form_to(page, PLACE)
    boxes = form.options["cle"]
    answer = send(client, form, cle=boxes)
    assert "2 clés prolongées" in answer.text
    assert "31 août 2028" in answer.text
    assert [rows(portal)[reference].extends for reference in new] == [old[0], old[1], None]
    assert "2 clés prolongées" in send(client, form, cle=boxes).text, "sent twice, the same results (R10)"
    assert "Aucune clé de 2026-2027 n" in client.get(PLACE).text


@pytest.mark.rule("R2", "R40")
def test_keys__a_reader_reads_and_nothing_ticked_changes_nothing(portal: Portal) -> None:
    old = portal.issued(1)
    portal.clock.set(JUNE)
    new = renewed(portal, old)
    page = portal.client(DRANE).get(PLACE).text
    assert new in page
    assert "Prolonger les clés cochées" not in page
    client = portal.client(STAFF)
    form = form_to(client.get(PLACE), PLACE)
    answer = send(client, form, cle=[])
    assert (answer.status_code, "Aucune clé n" in answer.text) == (422, True)
    assert portal.client(CHEF).get(PLACE).status_code == 403


@pytest.mark.rule("R40", "R48")
def test_issue__proposes_the_key_of_the_year_that_ended(portal: Portal) -> None:
    old = portal.issued(1)
    portal.app.ticker.tick()
    portal.clock.set(JUNE)
    new = renewed(portal, old)
    portal.app.ticker.tick()
    for day in (datetime(2027, 7, 20, 9, tzinfo=PARIS), datetime(2027, 8, 30, 9, tzinfo=PARIS), SEPTEMBER):
        portal.clock.set(day)
        portal.app.ticker.tick()
    assert rows(portal)[old].state == "revoked"
    check(portal, new)
    client, address = portal.client(STAFF), f"/rectorat/demandes/{new}/emettre"
    page = client.get(address)
    assert f"Étendre la clé de la demande {old}" in page.text
    assert form_to(page, address).fields["extends"] == old
    send(client, form_to(page, address))
    row = rows(portal)[new]
    assert (row.state, row.extends) == ("code_issued", old)
