"""The code from the page of a request: issued, extended, issued again; its day; and that it shows nowhere."""

from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.html_forms import form_to, send
from tests.kit.portal import DRANE, OTHER_CHEF, STAFF, START, Portal, open_portal
from workflow.app import bootstrap
from workflow.settings.loader import load_settings

PLACE = "/rectorat/demandes/"
CODE = "Zq93Kx71"


def plain(text: str) -> str:
    return " ".join(text.replace("&#39;", "'").split())


@pytest.mark.rule("R39", "R43", "R60")
def test_issue__is_on_the_page_itself_and_leads_to_the_next_ready_one(portal: Portal) -> None:
    first, waiting, third = portal.checked(1), portal.submitted(2), portal.checked(3)
    client = portal.client(STAFF)
    page = client.get(PLACE + first)
    form = form_to(page, "/emettre")
    assert {"code", "expires_on", "key", "csrf", "version"} == form.fields.keys()
    done = send(client, form, code=CODE, expires_on="2027-07-10")
    assert "C'est fait : l'émission est enregistrée" in plain(done.text)
    assert "<dt>Expiration enregistrée</dt><dd>10 juillet 2027</dd>" in done.text
    assert f"Demande suivante à émettre : {third}" in plain(done.text)
    assert waiting not in done.text
    again = send(client, form, code=CODE, expires_on="2027-07-10")
    assert "C'est fait" in again.text
    last = send(client, form_to(client.get(PLACE + third), "/emettre"), code=CODE)
    assert "Demande suivante" not in last.text
    assert "Retour à la liste" in last.text
    for answer in (page, done, again, last):
        assert CODE not in answer.text


@pytest.mark.rule("R41", "R60")
def test_issue__refused_never_shows_the_code_again(portal: Portal) -> None:
    reference = portal.checked()
    client = portal.client(STAFF)
    form = form_to(client.get(PLACE + reference), "/emettre")
    for typed, sentence in (("Zq93 Kx71!", "4 à 16 lettres et chiffres, par exemple"), ("", "Donner le code")):
        refused = send(client, form, code=typed)
        assert refused.status_code == 422
        assert '<a href="#code">' in refused.text
        assert sentence in refused.text
        assert form_to(refused, "/emettre").fields["code"] == ""
        assert "Zq93" not in refused.text
    late = send(client, form, code=CODE, expires_on="2028-01-01")
    assert '<a href="#expires_on">' in late.text
    assert CODE not in late.text


@pytest.mark.rule("R40", "R42")
def test_issue__extends_the_key_in_use_or_wants_a_confirmation(portal: Portal) -> None:
    holder, reference = portal.issued(3), portal.checked(3, OTHER_CHEF)
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}{reference}/emettre"), "/emettre")
    both = send(client, form, code=CODE)
    assert "un seul des trois" in both.text
    unconfirmed = send(client, form, extends="nouveau", code=CODE)
    assert '<a href="#new_key_confirmed">' in unconfirmed.text
    extended = send(client, form)
    assert "Une autre demande" in extended.text or holder in extended.text
    page = client.get(PLACE + reference)
    assert "La clé existante a été étendue" in page.text
    assert f'<dd><a class="fr-link" href="{PLACE}{holder}">{holder}</a></dd>' in page.text


@pytest.mark.rule("R40")
def test_extend__takes_the_key_of_a_request_that_is_named(portal: Portal) -> None:
    reference = portal.checked(1)
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}{reference}/etendre"), "/etendre")
    refused = send(client, form, extends="oda-2027-00099")
    assert "La clé de la demande ODA-2027-00099 ne peut pas être étendue" in refused.text
    assert '<a href="#extends">' in refused.text


@pytest.mark.rule("R44", "R60")
def test_reissue__needs_a_reason_that_holds(portal: Portal) -> None:
    reference = portal.issued()
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}{reference}/reemettre"), "/reemettre")
    refused = send(client, form, reason="compromised", code=CODE)
    assert '<a href="#reason">' in refused.text
    done = send(client, form, reason="lost", code=CODE)
    assert "C'est fait : le nouveau code est enregistré" in plain(done.text)
    assert CODE not in refused.text + done.text


@pytest.mark.rule("R43")
def test_expiry__that_moved_is_ticked_in_one_click(tmp_path: Path, database_url: str) -> None:
    with open_portal(tmp_path, database_url) as before:
        reference = before.issued()
    config = tmp_path / "config.yaml"
    moved = "school_year:\n  end_dates:\n    2026-2027: 2027-07-10\n"
    config.write_text(config.read_text(encoding="utf-8").replace("school_year:\n", moved), encoding="utf-8")
    clock = FakeClock(START)
    portal = Portal(bootstrap(load_settings(config), {}, clock=clock), clock)
    client = portal.client(STAFF)
    page = client.get(PLACE + reference)
    assert "La fin de l'année a bougé" in plain(page.text)
    done = send(client, form_to(page, "/expiration"))
    assert "la date d'expiration est cochée" in plain(done.text)
    assert "a bougé" not in done.text
    again = send(client, form_to(client.get(f"{PLACE}{reference}/expiration"), "/expiration"))
    assert '<a href="#expires_on">' in again.text
    portal.close()


@pytest.mark.rule("R6")
def test_issue__by_who_acted_for_the_establishment_is_refused_when_four_eyes_are_wanted(
    tmp_path: Path, database_url: str
) -> None:
    with open_portal(tmp_path, database_url, settings="four_eyes: true\n") as portal:
        reference = portal.checked()
        client = portal.client(STAFF)
        signed = form_to(client.get(f"{PLACE}{reference}/renvoyer?motif=identite-a-relire"), "/renvoyer")
        send(client, signed)
        form = form_to(client.get(f"{PLACE}{reference}/envoi"), "/envoi")
        send(client, form, behalf_who="Mme Martin, principale", behalf_how="telephone")
        refused = send(client, form_to(client.get(PLACE + reference), "/emettre"), code=CODE)
        assert refused.status_code == 422
        assert "Un autre opérateur doit émettre le code." in refused.text
        assert CODE not in refused.text


@pytest.mark.rule("R35", "R36")
def test_next_ready__begins_again_and_leaves_out_what_does_not_count(portal: Portal) -> None:
    aged = portal.checked(1)
    portal.clock.advance(days=31)
    ready, last = portal.checked(2), portal.checked(3)
    client = portal.client(STAFF)
    page = send(client, form_to(client.get(PLACE + last), "/emettre"), code=CODE).text
    assert f"Demande suivante à émettre : {ready}" in page
    assert aged not in page
    assert "Demande suivante" not in client.get(PLACE + last).text
    assert "Demande suivante" not in portal.client(DRANE).get(PLACE + last).text
