"""What its users come for, counted in taps and clicks: a new code, a code put right, a person found."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from notifications.outbox.store import MAILS
from notifications.vocabulary import Kind, Stage
from states import commands as c
from states.vocabulary import RevokeReason, State
from tests.browser.conftest import DESK, TELEPHONE, Site
from tests.kit import browser as kit
from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, OTHER_CHEF, STAFF, open_portal
from tests.kit.ports import free_port
from workflow.database.tables import REQUEST

MOST_TAPS = 6


@pytest.fixture
def patient_site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    """A portal whose codes wait for a minute before they leave."""
    port = free_port()
    settings = f"portal:\n  address: http://127.0.0.1:{port}\n"
    with (
        fresh_url("sqlite", tmp_path) as url,
        open_portal(tmp_path, url, settings=settings, hold_seconds=60) as portal,
        kit.listening(portal.asgi, port) as address,
    ):
        site = Site(portal, browser, address)
        yield site
        site.close()


@pytest.mark.rule("R32", "R55")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_chef__from_the_mail_of_a_code_that_fails_to_a_new_one_asked(site: Site, script: bool) -> None:
    reference = site.portal.issued()
    page = site.window(CHEF, size=TELEPHONE, script=script).new_page()
    taps = 1
    page.goto(f"/etablissement/demandes/{reference}/remise")  # the address of the mail
    for role, name in (("link", "Demandez un nouveau code"), ("radio", "Le code est refusé"),
                       ("button", "Demander un nouveau code")):  # fmt: skip
        target = page.get_by_role(role, name=name)  # type: ignore[arg-type]
        target.check(force=True) if role == "radio" else target.click()
        taps += 1
    expect(page.get_by_role("status")).to_contain_text("C'est fait")
    assert taps <= MOST_TAPS
    with site.portal.app.database.read() as connection:
        kinds = set(connection.execute(select(MAILS.c.kind)).scalars())
    assert Kind.CHANGE_TO_HANDLE.value in kinds


@pytest.mark.rule("R62")
def test_operator__a_code_typed_wrongly_is_put_right_before_the_school_reads_it(patient_site: Site) -> None:
    portal = patient_site.portal
    reference = portal.checked()
    page = patient_site.window(STAFF, size=DESK).new_page()
    page.goto(f"/rectorat/demandes/{reference}")
    for code, button in (("Ab12Cd3X", "Annuler l'envoi"), ("Ab12Cd34", "")):
        page.get_by_label("Code d'initialisation").fill(code)
        page.get_by_role("button", name="Envoyer le code").click()
        if button:
            page.get_by_role("button", name=button).first.click()
            expect(page.get_by_label("Code d'initialisation")).to_be_visible()
    with portal.app.database.read() as connection:
        code_mails = select(MAILS.c.stage).where(MAILS.c.kind == Kind.CODE_ISSUED.value).order_by(MAILS.c.id)
        stages = [Stage(stage) for stage in connection.execute(code_mails).scalars()]
        state = connection.execute(select(REQUEST.c.state).where(REQUEST.c.reference == reference)).scalar_one()
    assert stages == [Stage.CANCELLED, Stage.PENDING]
    assert state == State.CODE_ISSUED.value


@pytest.mark.rule("R89")
def test_search__finds_a_person_in_any_state_from_any_page(site: Site) -> None:
    portal = site.portal
    references = [
        portal.declared(1, nom="Lasserre", prenom="Nadège"),
        portal.declared(2, OTHER_CHEF, nom="Lasserre", prenom="Nadège", mail="nadege.lasserre@ac-toulouse.fr"),
    ]
    gone = portal.issued(3)
    portal.do(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), STAFF)
    page = site.window(STAFF, size=DESK, script=False).new_page()
    for start in ("/rectorat", "/rectorat/courriels", "/rectorat/calendrier"):
        page.goto(start)
        page.get_by_role("searchbox").first.fill("nadege")
        page.get_by_role("searchbox").first.press("Enter")
        for reference in references:
            expect(page.get_by_text(reference)).to_be_visible()
    page.get_by_role("searchbox").first.fill(gone.rpartition("-")[2].lstrip("0"))
    page.get_by_role("searchbox").first.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(gone)
