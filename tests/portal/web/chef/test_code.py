"""A code read on the portal, once, by who is known by a national identity (R112)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from notifications.outbox.store import MAILS, SEALS
from notifications.vocabulary import Kind, Stage
from states import commands as c
from states.vocabulary import CodeStatus, ReissueReason, SignInMethod
from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import CHEF, OTHER_CHEF, STAFF, Portal, open_portal
from workflow.app import bootstrap
from workflow.database.file_tables import STAGED_IMPORTS
from workflow.database.journal_tables import EVENT
from workflow.requests.detail import load_facts
from workflow.requests.filters import Filters
from workflow.requests.worklist import Worklist
from workflow.settings.loader import load_settings

CODE = "Lu12Seul"
NATIONAL = replace(CHEF, method=SignInMethod.PROVIDER, provider="academie")
HEADERS = replace(CHEF, method=SignInMethod.TRUSTED_HEADERS, name="Jean Vidal")
PROVIDER = "{name: academie, label: Académie, issuer: 'https://id.ac-toulouse.fr', client_id: oda}"
BY_LINK = f"code:\n  hold_seconds: 0\n  delivery: link\nsign_in:\n  providers:\n    - {PROVIDER}\n"


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    """A portal whose codes are read on their page."""
    secret = tmp_path / "secrets" / "provider-academie"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("le-secret-du-fournisseur", encoding="utf-8")
    secret.chmod(0o600)
    with open_portal(tmp_path, database_url, settings=BY_LINK) as portal:
        yield portal


def page_of(reference: str) -> str:
    return f"/etablissement/demandes/{reference}/code"


def request_with_unread_code(portal: Portal, number: int = 1) -> str:
    """A request whose code waits to be read, its mail gone."""
    reference = portal.issued(number, code=CODE)
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage=Stage.SENT.value))
    return reference


def status(portal: Portal, reference: str) -> CodeStatus:
    with portal.app.database.read() as connection:
        return load_facts(connection, reference, portal.app.mailer).code_fate


def lists(portal: Portal, reference: str, filters: Filters) -> bool:
    """Whether the worklist shows this request under these filters."""
    with portal.app.database.read() as connection:
        worklist = Worklist(connection, portal.actor(STAFF), portal.app.policy, portal.clock.now())
        return worklist.counts({"found": filters})["found"].number == 1


@pytest.mark.rule("R112")
def test_code__its_mail_bears_no_code_and_its_page_gives_it_once(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    with portal.app.database.read() as connection:
        (mail,) = connection.execute(select(MAILS).where(MAILS.c.kind.in_(["code_issued", "code_to_read"]))).all()
        assert mail.kind == Kind.CODE_TO_READ.value
    assert status(portal, reference) is CodeStatus.TO_READ
    chef = portal.client(NATIONAL)
    assert "Lire le code" in chef.get("/etablissement").text
    page = chef.get(page_of(reference))
    assert CODE not in page.text
    assert status(portal, reference) is CodeStatus.TO_READ, "no GET opens it"
    code_page = send(chef, form_to(page, page_of(reference)))
    assert code_page.status_code == 200
    assert code_page.text.count(CODE) == 1
    assert code_page.headers["cache-control"] == "no-store"
    assert status(portal, reference) is CodeStatus.READ
    portal.clock.advance(seconds=60)
    for again in (chef.get(page_of(reference)), send(chef, form_to(page, page_of(reference)))):
        assert CODE not in again.text
        assert "a déjà été" in again.text
    with portal.app.database.read() as connection:
        (seal,) = connection.execute(select(SEALS.c.ciphertext, SEALS.c.erased_why)).all()
        assert (seal.ciphertext, seal.erased_why) == (None, "read")
        events = connection.execute(select(EVENT.c.canonical).where(EVENT.c.stream == reference)).scalars().all()
    assert sum('"open_code"' in event for event in events) == 1
    assert not any(CODE in event for event in events)
    history = portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text
    assert "Code lu sur le portail" in history
    assert "Claire Martin" in history
    assert "confirmez la remise" in chef.get("/etablissement").text
    portal.do(c.ConfirmHandover(reference=reference, handed_on=portal.context.pages.today()), CHEF)
    assert status(portal, reference) is CodeStatus.HANDED_OVER


@pytest.mark.rule("R112")
def test_code__a_mailbox_is_told_how_to_sign_in_otherwise(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    by_mail = portal.client(CHEF)
    page = by_mail.get(page_of(reference))
    assert "connecté en votre nom" in page.text
    assert not [form for form in forms_of(page) if form.action == page_of(reference)]
    national = portal.client(NATIONAL)
    form = form_to(national.get(page_of(reference)), page_of(reference))
    form.fields["csrf"] = forms_of(page)[0].fields["csrf"]
    refused = send(by_mail, form)
    assert refused.status_code == 422
    assert CODE not in refused.text
    assert status(portal, reference) is CodeStatus.TO_READ


@pytest.mark.rule("R105", "R112")
def test_code__asks_for_a_fresh_proof_before_it_is_shown(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    chef = portal.client(NATIONAL)
    form = form_to(chef.get(page_of(reference)), page_of(reference))
    portal.clock.advance(minutes=16)
    page = chef.get(page_of(reference))
    assert not [form for form in forms_of(page) if form.action == page_of(reference)]
    assert CODE not in send(chef, form).text
    assert status(portal, reference) is CodeStatus.TO_READ


@pytest.mark.rule("R3", "R112")
def test_code__of_another_school_is_not_there(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    other = portal.client(replace(OTHER_CHEF, method=SignInMethod.PROVIDER))
    assert other.get(page_of(reference)).status_code == 404
    assert portal.client(STAFF).get(page_of(reference)).status_code == 403


@pytest.mark.rule("R9", "R112")
def test_code__two_chefs_at_once(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    clients = [portal.client(NATIONAL), portal.client(HEADERS)]
    forms = [form_to(client.get(page_of(reference)), page_of(reference)) for client in clients]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(send, clients, forms))
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert sum(CODE in answer.text for answer in answers) == 1


@pytest.mark.rule("R10", "R112")
def test_code__a_double_click_is_one_reading_for_a_minute_of_one_session(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    chef, elsewhere = portal.client(NATIONAL), portal.client(NATIONAL)
    forms = [form_to(client.get(page_of(reference)), page_of(reference)) for client in (chef, chef, elsewhere)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(send, (chef, chef), forms))
    assert [(answer.status_code, answer.text.count(CODE)) for answer in answers] == [(200, 1), (200, 1)]
    assert CODE not in send(elsewhere, forms[2]).text, "another session of the same person"
    portal.clock.advance(seconds=59)
    assert CODE in send(chef, forms[0]).text
    assert CODE not in chef.get(page_of(reference)).text
    with portal.app.database.read() as connection:
        openings = select(EVENT.c.seq).where(EVENT.c.stream == reference, EVENT.c.kind == "open_code")
        assert len(connection.execute(openings).all()) == 1
    portal.clock.advance(seconds=1)
    assert CODE not in send(chef, forms[0]).text


@pytest.mark.rule("R10", "R112")
def test_code__a_second_click_that_another_machine_answers_shows_the_same_code(portal: Portal, tmp_path: Path) -> None:
    reference = request_with_unread_code(portal)
    other = Portal(bootstrap(load_settings(tmp_path / "config.yaml"), {}, clock=portal.clock), portal.clock)
    chef, same_browser = portal.client(NATIONAL), other.client()
    same_browser.cookies.update(chef.cookies)
    form = form_to(chef.get(page_of(reference)), page_of(reference))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(send, (chef, same_browser), (form, form)))
    assert [(answer.status_code, answer.text.count(CODE)) for answer in answers] == [(200, 1), (200, 1)]
    with portal.app.database.read() as connection:
        openings = select(EVENT.c.seq).where(EVENT.c.stream == reference, EVENT.c.kind == "open_code")
        assert len(connection.execute(openings).all()) == 1
        assert CODE.encode() not in connection.execute(select(STAGED_IMPORTS.c.content)).scalar_one()
    portal.clock.advance(seconds=61)
    assert CODE not in send(same_browser, form).text
    other.app.ticker.tick()
    with portal.app.database.read() as connection:
        assert connection.execute(select(STAGED_IMPORTS)).all() == []
    other.close()


@pytest.mark.rule("R44", "R112")
def test_code__lost_after_it_was_read_is_issued_again(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    chef = portal.client(NATIONAL)
    send(chef, form_to(chef.get(page_of(reference)), page_of(reference)))
    code = c.Code(clear="Neuf1234")
    portal.do(c.ReissueCode(reference=reference, reason=ReissueReason.LOST, code=code), STAFF)
    assert "Neuf1234" in send(chef, form_to(chef.get(page_of(reference)), page_of(reference))).text


@pytest.mark.rule("R58", "R61", "R112")
def test_code__never_read_expires_and_is_listed(portal: Portal) -> None:
    reference = request_with_unread_code(portal)
    assert lists(portal, reference, Filters(code_unread=True))
    assert not lists(portal, reference, Filters(undeliverable=True))
    portal.clock.advance(days=31)
    with portal.app.database.write() as connection:
        now = portal.clock.now()
        portal.app.mailer.erase_overdue(connection, now - timedelta(days=30), now)
    assert status(portal, reference) is CodeStatus.UNDELIVERABLE
    assert lists(portal, reference, Filters(undeliverable=True))
    assert not lists(portal, reference, Filters(code_unread=True))
    assert portal.client(NATIONAL).get(page_of(reference)).url.path.endswith(reference)
