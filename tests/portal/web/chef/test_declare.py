"""One sitting: a whole request, a renewal, the end of one that was begun (R7, R10, R25 to R28, R33)."""

from datetime import date, datetime

import pytest
from fastapi.testclient import TestClient

from states import commands as c
from states.vocabulary import Step, WithdrawReason
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, OTHER_CHEF, PARIS, STAFF, TWO_SCHOOLS, Portal
from workflow.requests.lists import list_chef_requests

WHOLE = "/etablissement/demande-complete"
PLACE = "/etablissement/demandes/"
TYPED = {
    "nom": "Durand", "prenom": "Zoé", "mail": "zoe.durand@ac-toulouse.fr", "made_on": "2026-09-10",
    "signed_on": "2026-09-11", "why_reason": "several_sites",
}  # fmt: skip


def plain(text: str) -> str:
    return " ".join(text.replace("&#39;", "'").split())


def states(portal: Portal, uai: str = "0310001H") -> list[str]:
    app = portal.app
    with app.database.read() as connection:
        actor = portal.actor(STAFF)
        page = list_chef_requests(connection, uai, actor, app.policy, app.mailer, portal.clock.now())
    return [item.request.state.value for item in page.items]


def whole(client: TestClient, **typed: str) -> str:
    """Send the whole request; the page to which that leads."""
    return plain(send(client, form_to(client.get(WHOLE), "/demande-complete"), **TYPED | typed).text)


@pytest.mark.rule("R7", "R28")
def test_whole__six_data_make_a_request(portal: Portal) -> None:
    client = portal.client(CHEF)
    form = form_to(client.get(WHOLE), "/demande-complete")
    assert [name for name, value in form.fields.items() if not value] == [
        "prenom", "nom", "mail", "drane_declared_on", "made_on", "why", "signed_on",
    ]  # fmt: skip
    assert "C'est fait : la demande est envoyée au rectorat" in whole(client)
    assert states(portal) == ["requested"]


@pytest.mark.rule("R7")
def test_whole__refused_keeps_what_was_typed_and_changes_nothing(portal: Portal) -> None:
    client = portal.client(CHEF)
    form = form_to(client.get(WHOLE), "/demande-complete")
    answer = send(client, form, **TYPED | {"nom": "123", "made_on": "2027-01-01", "signed_on": "2026-01-01"})
    assert answer.status_code == 422
    for name in ("nom", "made_on", "signed_on"):
        assert f'<a href="#{name}">' in answer.text
    again = form_to(answer, "/demande-complete")
    assert again.fields["prenom"] == "Zoé"
    assert again.fields["made_on"] == "2027-01-01"
    assert states(portal) == []


@pytest.mark.rule("R10")
def test_whole__sent_twice_makes_one_request(portal: Portal) -> None:
    client = portal.client(CHEF)
    form = form_to(client.get(WHOLE), "/demande-complete")
    first, again = send(client, form, **TYPED), send(client, form, **TYPED)
    assert first.url.path == again.url.path
    assert states(portal) == ["requested"]


@pytest.mark.rule("R17")
def test_whole__a_homonym_is_confirmed_only_when_there_is_one(portal: Portal) -> None:
    client = portal.client(CHEF)
    form = form_to(client.get(WHOLE), "/demande-complete")
    assert "homonym_confirmed" not in form.options
    send(client, form, **TYPED)
    fresh = form_to(client.get(WHOLE), "/demande-complete")
    answer = send(client, fresh, **TYPED | {"mail": "zoe.durand2@ac-toulouse.fr"})
    assert "déjà la demande ODA-2027-00001" in answer.text
    confirmation = form_to(answer, "/demande-complete")
    assert confirmation.options["homonym_confirmed"] == ["oui"]
    assert "C'est fait" in plain(send(client, confirmation, homonym_confirmed="oui").text)
    assert states(portal) == ["requested", "requested"]


@pytest.mark.rule("R3")
def test_whole__is_for_the_establishment_that_the_page_was_about(portal: Portal) -> None:
    client = portal.client(TWO_SCHOOLS)
    form = form_to(client.get(WHOLE), "/demande-complete")
    home = client.get("/etablissement")
    send(client, form_to(home, "/choisir"), uai="0310002J")
    send(client, form, **TYPED)
    assert states(portal) == ["requested"]
    assert states(portal, "0310002J") == []
    stolen = client.post(form.action, data=form.fields | TYPED | {"uai": "0120001X"})
    assert stolen.status_code == 404


@pytest.mark.rule("R20", "R21")
def test_whole__the_year_is_asked_only_when_two_are_open(portal: Portal) -> None:
    client = portal.client(CHEF)
    assert "school_year" not in form_to(client.get(WHOLE), "/demande-complete").options
    portal.clock.set(datetime(2027, 8, 10, 9, tzinfo=PARIS))
    page = portal.client(CHEF).get(WHOLE)
    form = form_to(page, "/demande-complete")
    assert form.options["school_year"] == ["2026-2027", "2027-2028"]
    assert form.fields["school_year"] == "2027-2028"
    assert "2026-2027 (elle finit bientôt : la clé servira peu)" in page.text


@pytest.mark.rule("R33")
def test_renewal__asks_for_the_two_dates_alone(portal: Portal) -> None:
    reference = portal.issued_last_year()
    client = portal.client(CHEF)
    assert f'href="{PLACE}{reference}/renouveler"' in client.get("/etablissement").text
    form = form_to(client.get(f"{PLACE}{reference}/renouveler"), "/renouveler")
    assert {name for name, value in form.fields.items() if not value} == {"made_on", "signed_on"}
    assert not form.options
    refused = send(client, form, made_on="2026-06-10", signed_on="2025-09-11")
    assert refused.status_code == 422
    assert refused.text.count("fr-message--error") == 1  # a delegation of June serves the campaign open since June
    done = send(client, form_to(refused, "/renouveler"), made_on="2026-09-10", signed_on="2026-09-11")
    assert "la demande est envoyée au rectorat" in done.text
    assert "Une autre demande" not in done.text
    assert "est en cours pour cette personne" not in done.text  # last year's, still live, is what it renews (R19)
    assert "accueil des familles" in client.get(f"{PLACE}ODA-2027-00001").text
    assert "/renouveler" not in client.get("/etablissement").text


@pytest.mark.rule("R7")
def test_finishing__does_what_is_left(portal: Portal) -> None:
    reference = portal.declared()
    client = portal.client(CHEF)
    form = form_to(client.get(f"{PLACE}{reference}/terminer"), "/terminer")
    assert {name for name, value in form.fields.items() if not value} == {"made_on", "why", "signed_on"}
    done = send(
        client, form, made_on="2026-09-10", why_reason="outside_hours", why="Et le samedi.", signed_on="2026-09-11"
    )
    assert "C'est fait : la demande est envoyée" in plain(done.text)
    again = send(
        client, form, made_on="2026-09-10", why_reason="outside_hours", why="Et le samedi.", signed_on="2026-09-11"
    )
    assert (again.status_code, again.url.path) == (200, f"{PLACE}{reference}")
    html = client.get(f"{PLACE}{reference}").text
    assert "Les familles sont aussi accueillies hors des heures du secrétariat. Et le samedi." in plain(html)


@pytest.mark.rule("R26")
def test_reason__is_ticked_or_written_and_never_ready_made(portal: Portal) -> None:
    reference = portal.declared()
    client = portal.client(CHEF)
    form = form_to(client.get(f"{PLACE}{reference}/delegation"), "/delegation")
    assert "why_reason" not in form.fields, "nothing is ticked for the chef"
    bare = send(client, form, made_on="2026-09-10")
    assert "Choisir une raison, ou « Une autre raison »." in plain(bare.text)
    other = send(client, form, made_on="2026-09-10", why_reason="other")
    assert (other.status_code, '<a href="#why">' in other.text) == (422, True)
    done = send(client, form, made_on="2026-09-10", why_reason="other", why="Internat ouvert la nuit.")
    assert "la délégation est attestée" in plain(done.text)


@pytest.mark.rule("R26", "R38")
@pytest.mark.parametrize(
    ("why", "code", "words"),
    [("L'établissement a plusieurs sites. Trois.", "several_sites", "Trois."), ("accueil", "other", "accueil")],
)
def test_reason__of_a_request_sent_back_is_not_asked_twice(portal: Portal, why: str, code: str, words: str) -> None:
    reference = portal.submitted()
    portal.do(c.SendBack(reference=reference, step=Step.DECLARATION, why="nom à revoir"), STAFF)
    client = portal.client(CHEF)
    portal.do(c.Delegate(reference=reference, why=why, made_on=date(2026, 9, 14)), CHEF)
    version = portal.app.settings.charter.version
    portal.do(c.SignCharter(reference=reference, signed_on=date(2026, 9, 14), version=version, copy_kept=True), CHEF)
    portal.do(c.Submit(reference=reference, nom="Nomb", prenom="Prénom", mail="rupn1@ac-toulouse.fr"), CHEF)
    portal.do(c.SendBack(reference=reference, step=Step.DELEGATION, why="pas dans DelegCE"), STAFF)
    form = form_to(client.get(f"{PLACE}{reference}/delegation"), "/delegation")
    assert (form.fields["why_reason"], form.fields["why"]) == (code, words)


@pytest.mark.rule("R38")
def test_finishing__what_was_sent_back_proposes_the_dates_that_still_stand(portal: Portal) -> None:
    reference = portal.submitted()
    portal.do(c.SendBack(reference=reference, step=Step.DELEGATION, why="pas dans DelegCE"), STAFF)
    client = portal.client(CHEF)
    assert "pas dans DelegCE" in client.get(PLACE + reference).text
    form = form_to(client.get(f"{PLACE}{reference}/terminer"), "/terminer")
    assert (form.fields["made_on"], form.fields["signed_on"]) == ("", "2026-09-14")
    portal.do(c.Amend(reference=reference, nom="Autre"), CHEF)
    form = form_to(client.get(f"{PLACE}{reference}/terminer"), "/terminer")
    assert form.fields["signed_on"] == ""


@pytest.mark.rule("R9")
def test_finishing__a_request_that_changed_meanwhile_says_by_whom(portal: Portal) -> None:
    reference = portal.declared()
    client = portal.client(CHEF)
    form = form_to(client.get(f"{PLACE}{reference}/terminer"), "/terminer")
    portal.do(c.Amend(reference=reference, prenom="Autre"), CHEF)
    answer = send(client, form, made_on="2026-09-10", why_reason="several_sites", signed_on="2026-09-11")
    assert answer.status_code == 422
    assert ", par Claire Martin, chef d'établissement" in plain(answer.text)
    assert states(portal) == ["declared"]


@pytest.mark.rule("R9")
@pytest.mark.parametrize("done", ["sent", "given up"])
def test_finishing__what_somebody_ended_meanwhile_says_by_whom(portal: Portal, done: str) -> None:
    reference = portal.declared()
    mine, theirs = portal.client(CHEF), portal.client(CHEF)
    form, other = (form_to(client.get(f"{PLACE}{reference}/terminer"), "/terminer") for client in (mine, theirs))
    typed = {"made_on": "2026-09-10", "why_reason": "several_sites", "signed_on": "2026-09-11"}
    if done == "sent":
        assert "C'est fait" in plain(send(theirs, other, **typed).text)
    else:
        portal.do(c.Withdraw(reference=reference, reason=WithdrawReason.NOT_NEEDED), CHEF)
    answer = send(mine, form, **typed)
    assert answer.status_code == 422
    assert "Rien n'a été enregistré" in plain(answer.text)
    assert ", par Claire Martin, chef d'établissement" in plain(answer.text)
    assert "Voir où en est la demande" in answer.text
    assert "/terminer" not in answer.text


@pytest.mark.rule("R9", "R10", "R33")
def test_renewal__made_in_another_tab_is_said(portal: Portal) -> None:
    (reference,) = portal.ended_last_year(1)
    mine, theirs = portal.client(CHEF), portal.client(CHEF)
    form, other = (form_to(client.get(f"{PLACE}{reference}/renouveler"), "/renouveler") for client in (mine, theirs))
    typed = {"made_on": "2026-09-10", "signed_on": "2026-09-11"}
    renewal = send(theirs, other, **typed)
    assert "C'est fait" in plain(renewal.text)
    assert send(theirs, other, **typed).url.path == renewal.url.path
    answer = send(mine, form, **typed)
    assert answer.status_code == 422
    assert "Rien n'a été enregistré" in plain(answer.text)
    assert renewal.url.path.rsplit("/", 1)[1] in answer.text


@pytest.mark.rule("R3")
def test_sittings__another_s_request_is_not_found(portal: Portal) -> None:
    reference = portal.declared()
    other = portal.client(OTHER_CHEF)
    own = form_to(other.get(WHOLE), "/demande-complete").fields
    for slug in ("terminer", "renouveler"):
        assert other.get(f"{PLACE}{reference}/{slug}").status_code == 404
        assert other.post(f"{PLACE}{reference}/{slug}", data=own).status_code == 404


@pytest.mark.rule("R16")
def test_whole__an_unusual_address_is_confirmed_by_a_box(portal: Portal) -> None:
    client = portal.client(CHEF)
    form = form_to(client.get(WHOLE), "/demande-complete")
    assert "mail_confirmed" not in form.options
    answer = send(client, form, **TYPED | {"mail": "zoe.durand@ac-touluose.fr"})
    assert answer.status_code == 422
    assert "le domaine ressemble à « ac-toulouse.fr »" in plain(answer.text)
    confirmation = form_to(answer, "/demande-complete")
    assert confirmation.fields["mail"] == "zoe.durand@ac-touluose.fr"
    assert "C'est fait" in plain(send(client, confirmation, mail_confirmed="oui").text)
    page = plain(portal.client(STAFF).get("/rectorat/demandes/ODA-2027-00001").text)
    assert "À vérifier. Cette adresse n'est pas de celles de l'académie" in page


@pytest.mark.rule("R16")
@pytest.mark.parametrize("mailbox", ["ce.0310001h@ac-toulouse.fr", "CE.0120001X@ac-toulouse.fr"])
def test_whole__the_mailbox_of_any_establishment_is_refused(portal: Portal, mailbox: str) -> None:
    client = portal.client(CHEF)
    answer = send(client, form_to(client.get(WHOLE), "/demande-complete"), **TYPED | {"mail": mailbox})
    assert answer.status_code == 422
    assert "Cette adresse est la boîte fonctionnelle d'un établissement" in plain(answer.text)
    assert states(portal) == []


@pytest.mark.rule("R16")
def test_whole__the_fault_of_an_address_is_named_with_the_settings_example(portal: Portal) -> None:
    client = portal.client(CHEF)
    page = client.get(WHOLE)
    answer = send(client, form_to(page, "/demande-complete"), **TYPED | {"mail": "zoe.durand,ac-toulouse.fr"})
    assert "contient une virgule : écrire un point à la place" in plain(answer.text)
    assert page.text.count("prenom.nom@ac-toulouse.fr") == 1
    assert "ac-academie.fr" not in answer.text


@pytest.mark.rule("R16")
@pytest.mark.parametrize(("choice", "written"), [("proposed", "Zoé Martin"), ("typed", "zoé MARTIN")])
def test_declare__a_name_is_proposed_as_an_administration_writes_it(portal: Portal, choice: str, written: str) -> None:
    client = portal.client(CHEF)
    form = form_to(client.get(WHOLE), "/demande-complete")
    answer = send(client, form, **TYPED | {"nom": "MARTIN", "prenom": "zoé"})
    assert answer.status_code == 422
    assert "Zoé Martin (proposé)" in plain(answer.text)
    confirmation = form_to(answer, "/demande-complete")
    assert confirmation.fields["name_form"] == "proposed"
    send(client, confirmation, name_form=choice)
    with portal.app.database.read() as connection:
        page = list_chef_requests(
            connection, "0310001H", portal.actor(STAFF), portal.app.policy, portal.app.mailer, portal.clock.now()
        )
    (item,) = page.items
    assert f"{item.request.prenom} {item.request.nom}" == written


@pytest.mark.rule("R7", "R16")
def test_whole__what_is_wrong_with_the_rupn_is_said_though_a_date_is_missing(portal: Portal) -> None:
    client = portal.client(CHEF)
    typed = TYPED | {"mail": "zoe.durand@gmail.com", "signed_on": "", "nom": "Durand"}
    answer = send(client, form_to(client.get(WHOLE), "/demande-complete"), **typed)
    assert answer.status_code == 422
    assert "Donner une date." in answer.text
    assert "Cette adresse n'est pas de celles de l'académie" in plain(answer.text)
    again = form_to(answer, "/demande-complete")
    assert again.options["mail_confirmed"] == ["oui"]
    assert states(portal) == []
    assert "C'est fait" in plain(send(client, again, mail_confirmed="oui", signed_on=TYPED["signed_on"]).text)
    duplicate = TYPED | {"mail": "zoe.durand@gmail.com", "signed_on": ""}
    answer = send(client, form_to(client.get(WHOLE), "/demande-complete"), **duplicate)
    assert "ODA-2027-00001" in answer.text
    assert "Donner une date." in answer.text


@pytest.mark.rule("R7", "R16")
def test_whole__what_is_to_be_confirmed_is_asked_at_once(portal: Portal) -> None:
    """The writing of the name and the address: two questions, one round, and nothing is done meanwhile."""
    client = portal.client(CHEF)
    form = form_to(client.get(WHOLE), "/demande-complete")
    answer = send(client, form, **TYPED | {"nom": "MARTIN", "mail": "zoe.durand@ac-touluose.fr"})
    assert answer.status_code == 422
    confirmation = form_to(answer, "/demande-complete")
    assert confirmation.fields["name_form"] == "proposed"
    assert "mail_confirmed" in answer.text
    assert states(portal) == []
    assert "C'est fait" in plain(send(client, confirmation, mail_confirmed="oui").text)


@pytest.mark.rule("R7", "R18")
def test_whole__a_duplicate_is_a_link_without_a_rule_number(portal: Portal) -> None:
    client = portal.client(CHEF)
    whole(client)
    answer = send(client, form_to(client.get(WHOLE), "/demande-complete"), **TYPED)
    assert f'<a href="{PLACE}ODA-2027-00001">ODA-2027-00001</a>' in answer.text
    assert "(R18)" not in answer.text
