"""What a chef sees: what to do, the requests, the papers, the mails (R3, R4, R27, R31, R37, R60)."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from notifications.delivery.transactions import MailStore
from notifications.outbox.store import MAILS
from notifications.rendering.markup import MASK
from notifications.vocabulary import Fault, Kind, Stage
from states import commands as c
from states.vocabulary import Role, Step
from tests.kit.html_forms import form_to, forms_of, send, unmasked
from tests.kit.portal import CHEF, DEPUTY, DRANE, OTHER_CHEF, STAFF, TWO_SCHOOLS, Portal
from workflow.auth.sessions import SessionUser

PLACE = "/etablissement/demandes/"


def plain(text: str) -> str:
    return " ".join(text.replace("&#39;", "'").split())


def relayed(portal: Portal) -> None:
    """Every mail was taken by the relay."""
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage="sent", next_attempt_at=None, sent_at=datetime.now(UTC)))


def test_home__empty_explains_itself(portal: Portal) -> None:
    page = portal.client(CHEF).get("/etablissement").text
    assert "Aucun RUPN n'est encore déclaré ici" in plain(page)
    assert 'href="/etablissement/demande-complete"' in page


def test_home__one_button_a_request_the_most_urgent_first(portal: Portal) -> None:
    declared, back, code = portal.declared(1), portal.submitted(2), portal.issued(3)
    waiting = portal.submitted(4)
    relayed(portal)
    portal.do(c.SendBack(reference=back, step=Step.CHARTER, why="date illisible"), STAFF)
    page = portal.client(CHEF).get("/etablissement").text
    buttons = [f"{PLACE}{code}/remise", f"{PLACE}{back}", f"{PLACE}{declared}/delegation"]
    places = [page.index(f'<a class="fr-btn" href="{href}"') for href in buttons]
    assert places == sorted(places)
    assert page.count('<a class="fr-btn" href="/etablissement/demandes/') == 3
    assert "Le rectorat vérifie la demande de Prénom Nome" in page
    assert page.index(waiting) > max(places)


def test_home__a_code_that_has_not_left_is_nothing_to_do(portal: Portal) -> None:
    reference = portal.issued()
    client = portal.client(CHEF)
    page = client.get("/etablissement").text
    assert "part vers la boîte de l'établissement" in plain(page)
    assert "/remise" not in page + client.get(PLACE + reference).text
    relayed(portal)
    assert "/remise" in client.get("/etablissement").text


def test_request__shows_the_step_under_way_and_the_next_one(portal: Portal) -> None:
    steps = {
        portal.declared(1): ("Délégation Étape 2 sur 6", "Charte"),
        portal.submitted(2): ("Vérification par le rectorat Étape 5 sur 6", "Mise en service de la clé"),
        portal.issued(3): ("Mise en service de la clé Étape 6 sur 6", None),
    }
    client = portal.client(CHEF)
    for reference, (now, following) in steps.items():
        page = plain(re.sub(r"<[^>]+>", " ", client.get(PLACE + reference).text))
        assert now in page
        assert (f"Étape suivante : {following}" in page) if following else ("Étape suivante" not in page)


@pytest.mark.rule("R4")
def test_home__a_deputy_whom_the_academie_does_not_let_act_is_told_so(portal: Portal) -> None:
    reference = portal.declared()
    assert f"{PLACE}{reference}/delegation" in portal.client(DEPUTY).get("/etablissement").text
    object.__setattr__(portal.app.policy, "deputy_may_act", False)
    client = portal.client(DEPUTY)
    page = client.get("/etablissement")
    assert "réserve les étapes au chef d'établissement" in plain(page.text)
    assert forms_of(page) == []
    assert "/delegation" not in page.text
    assert client.get("/etablissement/demande-complete").url.path == "/etablissement"


@pytest.mark.rule("R3")
def test_switch__changes_what_is_in_view_and_gives_no_right(portal: Portal) -> None:
    portal.declared(1)
    client = portal.client(TWO_SCHOOLS)
    home = client.get("/etablissement")
    assert "Prénom Nomb" in home.text
    assert "vous y attend" not in home.text
    after = send(client, form_to(home, "/choisir"), uai="0310002J")
    assert "Collège Jean-Jaurès : 1 demande vous y attend." in after.text
    assert "Lycée Pierre-de-Fermat" in after.text
    assert "Prénom Nomb" not in after.text
    assert send(client, form_to(home, "/choisir"), uai="0120001X").status_code == 404
    client.cookies.set(portal.context.uai_cookie, "0120001X")
    assert "Rodez" not in client.get("/etablissement").text


@pytest.mark.rule("R3")
def test_requests__another_s_and_an_unknown_one_are_the_same_404(portal: Portal) -> None:
    reference = portal.issued()
    other = portal.client(OTHER_CHEF)
    unknown = other.get(f"{PLACE}ODA-2027-09999")
    for end in ("", "/charte.pdf", "/bordereau.pdf", "/remise", "/signalement"):
        answer = other.get(f"{PLACE}{reference}{end}")
        assert answer.status_code == 404, end
        assert unmasked(answer) == unmasked(unknown)
    assert reference not in other.get("/etablissement/demandes").text
    assert other.get(f"{PLACE}%00").status_code == 404


@pytest.mark.parametrize("session_user", [STAFF, DRANE], ids=["operator", "reader"])
def test_pages__are_not_the_rectorat_s(portal: Portal, session_user: SessionUser) -> None:
    reference = portal.declared()
    client = portal.client(session_user)
    for end in ("", "/demandes", f"/demandes/{reference}", "/declarer", "/demande-complete", "/courriels"):
        assert client.get(f"/etablissement{end}").status_code == 403, end


@pytest.mark.rule("R37")
def test_request__a_new_chef_sees_who_began_it(portal: Portal) -> None:
    reference = portal.declared()
    successor = SessionUser(role=Role.CHEF, subject="0310001H", name="Paul Roux")
    assert "Commencée avant vous" not in portal.client(successor).get(PLACE + reference).text
    unknown = replace(successor, name="")
    portal.context.sign_in.identify(unknown, portal.secret(unknown), "Paul Roux", Role.CHEF, is_new_chef=True)
    page = plain(portal.client(successor).get(PLACE + reference).text)
    assert "Claire Martin, chef d'établissement (0310001H) a commencé cette demande le 14 septembre 2026" in page
    assert "le rectorat refera alors la vérification de la délégation" in page
    assert "Commencée avant vous" not in portal.client(CHEF).get(PLACE + reference).text


def test_requests__live_ones_then_the_closed_ones(portal: Portal) -> None:
    closed, live = portal.declared(1), portal.declared(2)
    client = portal.client(CHEF)
    form = form_to(client.get(f"{PLACE}{closed}/abandon"), "/abandon")
    assert "C'est fait : la demande est abandonnée" in plain(send(client, form, reason="error").text)
    page = client.get("/etablissement/demandes").text
    assert page.index(live) < page.index("Closes") < page.index(closed)


@pytest.mark.rule("R27")
def test_papers__are_pdf_opened_in_the_browser_and_never_cached(portal: Portal) -> None:
    reference = portal.issued()
    client = portal.client(CHEF)
    names = {
        "/etablissement/charte.pdf": "charte-vierge.pdf",
        f"{PLACE}{reference}/charte.pdf": f"charte-{reference}.pdf",
        f"{PLACE}{reference}/bordereau.pdf": f"bordereau-{reference}.pdf",
    }
    for path, name in names.items():
        answer = client.get(path)
        assert answer.content.startswith(b"%PDF"), path
        assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
        assert answer.headers["cache-control"] == "no-store"
    assert client.get(f"{PLACE}{portal.declared(2)}/bordereau.pdf").status_code == 404


@pytest.mark.rule("R60")
def test_mails__show_what_the_mailbox_received_without_the_code(portal: Portal) -> None:
    portal.issued(code="Zq93Kx71")
    app, masks = portal.app, []
    MailStore(app.database, app.mailer, app.settings.mail, portal.clock).claim(50)  # their words are made here
    client, other = portal.client(CHEF), portal.client(OTHER_CHEF)
    listed = client.get("/etablissement/courriels").text
    assert "[Clé ODA] Code à remettre en main propre à Prénom Nomb" in plain(listed)
    numbers = [part.split('"')[0] for part in listed.split('href="/etablissement/courriels/')[1:]]
    assert len(numbers) == 5
    for number in numbers:
        page = client.get(f"/etablissement/courriels/{number}")
        assert page.status_code == 200
        assert "Zq93Kx71" not in page.text
        assert "Madame, Monsieur," in page.text
        masks.append(MASK in page.text)
        assert other.get(f"/etablissement/courriels/{number}").status_code == 404
    assert masks.count(True) == 1
    assert client.get("/etablissement/courriels/abc").status_code == 404
    assert client.get("/etablissement/courriels/99999999999999999999").status_code == 404


@pytest.mark.rule("R55")
def test_mails__those_to_the_operators_are_not_the_chef_s(portal: Portal) -> None:
    portal.submitted()
    with portal.app.database.read() as connection:
        (theirs,) = connection.execute(MAILS.select().where(MAILS.c.audience == "operators")).all()
    assert portal.client(CHEF).get(f"/etablissement/courriels/{theirs.id}").status_code == 404


def test_mails__page_after_page(portal: Portal) -> None:
    for number in range(1, 28):
        portal.declared(number)
    client = portal.client(CHEF)
    first = client.get("/etablissement/courriels").text
    assert first.count('href="/etablissement/courriels/') == 25
    after = first.split("/etablissement/courriels?apres=")[1].split('"')[0]
    second = client.get(f"/etablissement/courriels?apres={after}").text
    assert second.count('href="/etablissement/courriels/') == 2
    assert client.get("/etablissement/courriels?apres=x").text.count('href="/etablissement/courriels/') == 25


def test_badge__says_that_a_key_handed_over_is_in_service(portal: Portal) -> None:
    reference, client = portal.issued(), portal.client(CHEF)
    relayed(portal)
    assert "clé en service" not in client.get("/etablissement/demandes").text
    form = form_to(client.get(f"{PLACE}{reference}/remise"), "/remise")
    assert "clé en service</p>" in send(client, form).text
    assert "clé en service</p>" in client.get("/etablissement/demandes").text


@pytest.mark.rule("R55")
def test_home__an_address_of_a_mail_puts_its_establishment_in_view(portal: Portal) -> None:
    client = portal.client(TWO_SCHOOLS)
    assert "Collège Jean-Jaurès" in client.get("/etablissement").text.partition("</h1>")[2].partition("</p>")[0]
    for address in ("/etablissement?uai=0310002J", "/etablissement", "/etablissement?uai=0120001X"):
        lead = client.get(address).text.partition("</h1>")[2].partition("</p>")[0]
        assert "Lycée Pierre-de-Fermat" in lead, address


@pytest.mark.rule("R58")
def test_badge__of_a_code_says_no_more_than_is_true(portal: Portal) -> None:
    reference, client = portal.issued(), portal.client(CHEF)
    places = (f"/etablissement/demandes/{reference}", "/etablissement/demandes")
    for stage, label in (
        (Stage.PENDING, "code émis, pas encore parti"), (Stage.DEAD, "code non arrivé"), (Stage.SENT, "code transmis"),
    ):  # fmt: skip
        with portal.app.database.write() as connection:
            values = {
                "stage": stage.value,
                "next_attempt_at": None if stage is not Stage.PENDING else portal.clock.now(),
            }
            values |= {"fault": Fault.RECIPIENT_REFUSED.value} if stage is Stage.DEAD else {"fault": None}
            connection.execute(MAILS.update().where(MAILS.c.kind == Kind.CODE_ISSUED.value).values(values))
        for place in places:
            assert label in client.get(place).text, (stage, place)
