"""Who is removed from the settings is out at once, in every process and for good (R73, R76)."""

import logging

import pytest

from portal.web.context import WebContext
from states.vocabulary import Role, Scope
from tests.kit.installation import OPERATOR, READER
from tests.kit.portal import DRANE, STAFF, Portal
from tests.kit.sign_in import BROWSER, installation_events, secrets_of
from workflow.app import bootstrap
from workflow.auth.sessions import LinkDead
from workflow.auth.sign_in_links import LinkRequest
from workflow.settings.loader import load_settings

pytestmark = pytest.mark.rule("R73")


def rewrite(portal: Portal, old: str, new: str) -> None:
    """Edit the settings as a person does; two seconds later, every process has seen it."""
    path = portal.app.settings.source
    assert path
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    portal.clock.advance(seconds=2)


def enters(portal: Portal, secret: str) -> bool:
    client = portal.client()
    client.cookies.set(portal.context.cookie, secret)
    return client.get("/compte", follow_redirects=False).status_code == 200


@pytest.mark.rule("R75", "R76")
@pytest.mark.parametrize("seen_by", ["a visit", "a tick", "another process"])
def test_removed__is_out_without_a_restart_and_put_back_signs_in_anew(portal: Portal, seen_by: str) -> None:
    session, stays = portal.secret(DRANE), portal.secret(STAFF)
    by = portal.actor(STAFF)
    _, token = portal.app.tokens.create(by, Role.READER, [READER], scope=Scope.READ, label="essai", days=9)
    portal.context.links.send_to_rectorat(READER, LinkRequest(client="192.0.2.1", browser=BROWSER))
    (link,) = secrets_of(portal.app)
    assert enters(portal, session)
    rewrite(portal, READER, "autre@ac-toulouse.fr")
    if seen_by == "a visit":
        assert not enters(portal, session)
        assert portal.app.tokens.find(token) is None
        assert portal.context.links.preview(link, browser=BROWSER) is None
    elif seen_by == "a tick":
        portal.app.ticker.tick()
        assert installation_events(portal.app, "access_ended") == [
            ("access_ended", {"sessions": 1, "links": 1, "tokens": 1})
        ]
    else:
        assert portal.app.settings.source
        settings = load_settings(portal.app.settings.source)
        other = bootstrap(settings, {}, clock=portal.clock, database=portal.app.database)
        other.ticker.tick()
    rewrite(portal, "autre@ac-toulouse.fr", READER)
    assert not enters(portal, session)
    assert portal.app.tokens.find(token) is None
    if seen_by != "a visit":
        with pytest.raises(LinkDead):
            portal.context.sign_in.sign_in(link, client="192.0.2.1", browser=BROWSER)
    assert [data["why"] for _, data in installation_events(portal.app, "token_revoked")] == ["person_removed"]
    assert enters(portal, stays)
    portal.context.links.send_to_rectorat(READER, LinkRequest(client="192.0.2.1", browser=BROWSER))
    assert enters(
        portal, portal.context.sign_in.sign_in(secrets_of(portal.app)[-1], client="192.0.2.1", browser=BROWSER).secret
    )


def test_added__enters_without_a_restart(portal: Portal) -> None:
    portal.context.links.send_to_rectorat("nouveau@ac-toulouse.fr", LinkRequest(client="192.0.2.1", browser=BROWSER))
    assert secrets_of(portal.app) == []
    rewrite(portal, READER, "nouveau@ac-toulouse.fr")
    portal.context.links.send_to_rectorat("nouveau@ac-toulouse.fr", LinkRequest(client="192.0.2.1", browser=BROWSER))
    assert len(secrets_of(portal.app)) == 1


@pytest.mark.parametrize("fault", ["a faulty file", "no file"])
def test_settings_at_fault__keep_the_last_good_people(
    portal: Portal, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    session = portal.secret(DRANE)
    path = portal.app.settings.source
    assert path
    text = path.read_text(encoding="utf-8")
    with caplog.at_level(logging.ERROR, "oda"):
        if fault == "no file":
            path.unlink()
            portal.clock.advance(seconds=2)
        else:
            rewrite(portal, READER, "pas une adresse")
        for _ in range(3):
            assert enters(portal, session)
            portal.clock.advance(seconds=2)
    (line,) = caplog.messages
    assert line.startswith("Les personnes du rectorat restent celles d'avant : ")
    path.write_text(text.replace(READER, "autre@ac-toulouse.fr"), encoding="utf-8")
    portal.clock.advance(seconds=2)
    assert not enters(portal, session)


def test_role_changed__ends_what_the_former_one_opened(portal: Portal) -> None:
    session = portal.secret(DRANE)
    rewrite(portal, READER, "autre@ac-toulouse.fr")
    rewrite(portal, f"[{OPERATOR}", f"[{READER}, {OPERATOR}")
    assert not enters(portal, session)


def test_file__is_looked_at_once_in_two_seconds(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    monkeypatch.setattr("workflow.auth.actors._stamp_of", looks.append)
    context = WebContext.of(portal.app)
    for _ in range(5):
        context.links.send_to_rectorat("personne@ac-toulouse.fr", LinkRequest(client="192.0.2.1", browser=BROWSER))
    assert len(looks) <= 1
