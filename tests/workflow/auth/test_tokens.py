"""Access tokens: shown once, kept as a digest, dead in time or at a word (R76)."""

from dataclasses import replace
from io import BytesIO

import pytest
from sqlalchemy import select

from states.vocabulary import Channel, Role, Scope
from tests.kit.installation import OPERATOR, READER
from tests.kit.portal import CHEF, DRANE, SCHOOLS, STAFF, Portal
from tests.kit.sign_in import installation_events
from tests.workflow.directory.files import file_of, row
from workflow.auth.actors import NotAllowed
from workflow.auth.tokens import Token, TokenRefused
from workflow.database.access_tables import TOKENS


def create(portal: Portal, role: Role = Role.READER, subject: str = READER, days: int = 30) -> tuple[Token, str]:
    by = portal.actor(STAFF)
    return portal.app.tokens.create(by, role, [subject], scope=Scope.READ, label="tableau de bord", days=days)


@pytest.mark.rule("R76")
def test_token__stands_for_its_person_until_its_end(portal: Portal) -> None:
    token, secret = create(portal)
    assert secret.startswith("oda_")
    bearer = portal.app.tokens.find(secret)
    assert bearer
    actor, scope = bearer
    assert (actor.role, actor.channel, scope) == (Role.READER, Channel.API, Scope.READ)
    assert actor.number == portal.actor(DRANE).number
    (listed,) = portal.app.tokens.all(portal.actor(STAFF))
    assert (listed.id, listed.seen_at) == (token.id, portal.clock.now())
    portal.clock.advance(days=30)
    assert portal.app.tokens.find(secret) is None


@pytest.mark.rule("R3", "R76")
def test_token__of_a_chef_is_for_these_establishments(portal: Portal) -> None:
    _, secret = create(portal, Role.CHEF, "0310001H")
    bearer = portal.app.tokens.find(secret)
    assert bearer
    assert bearer[0].establishments == frozenset({"0310001H"})


@pytest.mark.rule("R75", "R76")
def test_token__revoked_and_told_without_its_secret(portal: Portal) -> None:
    token, secret = create(portal)
    tokens, by = portal.app.tokens, portal.actor(STAFF)
    assert tokens.revoke(by, token.id).revoked_at == portal.clock.now()
    assert tokens.find(secret) is None
    with pytest.raises(TokenRefused):
        tokens.revoke(by, token.id)
    events = installation_events(portal.app, "token_created", "token_revoked")
    assert [kind for kind, _ in events] == ["token_created", "token_revoked"]
    assert events[1][1] == {"token": token.id}
    with portal.app.database.read() as connection:
        assert secret not in str(connection.execute(select(TOKENS)).all())


@pytest.mark.rule("R76")
def test_token__of_who_may_enter_and_made_by_operators(portal: Portal) -> None:
    for role, subject in ((Role.OPERATOR, READER), (Role.READER, OPERATOR), (Role.CHEF, "9999999Z")):
        with pytest.raises(NotAllowed):
            create(portal, role, subject)
    for alone in (Role.SCHEDULE, Role.CONNECTOR):  # what acts by itself has no token, nor a session
        with pytest.raises(NotAllowed, match="Personne n'agit comme"):
            create(portal, alone, "0310001H")
    for days in (0, 367):
        with pytest.raises(TokenRefused):
            create(portal, days=days)
    for session_user in (CHEF, DRANE):
        with pytest.raises(NotAllowed):
            portal.app.tokens.all(portal.actor(session_user))


@pytest.mark.rule("R14", "R66", "R75", "R76")
@pytest.mark.parametrize(
    ("changed", "why"),
    [({"mail": "nouvelle@ac-toulouse.fr"}, "mailbox_changed"), ({"etat": "FERME"}, "closed"), ({}, "mailbox_changed")],
    ids=["another-mailbox", "closed", "an-operator-s-mailbox"],
)
def test_tokens__of_an_establishment_end_with_its_mailbox_or_its_closure(
    portal: Portal, changed: dict[str, str], why: str
) -> None:
    ended, two = create(portal, Role.CHEF, "0310001H"), create(portal, Role.DEPUTY, "0310001H")
    staying = [create(portal, Role.CHEF, "0120001X"), create(portal, Role.OPERATOR, OPERATOR), create(portal)]
    directory, by = portal.app.directory, portal.actor(STAFF)
    if changed:
        lines = [
            row(uai, **({"mail": school[4] or ""} | (changed if uai == "0310001H" else {})))
            for uai, school in SCHOOLS.items()
        ]  # fmt: skip
        directory.import_file(BytesIO(file_of(*lines)), by)
    else:
        directory.set_mailbox("0310001H", "direction@ac-toulouse.fr", "l'ancienne est fermée", by)
    assert [portal.app.tokens.find(secret) for _, secret in (ended, two)] == [None, None]
    assert all(portal.app.tokens.find(secret) for _, secret in staying)
    events = [data for _, data in installation_events(portal.app, "token_revoked")]
    assert events == [{"token": token.id, "why": why} for token, _ in (ended, two)]


@pytest.mark.rule("R37", "R76")
def test_tokens__end_when_a_chef_says_to_be_the_new_one(portal: Portal) -> None:
    former, other = create(portal, Role.CHEF, "0310001H"), create(portal, Role.CHEF, "0120001X")
    portal.clock.advance(days=1)
    portal.app.tokens.end_former_chefs(portal.actor(replace(CHEF, name="Luce Faure")))
    assert portal.app.tokens.find(former[1]) is None
    assert portal.app.tokens.find(other[1])
    assert [data["why"] for _, data in installation_events(portal.app, "token_revoked")] == ["chef_changed"]


@pytest.mark.rule("R3", "R75", "R76")
def test_tokens__a_chef_sees_and_ends_those_of_the_establishment_alone(portal: Portal) -> None:
    theirs, anothers = create(portal, Role.CHEF, "0310001H"), create(portal, Role.CHEF, "0120001X")
    staffs, over = create(portal, Role.OPERATOR, OPERATOR), create(portal, Role.CHEF, "0310001H", days=1)
    portal.clock.advance(days=1)
    tokens, chef = portal.app.tokens, portal.actor(CHEF)
    assert [token.id for token in tokens.of_establishments(chef)] == [theirs[0].id]
    for token, _ in (anothers, staffs):
        with pytest.raises(TokenRefused):
            tokens.revoke(chef, token.id)
    tokens.revoke(chef, theirs[0].id)
    assert tokens.find(theirs[1]) is None
    assert tokens.of_establishments(chef) == ()
    assert installation_events(portal.app, "token_revoked") == [("token_revoked", {"token": theirs[0].id})]
    assert over[0].id not in [token.id for token in tokens.of_establishments(chef)]


@pytest.mark.rule("R76")
@pytest.mark.parametrize("secret", ["", "oda_", "oda_faux", "autre", "oda_é"])
def test_find__nobody(portal: Portal, secret: str) -> None:
    create(portal)
    assert portal.app.tokens.find(secret) is None
