"""The RUPN's own page (R113)."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from notifications.outbox.store import MAILS
from notifications.vocabulary import Kind
from states import commands as c
from states.vocabulary import Change, RevokeReason, Role, Settlement, SignInMethod, WithdrawReason
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, OTHER_CHEF, STAFF, Portal
from tests.kit.sign_in import secrets_of
from workflow.auth.sessions import SessionUser
from workflow.database.journal_tables import ACTOR, EVENT
from workflow.database.tables import REPORT, REQUEST

MAIL = "rupn1@ac-toulouse.fr"
RUPN = SessionUser(role=Role.RUPN, subject=MAIL)
CODE = "Ab12Cd34"


def ask(client: TestClient, address: str) -> str:
    """The page that follows a request for a link."""
    answer = send(client, form_to(client.get("/connexion/rupn"), "/connexion/rupn"), adresse=address)
    assert answer.status_code == 200
    return answer.text


def links(portal: Portal) -> list[str]:
    """The addresses to which a RUPN's link goes."""
    with portal.app.database.read() as connection:
        sent = select(MAILS.c.recipient).where(MAILS.c.kind == Kind.SIGN_IN_RUPN.value)
        return list(connection.execute(sent).scalars())


@pytest.mark.rule("R72", "R113")
def test_link__to_the_address_of_a_request_and_the_same_answer_for_all(portal: Portal) -> None:
    portal.declared(1)
    client = portal.client()
    known = ask(client, "RUPN1@ac-toulouse.fr")
    assert links(portal) == [MAIL]
    assert known == ask(client, "inconnue@ac-toulouse.fr")
    assert known == ask(client, "ce.0310001h@ac-toulouse.fr")
    assert links(portal) == [MAIL]
    assert send(client, form_to(client.get("/connexion/rupn"), "/connexion/rupn"), adresse="x").status_code == 422


@pytest.mark.rule("R72", "R113")
def test_link__signs_in_the_rupn_and_nobody_once_the_address_has_changed(portal: Portal) -> None:
    reference = portal.declared(1)
    client = portal.client()
    ask(client, MAIL)
    page = client.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")
    assert page.url.path == "/rupn"
    assert "Collège Jean-Jaurès" in page.text
    ask(portal.client(), MAIL)
    second = f"/connexion/lien/{secrets_of(portal.app)[-1]}"
    portal.do(c.Amend(reference=reference, mail="autre@ac-toulouse.fr"), CHEF)
    assert portal.client().post(second).status_code == 410
    gone = client.get("/rupn")
    assert gone.status_code == 410
    assert "Plus aucune demande" in gone.text
    assert client.get("/rupn").url.path == "/connexion/rupn", "that session is over"


@pytest.mark.rule("R113")
def test_home__of_two_schools_and_of_nobody_else(portal: Portal) -> None:
    portal.declared(1)
    portal.submitted(1, OTHER_CHEF)
    other = portal.declared(2)
    page = portal.client(RUPN).get("/rupn").text
    assert "2 demandes de clé sont en cours pour vous" in page
    assert "Collège Jean-Jaurès" in page
    assert "Collège Joseph-Fabre" in page
    for secret in (other, "Nomc", "rupn2@", "Claire Martin", "Luce Faure", "accueil des familles"):
        assert secret not in page


@pytest.mark.rule("R60", "R113")
def test_home__says_each_stage_and_shows_no_code(portal: Portal) -> None:
    client, pages = portal.client(RUPN), []
    reference = portal.declared(1)
    pages.append(client.get("/rupn").text)
    portal.do(c.Withdraw(reference=reference, reason=WithdrawReason.ERROR), CHEF)
    reference = portal.issued(1, code=CODE)
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage="sent", next_attempt_at=None))
    pages.append(client.get("/rupn").text)
    portal.do(c.ConfirmHandover(reference=reference, handed_on=portal.context.pages.today()), CHEF)
    pages.append(client.get("/rupn").text)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    pages.append(client.get("/rupn").text)
    for page, words in zip(
        pages, ["Vous êtes désigné", "Votre code est prêt", "Votre clé est en service", "demandes sont closes"],
        strict=True,
    ):  # fmt: skip
        assert words in page
        assert CODE not in page
        assert 'name="code"' not in page


@pytest.mark.rule("R3", "R113")
@pytest.mark.parametrize("address", ["charte.pdf", "fiche.pdf", "plus-moi"])
def test_request__of_somebody_else_is_not_there(portal: Portal, address: str) -> None:
    own, other = portal.declared(1), portal.declared(2)
    client = portal.client(RUPN)
    assert client.get(f"/rupn/demandes/{own}/{address}").status_code == 200
    assert client.get(f"/rupn/demandes/{other}/{address}").status_code == 404
    assert client.get(f"/rupn/demandes/ODA-2027-99999/{address}").status_code == 404
    for role in (CHEF, STAFF):
        assert portal.client(role).get(f"/rupn/demandes/{own}/{address}").status_code == 403


@pytest.mark.rule("R32", "R113")
def test_not_me__is_a_report_that_an_operator_settles(portal: Portal) -> None:
    reference, client = portal.issued(1), portal.client(RUPN)
    address = f"/rupn/demandes/{reference}/plus-moi"
    form = form_to(client.get(address), "plus-moi")
    assert send(client, form).status_code == 422, "it is to be confirmed"
    done = send(client, form, confirme="oui")
    assert "votre chef d'établissement est prévenu" in done.text
    assert "Vous avez dit ne plus être le RUPN" in done.text
    assert client.get(address).url.path == "/rupn", "once"
    assert send(client, form, confirme="oui").status_code == 200, "the same sending is the same action (R10)"
    with portal.app.database.read() as connection:
        (report,) = connection.execute(select(REPORT)).all()
        event = connection.execute(
            select(EVENT.c.canonical, ACTOR.c.label, EVENT.c.role)
            .join(ACTOR, ACTOR.c.number == EVENT.c.actor).where(EVENT.c.kind == "report_change")
        ).one()  # fmt: skip
        mails = {row.kind: row.context for row in connection.execute(select(MAILS.c.kind, MAILS.c.context))}
    assert (report.change, report.settlement) == (Change.NOT_RUPN.value, None)
    assert (event.role, event.label) == ("rupn", "le RUPN")
    assert MAIL not in event.canonical
    assert '"by_rupn":true' in mails[Kind.CHANGE_TO_HANDLE.value]
    assert '"by_rupn":true' in mails[Kind.CHANGE_REPORTED.value]
    chef = portal.client(CHEF).get(f"/etablissement/demandes/{reference}").text
    assert "Le RUPN dit ne plus l&#39;être" in chef
    assert "par le RUPN" in chef
    assert "Le RUPN dit ne plus l&#39;être" in portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text
    settled = c.SettleChange(reference=reference, settlement=Settlement.NO_EFFECT, why="vu avec le chef")
    portal.do(settled, STAFF)
    page = client.get("/rupn").text
    assert "sans effet" in page
    assert "vu avec le chef" not in page


@pytest.mark.rule("R7", "R9", "R113")
def test_not_me__of_a_request_that_ended_meanwhile_names_nobody(portal: Portal) -> None:
    reference, client = portal.issued(1), portal.client(RUPN)
    form = form_to(client.get(f"/rupn/demandes/{reference}/plus-moi"), "plus-moi")
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    refused = send(client, form, confirme="oui")
    assert refused.status_code == 422
    assert "le rectorat" in refused.text
    assert STAFF.subject not in refused.text


@pytest.mark.rule("R113")
def test_session__by_a_national_identity_is_the_same_page(portal: Portal) -> None:
    portal.declared(1)
    national = SessionUser(role=Role.RUPN, subject=MAIL, method=SignInMethod.PROVIDER, provider="academie")
    assert "Ma clé ODA" in portal.client(national).get("/rupn").text


@pytest.mark.rule("R113")
def test_erased__nothing_is_written_of_an_address_that_no_request_bears(portal: Portal) -> None:
    portal.declared(1)
    client = portal.client(RUPN)
    with portal.app.database.write() as connection:
        connection.execute(update(REQUEST).values(folded_mail="", mail=""))
    assert client.get("/rupn").status_code == 410
    with portal.app.database.read() as connection:
        keys = connection.execute(select(ACTOR.c.key)).scalars().all()
    assert not [key for key in keys if MAIL in key]
