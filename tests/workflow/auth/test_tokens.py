"""Access tokens: shown once, kept as a digest, dead in time or at a word (R76)."""

import pytest
from sqlalchemy import select

from states.vocabulary import Channel, Role
from tests.kit.installation import OPERATOR, READER
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from tests.kit.sign_in import told
from workflow.auth.actors import NotAllowed
from workflow.auth.tokens import Token, TokenRefused
from workflow.database.tables import TOKENS, Scope


def made(portal: Portal, role: Role = Role.READER, subject: str = READER, days: int = 30) -> tuple[Token, str]:
    by = portal.actor(STAFF)
    return portal.app.tokens.create(by, role, [subject], scope=Scope.READ, label="tableau de bord", days=days)


@pytest.mark.rule("R76")
def test_token__stands_for_its_person_until_its_end(portal: Portal) -> None:
    token, secret = made(portal)
    assert secret.startswith("oda_")
    found = portal.app.tokens.find(secret)
    assert found
    actor, scope = found
    assert (actor.role, actor.channel, scope) == (Role.READER, Channel.API, Scope.READ)
    assert actor.number == portal.actor(DRANE).number
    (listed,) = portal.app.tokens.all(portal.actor(STAFF))
    assert (listed.id, listed.seen_at) == (token.id, portal.clock.now())
    portal.clock.advance(days=30)
    assert portal.app.tokens.find(secret) is None


@pytest.mark.rule("R3", "R76")
def test_token__of_a_chef_is_for_these_establishments(portal: Portal) -> None:
    _, secret = made(portal, Role.CHEF, "0310001H")
    found = portal.app.tokens.find(secret)
    assert found
    assert found[0].establishments == frozenset({"0310001H"})


@pytest.mark.rule("R75", "R76")
def test_token__revoked_and_told_without_its_secret(portal: Portal) -> None:
    token, secret = made(portal)
    tokens, by = portal.app.tokens, portal.actor(STAFF)
    assert tokens.revoke(by, token.id).revoked_at == portal.clock.now()
    assert tokens.find(secret) is None
    with pytest.raises(TokenRefused):
        tokens.revoke(by, token.id)
    events = told(portal.app, "token_created", "token_revoked")
    assert [kind for kind, _ in events] == ["token_created", "token_revoked"]
    assert events[1][1] == {"token": token.id}
    with portal.app.database.read() as connection:
        assert secret not in str(connection.execute(select(TOKENS)).all())


@pytest.mark.rule("R76")
def test_token__of_who_may_enter_and_made_by_operators(portal: Portal) -> None:
    for role, subject in ((Role.OPERATOR, READER), (Role.READER, OPERATOR), (Role.CHEF, "9999999Z")):
        with pytest.raises(NotAllowed):
            made(portal, role, subject)
    for alone in (Role.SCHEDULE, Role.CONNECTOR):  # what acts by itself has no token, nor a session
        with pytest.raises(NotAllowed, match="Personne n'agit comme"):
            made(portal, alone, "0310001H")
    for days in (0, 367):
        with pytest.raises(TokenRefused):
            made(portal, days=days)
    for session_user in (CHEF, DRANE):
        with pytest.raises(NotAllowed):
            portal.app.tokens.all(portal.actor(session_user))


@pytest.mark.rule("R76")
@pytest.mark.parametrize("secret", ["", "oda_", "oda_faux", "autre", "oda_é"])
def test_find__nobody(portal: Portal, secret: str) -> None:
    made(portal)
    assert portal.app.tokens.find(secret) is None
