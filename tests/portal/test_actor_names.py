"""Who acted, as each reader is told: an establishment never reads the address of somebody at the rectorat (R3)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from notifications.outbox.store import MAILS
from notifications.vocabulary import Audience
from portal.web.security import CSRF_FIELD, csrf_of
from states import commands as c
from states.model import OnBehalf
from states.vocabulary import RequestedBy, WithdrawReason
from tests.kit.databases import fresh_url
from tests.kit.installation import OPERATOR
from tests.kit.portal import CHEF, DEPUTY, STAFF, open_portal
from tests.portal.api.conftest import PREFIX, Api
from tests.portal.web.test_access_of_every_address import Door, Town, all_addresses
from workflow.auth.sessions import SessionUser

pytestmark = pytest.mark.rule("R3")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Requests of which the operator did the last thing, one at the establishment's request."""
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        town = Town(portal)
        on_behalf = OnBehalf(who="Mme Martin", how=RequestedBy.TELEPHONE, when="2026-09-14")
        error = c.Withdraw(reference=town.references[0], reason=WithdrawReason.ERROR, on_behalf=on_behalf)
        portal.do(error, STAFF)
        yield town


def read_by(town: Town, session_user: SessionUser) -> Iterator[tuple[str, str]]:
    """All that the establishment can read, with where: every page and answer, of every request and mail."""
    browser = town.browsers["chef" if session_user is CHEF else "deputy"]
    program = Api(town.portal).program(session_user)
    with town.portal.app.database.read() as connection:
        mails = connection.execute(select(MAILS).where(MAILS.c.audience == Audience.ESTABLISHMENT.value)).all()
    for method, path, _ in all_addresses(town, Door.CHEF, Door.OWN, Door.PUBLIC, Door.API):
        if method != "GET":
            continue
        numbers = [str(mail.id) for mail in mails] if "{number}" in path else ["1"]
        references = town.references if "{reference}" in path else [""]
        for address in {town.filled(path, reference=r, number=n) for r in references for n in numbers}:
            read = program if address.startswith(PREFIX) else browser
            yield address, read.get(address.removeprefix(PREFIX) if read is program else address).text
    for mail in mails:
        yield f"mail {mail.id}", "".join(str(value) for value in mail)


def refused_to(town: Town, session_user: SessionUser) -> Iterator[tuple[str, str]]:
    """The refusals of an action that somebody at the rectorat has overtaken (R1, R9), on a page and by program."""
    role = "chef" if session_user is CHEF else "deputy"
    program = Api(town.portal).program(session_user)
    form = {CSRF_FIELD: csrf_of(town.secrets[role]), "version": "1", "reason": "error"}
    for reference in (town.references[0], town.references[4]):
        page = town.browsers[role].post(f"/etablissement/demandes/{reference}/abandon", data=form)
        assert page.status_code == 422
        yield f"page {reference}", page.text
        body = {"reason": "error", "expected_version": 1}
        answer = program.post(f"/requests/{reference}/withdraw", body)
        assert answer.status_code == 409
        yield f"program {reference}", answer.text


@pytest.mark.parametrize("session_user", [CHEF, DEPUTY], ids=["chef", "deputy"])
def test_operator__is_named_to_no_establishment(town: Town, session_user: SessionUser) -> None:
    mentions = 0
    for where, text in (*read_by(town, session_user), *refused_to(town, session_user)):
        assert OPERATOR not in text, where
        mentions += ", par le rectorat" in text or '"actor":"le rectorat"' in text
    assert mentions >= 8


def test_operator__is_named_to_the_rectorat(town: Town) -> None:
    assert OPERATOR in town.browsers["operator"].get(f"/rectorat/demandes/{town.references[0]}").text
    assert OPERATOR in Api(town.portal).program(STAFF).get(f"/requests/{town.references[0]}/events").text
