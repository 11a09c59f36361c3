"""Each mail leads to the very page on which what it asks for is done (R55)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.messages.catalogue import CATALOGUE
from notifications.rendering.renderer import Rendered
from notifications.vocabulary import Audience, Kind
from states import commands as c
from states.vocabulary import Change, RevokeReason, State, Step
from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, PARIS, STAFF, Portal, open_portal
from tests.notifications.pages import Page
from tests.notifications.templates import render
from workflow.mail import MailFilters, list_mails

BUTTON: Final = re.compile(r"(?m)^.+\u00a0:\n(https?://\S+)$")

QUIET_KINDS: Final = {
    Kind.SUBMITTED, Kind.KEY_EXTENDED, Kind.CHANGE_REPORTED, Kind.REVOKED, Kind.REMOVAL_CONFIRMED,
    Kind.REMOVAL_REOPENED, Kind.MAILBOX_CHANGED, Kind.SIGN_IN, Kind.SIGN_IN_RECTORAT, Kind.SIGN_IN_RUPN,
    Kind.JOURNAL_SEAL,
}  # fmt: skip
"""Mails that ask for nothing that is done on the portal; a sign-in link is its own button."""

QUIET_EXAMPLES: Final = {"withdrawn_early", "year_end_notice_two", "mailbox_given_back"}
"""Examples of the others that ask for nothing."""


OF_A_READABLE_CODE: Final = {
    "code_to_read", "code_to_read_again", "code_to_read_typing_error", "handover_reminder_unread",
}  # fmt: skip
"""Examples whose page leads on to the request here, where codes are not read on the portal (R112)."""


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """On one database: what a page answers here is of no database."""
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def delegated(portal: Portal) -> str:
    reference = portal.declared()
    portal.do(c.Delegate(reference=reference, why="accueil", made_on=portal.clock.now().date()), CHEF)
    return reference


def charter_signed(portal: Portal) -> str:
    reference = delegated(portal)
    day, version = portal.clock.now().date(), portal.app.settings.charter.version
    portal.do(c.SignCharter(reference=reference, signed_on=day, version=version, copy_kept=True), CHEF)
    return reference


def sent_back(step: Step) -> Callable[[Portal], str]:
    def scene(portal: Portal) -> str:
        reference = portal.submitted()
        portal.do(c.SendBack(reference=reference, step=step, why="À reprendre."), STAFF)
        return reference

    return scene


def asked_a_question(portal: Portal) -> str:
    reference = portal.submitted()
    portal.do(c.AskQuestion(reference=reference, question="Est-ce bien lui ?"), STAFF)
    return reference


def reported(portal: Portal) -> str:
    reference = portal.issued()
    day = portal.clock.now().date()
    for change in (Change.DEPARTURE, Change.MISSION):
        portal.do(c.ReportChange(reference=reference, change=change, effective_on=day), CHEF)
    return reference


def revoked(portal: Portal) -> str:
    reference = portal.issued()
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    return reference


def held_year_end(portal: Portal) -> str:
    """The brake holds the end of 2026-2027."""
    reference = portal.issued()
    portal.app.ticker.tick()
    portal.clock.set(datetime(2027, 9, 6, 9, tzinfo=PARIS))
    portal.app.ticker.tick()
    return reference


SCENES: Final[dict[Kind, Callable[[Portal], str]]] = {
    Kind.DECLARED: Portal.declared, Kind.DELEGATED: delegated, Kind.CHARTER_SIGNED: charter_signed,
    Kind.CODE_ISSUED: Portal.issued, Kind.CODE_REISSUED: Portal.issued, Kind.HANDOVER_REMINDER: Portal.issued,
    Kind.NEW_REQUEST: Portal.submitted, Kind.REMOVAL_TASK: revoked, Kind.CHANGE_TO_HANDLE: reported,
    Kind.CHANGE_DUE: reported, Kind.BRAKE_ALERT: held_year_end, Kind.QUESTION: asked_a_question,
}  # fmt: skip
"""What stands behind each mail when it is read; a request that was declared, where nothing is said."""


def scene_of(kind: Kind, facts: Any) -> Callable[[Portal], str]:
    if kind is Kind.SENT_BACK:
        return sent_back(facts.step)
    if kind is Kind.STALLED_REMINDER:
        return charter_signed if facts.state is State.CHARTER_SIGNED else Portal.declared
    return SCENES.get(kind, Portal.declared)


def read_in(portal: Portal, name: str) -> tuple[Rendered, str]:
    """The mail of an example, its request and its school being those of this portal; and the portal's address."""
    kind, facts = EXAMPLES[name]
    reference = scene_of(kind, facts)(portal)
    values = {"reference": reference, "establishment": replace(facts.establishment, uai="0310001H")} if "reference" in {
        field.name for field in fields(facts)
    } else {}  # fmt: skip
    if kind is Kind.MAIL_UNDELIVERABLE:
        with portal.app.database.read() as connection:
            values["mail"] = list_mails(connection, MailFilters()).mails[0].id
    address = portal.context.settings.address
    return render(kind, replace(facts, **values), replace(MAIL_CONTEXT, portal=address)), address


@pytest.mark.rule("R55")
@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__lead_to_the_very_page(portal: Portal, name: str) -> None:
    rendered, address = read_in(portal, name)
    words = rendered.body.partition("\n--\n")[0]
    pages = [page for page in re.findall(r"https?://[^\s)]+", words) if page.startswith(address)]
    hrefs = [link.attributes["href"] for link in Page(rendered.html).of("a")]
    assert re.search(rf"^Portail des clés ODA\s: {address}$", rendered.body, re.MULTILINE)
    assert hrefs.count(address) == 1
    if EXAMPLES[name][0] in QUIET_KINDS or name in QUIET_EXAMPLES:
        assert [page for page in pages if "/connexion/lien/" not in page] == []
        return
    (page,) = pages
    assert [href for href in hrefs if href.startswith(f"{address}/")] == [page]
    assert BUTTON.findall(words) == [page]
    reader = STAFF if CATALOGUE[EXAMPLES[name][0]].audience is Audience.OPERATORS else CHEF
    answer = portal.client(reader).get(page, follow_redirects=False)
    if name in OF_A_READABLE_CODE:
        assert answer.headers["location"] == page.removeprefix(address).removesuffix("/code")
        answer = portal.client(reader).get(page)
    assert answer.status_code == 200, (page, answer.headers.get("location"))
    _asks_to_sign_in(portal, page.removeprefix(address))


def _asks_to_sign_in(portal: Portal, path: str) -> None:
    """Whoever is not signed in is asked to, and comes back to that page: the address is no key."""
    door = "/connexion/rectorat" if path.startswith("/rectorat") else "/connexion"
    answer = portal.client().get(path, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{door}?suite={path.partition('?')[0]}")
    assert "set-cookie" not in answer.headers
