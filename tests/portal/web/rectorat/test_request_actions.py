"""What an operator does of a request from its page: checks, sends back, reports, settles, revokes, confirms."""

from datetime import date

import pytest
from fastapi.testclient import TestClient

from states import commands as c
from states.vocabulary import Change, CheckOutcome, ReissueReason, RevokeReason, State
from tests.kit.html_forms import HtmlForm, form_to, forms_of, send
from tests.kit.portal import CHEF, STAFF, Portal
from tests.portal.web.chef.test_pages import relayed

PLACE = "/rectorat/demandes/"
TODAY = date(2026, 9, 14)


def plain(text: str) -> str:
    return " ".join(text.replace("&#39;", "'").split())


def form_of(client: TestClient, reference: str, slug: str, query: str = "") -> HtmlForm:
    """The form of an action's page, with a version of the request as it stands."""
    return form_to(client.get(f"{PLACE}{reference}/{slug}{query}"), f"/{slug}")


def state_of(portal: Portal, reference: str) -> State:
    from workflow.requests.detail import load_facts

    with portal.app.database.read() as connection:
        request = load_facts(connection, reference, portal.app.mailer).request
    assert request
    return request.state


@pytest.mark.rule("R34")
def test_checks__are_done_in_one_click_each_and_remember_the_source(portal: Portal) -> None:
    first, second = portal.submitted(1), portal.submitted(2)
    client = portal.client(STAFF)
    listing = form_to(client.get(PLACE + first), "/verifier-liste")
    done = send(client, listing, outcome="positive", source="export DRANE du 14")
    assert "C'est fait : la vérification de la liste est enregistrée" in plain(done.text)
    after = send(client, form_to(done, "/verifier-delegation"), outcome="positive")
    assert form_to(after, "/emettre").fields["expires_on"] == "2027-08-31"
    assert form_to(client.get(PLACE + second), "/verifier-liste").fields["source"] == "export DRANE du 14"
    assert form_to(client.get(PLACE + second), "/verifier-delegation").fields["source"] == "liste reçue"


@pytest.mark.rule("R34")
def test_check__refused_stands_beside_its_field(portal: Portal) -> None:
    reference = portal.submitted()
    client = portal.client(STAFF)
    form = form_of(client, reference, "verifier-delegation")
    refused = send(client, form, outcome="positive", checked_on="2026-09-13")
    assert refused.status_code == 422
    assert '<a href="#checked_on">' in refused.text
    assert "Cette date doit être le 14 septembre 2026" in plain(refused.text)
    assert form_to(refused, "/verifier-delegation").fields["outcome"] == "positive"
    nothing = send(client, form)
    assert "Choisir une réponse." in nothing.text


@pytest.mark.rule("R38")
def test_send_back__fills_the_form_with_a_ready_reason_to_edit(portal: Portal) -> None:
    reference = portal.submitted()
    client = portal.client(STAFF)
    form = form_of(client, reference, "renvoyer", "?motif=delegation-introuvable")
    assert form.fields["step"] == "delegation"
    assert "n'apparaît pas dans DelegCE" in form.fields["why"]
    assert form_of(client, reference, "renvoyer", "?motif=<b>&why=ailleurs&step=charter").fields["why"] == ""
    refused = send(client, form, why=" ")
    assert refused.status_code == 422
    assert '<a href="#why">' in refused.text
    done = send(client, form, why=form.fields["why"] + " Merci.")
    assert "la demande est renvoyée à l'établissement" in plain(done.text)
    assert "puis attestez-la de nouveau. Merci. »" in plain(done.text)
    assert state_of(portal, reference) is State.DECLARED


@pytest.mark.rule("R9")
def test_action__tells_who_acted_in_between_and_shows_the_new_state(portal: Portal) -> None:
    reference = portal.checked()
    client = portal.client(STAFF)
    form = form_of(client, reference, "renvoyer", "?motif=autre-date")
    portal.do(c.IssueCode(reference=reference, code=c.Code(clear="Ab12Cd34")), STAFF)
    refused = send(client, form)
    assert refused.status_code == 422
    text = plain(refused.text)
    assert "La demande a changé entre-temps ; dernière action : émettre le code, par op@ac-toulouse.fr" in text
    assert "le 14 septembre 2026 à 10 h 00 (R9)" in text
    assert "code transmis" in text
    assert forms_of(refused) == []
    assert "Voir où en est la demande" in text


@pytest.mark.rule("R9")
def test_action__after_another_check_can_be_sent_again_as_it_stands(portal: Portal) -> None:
    reference = portal.submitted()
    client = portal.client(STAFF)
    form = form_to(client.get(PLACE + reference), "/verifier-liste")
    portal.do(c.CheckDelegation(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste"), STAFF)
    refused = send(client, form, outcome="positive")
    assert "La demande a changé entre-temps" in refused.text
    done = send(client, form_to(refused, "/verifier-liste"))
    assert "la vérification de la liste est enregistrée" in plain(done.text)


@pytest.mark.rule("R10")
def test_action__sent_twice_is_done_once(portal: Portal) -> None:
    reference = portal.issued()
    report = c.ReportChange(reference=reference, change=Change.ABSENCE, effective_on=date(2026, 9, 14))
    portal.do(report, CHEF)
    client = portal.client(STAFF)
    form = form_of(client, reference, "regler")
    for _ in range(2):
        done = send(client, form, settlement="no_effect", why="retour prévu")
        assert "C'est fait : le signalement est réglé" in plain(done.text)
    assert done.text.count("Signalement réglé") == 1
    behalf = form_of(client, reference, "remise")
    assert {"behalf_who", "behalf_when"} < behalf.fields.keys()


@pytest.mark.rule("R5", "R10")
def test_behalf__withdraws_for_who_telephoned_even_when_sent_twice(portal: Portal) -> None:
    reference = portal.submitted()
    client = portal.client(STAFF)
    assert "Agir pour l'établissement (qui a téléphoné…)" in plain(client.get(PLACE + reference).text)
    form = form_of(client, reference, "abandon")
    values = {"reason": "not_needed", "behalf_who": "Mme Martin, principale", "behalf_how": "telephone"}
    assert '<a href="#behalf_who">' in send(client, form, reason="not_needed").text
    late = send(client, form, **values, behalf_when="2026-09-20")
    assert late.status_code == 422
    assert '<a href="#behalf_when">' in late.text
    for _ in range(2):
        done = send(client, form, **values)
        assert "C'est fait : la demande est abandonnée" in plain(done.text)
    assert "Demandé par : « Mme Martin, principale »." in plain(done.text)


@pytest.mark.rule("R32", "R46")
def test_report__is_made_then_settled_by_its_number(portal: Portal) -> None:
    reference = portal.issued()
    client = portal.client(STAFF)
    form = form_of(client, reference, "signaler")
    assert '<a href="#change">' in send(client, form).text
    send(client, form, change="pin_forgotten")
    send(client, form_of(client, reference, "signaler"), change="mission", effective_on="2026-10-01")
    chosen = form_of(client, reference, "regler", "?signalement=2")
    assert chosen.fields["report"] == "2"
    refused = send(client, chosen, settlement="no_effect", why=" ")
    assert '<a href="#why">' in refused.text
    assert "réglé le 14 septembre 2026" in send(client, chosen, settlement="no_effect", why="annulé").text


@pytest.mark.rule("R10", "R44", "R46")
def test_answer__a_new_code_settles_the_report_in_one_form(portal: Portal) -> None:
    """Sent twice, one code leaves."""
    reference = portal.issued()
    portal.do(c.ReportChange(reference=reference, change=Change.CODE_REFUSED, effective_on=TODAY), CHEF)
    client = portal.client(STAFF)
    form = form_to(client.get(PLACE + reference), "/regler")
    assert '<a href="#code">' in send(client, form, settlement="reissued").text
    for _ in range(2):
        done = plain(send(client, form, settlement="reissued", code="Zq93Kx71").text)
        assert "C'est fait : le nouveau code est enregistré" in done
    assert "code refusé, à partir du 14 septembre 2026" in done
    assert "réglé le 14 septembre 2026 à 10 h 00 : code réémis" in done
    assert done.count("Code réémis") == 1
    assert "Signalement réglé n° : 1" in done


@pytest.mark.rule("R44", "R46")
def test_answer__a_code_made_before_is_only_said(portal: Portal) -> None:
    reference = portal.issued()
    portal.do(c.ReportChange(reference=reference, change=Change.ABSENCE, effective_on=TODAY), CHEF)
    portal.do(c.ReportChange(reference=reference, change=Change.KEY_COMPROMISED, effective_on=TODAY), CHEF)
    portal.clock.advance(hours=1)
    code = c.Code(clear="Zq93Kx71")
    portal.do(c.ReissueCode(reference=reference, reason=ReissueReason.COMPROMISED, code=code), STAFF)
    client = portal.client(STAFF)
    done = send(client, form_of(client, reference, "regler"), report="1", settlement="reissued", why="code refait")
    assert "le signalement est réglé" in done.text
    assert done.text.count("Code réémis") == 1


@pytest.mark.rule("R10", "R45", "R46")
def test_answer__a_revocation_settles_every_report(portal: Portal) -> None:
    reference = portal.issued()
    portal.do(c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=date(2026, 12, 1)), CHEF)
    client = portal.client(STAFF)
    form = form_of(client, reference, "regler")
    warned = plain(send(client, form, settlement="revoked").text)
    assert "ne prenait effet que le 1er décembre 2026 : les droits sont révoqués dès aujourd'hui" in warned
    assert "C'est fait" in plain(send(client, form, settlement="revoked").text)
    page = plain(client.get(PLACE + reference).text)
    assert "réglé le 14 septembre 2026 à 10 h 00 : droits révoqués" in page
    assert "Raison : départ" in page
    assert state_of(portal, reference) is State.REVOKED


@pytest.mark.rule("R46")
def test_answer__a_revocation_on_a_day_to_come(portal: Portal) -> None:
    reference = portal.issued()
    portal.do(c.ReportChange(reference=reference, change=Change.MISSION, effective_on=date(2026, 12, 1)), CHEF)
    client = portal.client(STAFF)
    form = form_of(client, reference, "regler")
    assert form.fields["revoke_on"] == "2026-12-01"
    done = plain(send(client, form, settlement="revocation_dated", why="fin de mission").text)
    assert "révocation datée, le 1er décembre 2026" in done
    assert "Révocation datée</strong>" in done
    chef = plain(portal.client(CHEF).get(f"/etablissement/demandes/{reference}").text)
    assert "droits révoqués le 1er décembre 2026" in chef
    assert "Révocations datées" in client.get("/rectorat/calendrier").text
    relayed(portal)
    portal.do(c.ConfirmHandover(reference=reference, handed_on=TODAY), CHEF)
    assert "La demande sera révoquée le 1er décembre 2026 (changement de mission)" in plain(
        client.get(PLACE + reference).text
    )
    chef = plain(portal.client(CHEF).get(f"/etablissement/demandes/{reference}").text)
    assert "est en service. Les droits seront révoqués le 1er décembre 2026" in chef


@pytest.mark.rule("R45", "R49")
def test_revoke__then_the_removal_is_confirmed(portal: Portal) -> None:
    reference = portal.issued()
    client = portal.client(STAFF)
    form = form_of(client, reference, "revoquer")
    assert '<a href="#note">' in send(client, form, reason="other").text
    revoked = send(client, form, reason="departure")
    assert "C'est fait : la demande est révoquée" in plain(revoked.text)
    removal = form_to(revoked, "/retrait")
    assert removal.fields["outcome"] == "kept", "the obvious answer is what was asked for: the rights, not the key"
    assert "le retrait est confirmé" in plain(send(client, removal).text)
    closed = client.get(f"/rectorat/demandes/{reference}").text
    assert "Droits retirés, clé gardée" in closed
    assert f"/rectorat/demandes/{reference}/rouvrir-retrait" in closed


@pytest.mark.rule("R47")
def test_removal__proposes_no_answer_to_an_open_question(portal: Portal) -> None:
    reference = portal.checked()
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.REFUSAL, note="déjà pourvu"), STAFF)
    client = portal.client(STAFF)
    assert "outcome" not in form_of(client, reference, "retrait").fields


def test_action__that_is_not_open_leads_back(portal: Portal) -> None:
    reference = portal.submitted()
    back = portal.client(STAFF).get(f"{PLACE}{reference}/reemettre")
    assert back.url.path == PLACE + reference
