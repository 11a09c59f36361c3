"""The steps one after the other, and what may happen beside them (R17, R25 to R33)."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from notifications.outbox.store import MAILS
from states import commands as c
from states.vocabulary import RevokeReason, Step
from tests.kit.html_forms import HtmlForm, form_to, send
from tests.kit.portal import CHEF, OTHER_CHEF, STAFF, Portal
from tests.portal.web.chef.test_pages import PLACE, plain, relayed
from workflow.requests.detail import load_facts


def form_of(client: TestClient, reference: str, slug: str) -> HtmlForm:
    return form_to(client.get(f"{PLACE}{reference}/{slug}"), f"/{slug}")


@pytest.mark.rule("R25", "R26", "R27", "R28")
def test_steps__one_after_the_other_ask_each_datum_once(portal: Portal) -> None:
    client = portal.client(CHEF)
    declare = form_to(client.get("/etablissement/declarer"), "/declarer")
    born = send(client, declare, nom="Durand", prenom="Zoé", mail="zoe.durand@ac-toulouse.fr")
    reference = born.url.path.rsplit("/", 1)[1]
    assert "C'est fait : le RUPN est déclaré" in plain(born.text)
    delegate = form_of(client, reference, "delegation")
    assert [name for name, value in delegate.fields.items() if not value] == ["made_on", "why"]
    assert "la délégation est attestée" in send(client, delegate, made_on="2026-09-10", why_reason="several_sites").text
    sign = form_of(client, reference, "charte")
    assert [name for name, value in sign.fields.items() if not value] == ["signed_on"]
    assert "la charte signée est enregistrée" in send(client, sign, signed_on="2026-09-11").text
    submit = form_of(client, reference, "envoi")
    assert all(submit.fields.values())
    assert "la demande est envoyée au rectorat" in send(client, submit).text
    assert client.get(f"{PLACE}{reference}/envoi").url.path == PLACE + reference  # nothing left to do there


@pytest.mark.rule("R25")
def test_declaration__the_drane_s_date_is_not_asked_where_the_rectorat_tells_it(portal: Portal) -> None:
    client = portal.client(CHEF)
    assert "drane_declared_on" in form_to(client.get("/etablissement/declarer"), "/declarer").fields
    assert "À déclarer aussi à la DRANE" in client.get(PLACE + portal.declared(2)).text
    object.__setattr__(portal.app.settings.drane, "declaration", "sent_by_us")
    page = client.get("/etablissement/declarer")
    assert "drane_declared_on" not in form_to(page, "/declarer").fields
    assert "Le rectorat transmet cette déclaration à la DRANE" in page.text
    assert "À déclarer aussi à la DRANE" not in client.get(PLACE + portal.declared()).text


@pytest.mark.rule("R16", "R17")
def test_declaration__refused_keeps_what_was_typed(portal: Portal) -> None:
    portal.declared(1)
    client = portal.client(CHEF)
    form = form_to(client.get("/etablissement/declarer"), "/declarer")
    wrong = send(client, form, nom="Durand", prenom="Zoé", mail="zoe")
    assert wrong.status_code == 422
    assert '<a href="#mail">' in wrong.text
    assert form_to(wrong, "/declarer").fields["mail"] == "zoe"
    homonym = send(client, form, nom="Nomb", prenom="Prenom", mail="autre@ac-toulouse.fr")
    confirmation = form_to(homonym, "/declarer")
    assert confirmation.options["homonym_confirmed"] == ["oui"]
    assert "C'est fait" in plain(send(client, confirmation, homonym_confirmed="oui").text)


@pytest.mark.rule("R19")
def test_declaration__a_warning_is_read_before_going_on(portal: Portal) -> None:
    portal.declared(1, OTHER_CHEF)
    client = portal.client(CHEF)
    form = form_to(client.get("/etablissement/declarer"), "/declarer")
    done = plain(send(client, form, nom="Nomb", prenom="Prénom", mail="rupn1@ac-toulouse.fr").text)
    assert "Une demande est en cours pour cette personne dans un autre établissement" in done
    assert "0120001X" not in done


@pytest.mark.rule("R31")
def test_handover__today_is_proposed_and_shown(portal: Portal) -> None:
    reference = portal.issued()
    relayed(portal)
    client = portal.client(CHEF)
    form = form_of(client, reference, "remise")
    assert form.fields["handed_on"] == "2026-09-14"
    refused = send(client, form, handed_on="2026-09-13")
    assert refused.status_code == 422
    assert '<a href="#handed_on">' in refused.text
    assert "la remise est confirmée" in send(client, form).text
    assert "La clé de Prénom Nomb est en service" in client.get(PLACE + reference).text


@pytest.mark.rule("R32")
def test_report__two_questions_and_no_key_lost_without_a_key(portal: Portal) -> None:
    without, with_key = portal.declared(1), portal.issued(2)
    client = portal.client(CHEF)
    of_person = ["mission", "departure", "absence"]
    assert form_of(client, without, "signalement").options["change"] == of_person
    form = form_of(client, with_key, "signalement")
    assert form.options["change"] == [*of_person, "key_compromised"]
    assert "note" not in form.fields
    done = send(client, form, change="departure")
    assert "le signalement est enregistré" in done.text
    assert "Le rectorat traite le signalement" in done.text


@pytest.mark.rule("R32")
def test_new_code__is_asked_in_four_taps_with_nothing_typed(portal: Portal) -> None:
    """From the request, from the hand-over page, from the mail that brought the code."""
    reference, without = portal.issued(1), portal.submitted(2)
    relayed(portal)
    client = portal.client(CHEF)
    address = f"{PLACE}{reference}/nouveau-code"
    assert f'href="{address}"' in client.get(PLACE + reference).text
    assert f'href="{address}"' in client.get(f"{PLACE}{reference}/remise").text
    mails = re.findall(r'href="(/etablissement/courriels/\d+)">Code à remettre', client.get(PLACE + reference).text)
    assert f'href="{address}"' in client.get(mails[0]).text
    form = form_of(client, reference, "nouveau-code")
    assert form.options["change"] == ["code_not_received", "code_refused", "pin_forgotten"]
    typed = form.fields.keys() - {"csrf", "key", "version", "change"}
    assert typed == set(), "one choice, and nothing to type"
    done = send(client, form, change="code_not_received")
    assert "le signalement est enregistré" in done.text
    assert "Signalement en cours : code non reçu, à partir du 14 septembre 2026" in plain(done.text)
    assert client.get(f"{PLACE}{without}/nouveau-code").url.path == PLACE + without, "it has no code"
    assert "/nouveau-code" not in client.get(PLACE + without).text


@pytest.mark.rule("R32")
def test_key__is_given_back_when_it_is_needed_no_more(portal: Portal) -> None:
    reference = portal.issued()
    client = portal.client(CHEF)
    assert "Rendre la clé" in client.get(PLACE + reference).text
    form = form_of(client, reference, "rendre")
    assert form.fields["effective_on"] == "2026-09-14"
    done = plain(send(client, form, effective_on="2026-12-01").text)
    assert "Signalement en cours : clé devenue inutile, à partir du 1er décembre 2026" in done


@pytest.mark.rule("R29")
def test_take_back__leads_to_the_correction_while_nothing_is_checked(portal: Portal) -> None:
    reference, checked = portal.submitted(1), portal.checked(2)
    client = portal.client(CHEF)
    assert "Corriger la demande envoyée" in client.get(PLACE + reference).text
    amend = send(client, form_of(client, reference, "reprise"))
    assert amend.url.path == f"{PLACE}{reference}/correction"
    done = send(client, form_to(amend, "/correction"), mail="z.durand@ac-toulouse.fr")
    assert "la correction est enregistrée" in done.text
    assert "Envoyer la demande" in done.text
    assert "Demande reprise pour être corrigée" in done.text
    assert client.get(f"{PLACE}{checked}/reprise").url.path == PLACE + checked
    with portal.app.database.read() as connection:
        kinds = select(MAILS.c.stage, MAILS.c.fault).where(
            MAILS.c.kind == "new_request", MAILS.c.reference == reference
        )
        assert connection.execute(kinds).all() == [("cancelled", "obsolete")]


@pytest.mark.rule("R29")
def test_amend__changes_what_was_wrong_and_asks_for_a_homonym_when_needed(portal: Portal) -> None:
    portal.declared(1)
    reference = portal.declared(2)
    client = portal.client(CHEF)
    form = form_of(client, reference, "correction")
    assert form.fields["nom"] == "Nomc"
    nothing = send(client, form)
    assert "La correction ne change rien" in nothing.text
    confirmation = form_to(send(client, form, nom="Nomb"), "/correction")
    assert confirmation.options["homonym_confirmed"] == ["oui"]
    assert "la correction est enregistrée" in send(client, confirmation, homonym_confirmed="oui").text


@pytest.mark.rule("R30")
def test_withdrawal__another_reason_wants_a_word(portal: Portal) -> None:
    reference = portal.declared()
    client = portal.client(CHEF)
    form = form_of(client, reference, "abandon")
    refused = send(client, form, reason="other")
    assert '<a href="#note">' in refused.text
    done = send(client, form_to(refused, "/abandon"), note="changement d'organisation")
    assert "la demande est abandonnée" in done.text


@pytest.mark.rule("R33")
def test_renewal__step_by_step_makes_a_new_request(portal: Portal) -> None:
    reference = portal.declared()
    client = portal.client(CHEF)
    send(client, form_of(client, reference, "abandon"), reason="error")
    born = send(client, form_of(client, reference, "renouvellement"))
    assert "la demande est renouvelée" in born.text
    renewed = born.url.path.rsplit("/", 1)[1]
    with portal.app.database.read() as connection:
        request = load_facts(connection, renewed, portal.app.mailer).request
    assert request
    assert (request.renews, request.nom) == (reference, "Nomb")


@pytest.mark.rule("R33")
def test_renewal__of_what_the_rectorat_revoked_says_why(portal: Portal) -> None:
    reference = portal.issued()
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.MISSION), STAFF)
    client = portal.client(CHEF)
    warned = plain(send(client, form_of(client, reference, "renouvellement")).text)
    assert "La demande précédente a été révoquée par le rectorat : changement de mission" in warned


def test_forms__what_no_database_can_hold_is_refused_and_never_an_error(portal: Portal) -> None:
    client = portal.client(CHEF)
    form = form_to(client.get("/etablissement/demande-complete"), "/demande-complete")
    odd = {"nom": "a\0b", "prenom": "\0", "mail": "a\0b@ac-toulouse.fr", "why": "\0", "key": "\0", "version": "٣"}
    answer = send(client, form, made_on="2026-09-10", signed_on="2026-09-11", **odd)
    assert answer.status_code == 422
    assert client.get("/etablissement/demandes?apres=%00").status_code == 422


@pytest.mark.rule("R38")
@pytest.mark.parametrize("slug", ["charte", "terminer", "correction"])
def test_sent_back__its_reason_is_read_on_the_form_that_repairs_it(portal: Portal, slug: str) -> None:
    reference = portal.submitted()
    client = portal.client(CHEF)
    portal.do(c.SendBack(reference=reference, step=Step.CHARTER, why="date illisible"), STAFF)
    page = client.get(f"{PLACE}{reference}/{slug}")
    assert page.url.path.endswith(slug)
    assert "date illisible" in page.text
    assert "date illisible" not in client.get(f"{PLACE}{reference}/abandon").text
