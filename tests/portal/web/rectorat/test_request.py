"""A request on one page for the rectorat: what it shows, to whom, and its papers."""

from datetime import date

import pytest
from sqlalchemy import update

from notifications.outbox.store import MAILS
from notifications.vocabulary import Fault, Kind, Stage
from states import commands as c
from states.vocabulary import Change, CheckOutcome, RevokeReason
from tests.kit.html_forms import forms_of
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal

PLACE = "/rectorat/demandes/"


def plain(text: str) -> str:
    """The words of a page, without its tags' line breaks."""
    return " ".join(text.split())


@pytest.mark.rule("R2")
def test_page__of_a_reader_shows_all_and_offers_nothing(portal: Portal) -> None:
    reference = portal.checked()
    reader, operator = portal.client(DRANE), portal.client(STAFF)
    read, worked = reader.get(PLACE + reference), operator.get(PLACE + reference)
    assert (read.status_code, worked.status_code) == (200, 200)
    assert forms_of(read) == []
    assert forms_of(worked) != []
    for words in ("Prénom Nomb", "Collège Jean-Jaurès", "ce.0310001h@ac-toulouse.fr", "Encore valable", "liste reçue"):
        assert words in read.text
    assert "/revoquer" not in read.text
    assert reader.get(f"{PLACE}{reference}/revoquer").status_code == 403
    assert reader.post(f"{PLACE}{reference}/revoquer", data={}).status_code == 403


def test_page__that_does_not_exist_or_is_not_for_a_chef(portal: Portal) -> None:
    reference = portal.submitted()
    assert portal.client(STAFF).get(PLACE + "ODA-2027-09999").status_code == 404
    assert portal.client(STAFF).get(f"{PLACE}{reference}/inconnu").status_code == 404
    assert portal.client(CHEF).get(PLACE + reference).status_code == 403


@pytest.mark.rule("R19", "R42")
def test_page__tells_the_persons_other_requests_and_proposes_the_extension(portal: Portal) -> None:
    holder = portal.issued(3)
    reference = portal.checked(3, OTHER_CHEF)
    page = portal.client(STAFF).get(PLACE + reference)
    assert f'href="{PLACE}{holder}"' in page.text
    assert "Un nouveau code la réinitialiserait" in plain(page.text)
    (form,) = (form for form in forms_of(page) if form.action.endswith("/emettre"))
    assert form.fields["extends"] == holder
    assert form.options["extends"] == [holder, "ailleurs", "nouveau"]


@pytest.mark.rule("R48")
def test_page__says_what_is_to_be_removed_today(portal: Portal) -> None:
    reference = portal.issued()
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    page = plain(portal.client(DRANE).get(PLACE + reference).text)
    assert "Aujourd'hui : Retirer les droits de la clé." in page


@pytest.mark.rule("R8")
def test_page__tells_the_history_with_who_and_how(portal: Portal) -> None:
    reference = portal.issued()
    report = c.ReportChange(
        reference=reference, change=Change.KEY_LOST, effective_on=date(2026, 9, 14), note="au gymnase"
    )
    portal.do(report, CHEF)
    page = plain(portal.client(DRANE).get(PLACE + reference).text)
    assert "<strong>Changement signalé</strong>, le 14 septembre 2026 à 10 h 00" in page
    assert "Par Claire Martin, chef d'établissement (0310001H) – portail." in page.replace("&#39;", "'")
    assert "Précision : « au gymnase »." in page
    assert "code ou code PIN perdu, à partir du 14 septembre 2026" in page


@pytest.mark.rule("R35", "R36")
def test_page__says_why_a_check_does_not_count_any_more(portal: Portal) -> None:
    reference = portal.checked()
    portal.clock.advance(days=31)
    page = portal.client(STAFF).get(PLACE + reference)
    assert "date de plus de 30 jours" in page.text
    ends = [form.action.rsplit("/", 1)[1] for form in forms_of(page)]
    assert [end for end in ends if end.startswith("verifier")] == ["verifier-liste", "verifier-delegation"]


def test_page__of_a_negative_check_leads_to_the_fitting_reason(portal: Portal) -> None:
    reference = portal.submitted()
    portal.do(c.CheckListing(reference=reference, outcome=CheckOutcome.NEGATIVE, source="liste"), STAFF)
    client = portal.client(STAFF)
    assert f"{reference}/renvoyer?motif=absent-de-la-liste" in client.get(PLACE + reference).text


@pytest.mark.rule("R27", "R31", "R69")
def test_papers__are_there_once_they_have_an_object(portal: Portal) -> None:
    waiting, issued, reader = portal.submitted(1), portal.issued(2), portal.client(DRANE)
    charter = reader.get(f"{PLACE}{waiting}/charte.pdf")
    assert charter.headers["content-type"] == "application/pdf"
    assert charter.content.startswith(b"%PDF-")
    assert waiting in charter.headers["content-disposition"]
    assert reader.get(f"{PLACE}{waiting}/bordereau.pdf").status_code == 404
    assert reader.get(f"{PLACE}{issued}/bordereau.pdf").content.startswith(b"%PDF-")


@pytest.mark.rule("R58")
def test_page__of_a_code_that_did_not_arrive_gives_the_servers_words(portal: Portal) -> None:
    reference = portal.issued()
    lost = {"stage": Stage.DEAD.value, "fault": Fault.RECIPIENT_REFUSED.value, "last_reply": "550 5.1.1 <inconnue>"}
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).where(MAILS.c.kind == Kind.CODE_ISSUED.value).values(**lost))
    page = plain(portal.client(STAFF).get(PLACE + reference).text)
    assert "Le code n'est pas arrivé" in page.replace("&#39;", "'")
    assert "Destinataire refusé. Réponse du serveur : « 550 5.1.1 &lt;inconnue&gt; »." in page
    assert f'href="{PLACE}{reference}/reemettre"' in page
