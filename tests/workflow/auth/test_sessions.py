"""Sessions: begun anew at each sign-in, ended by time, by leaving, everywhere, by the settings (R73)."""

from dataclasses import replace
from io import BytesIO

import pytest

from states.vocabulary import Role, SignInMethod
from tests.kit.portal import CHEF, DEPUTY, OTHER_CHEF, SCHOOLS, STAFF, TWO_SCHOOLS, Portal
from tests.kit.sign_in import installation_events, secrets_of
from tests.workflow.auth.test_sign_in_links import HERE, OTHER, SCHOOL, enter, request_link
from tests.workflow.directory.files import file_of, row
from workflow.auth.actors import NotAllowed
from workflow.auth.sessions import LinkDead, SessionUser

UNKNOWN = replace(CHEF, name="")


def find_session(portal: Portal, secret: str) -> SessionUser | None:
    return portal.context.sessions.find(secret, portal.clock.now())


@pytest.mark.rule("R73")
def test_session__ends_unused_and_at_last(portal: Portal) -> None:
    secret = portal.secret(CHEF)
    for _ in range(5):
        portal.clock.advance(minutes=119)
        assert find_session(portal, secret) == CHEF
    portal.clock.advance(minutes=5)
    assert find_session(portal, secret) is None, "ten hours are over"
    other = portal.secret(CHEF)
    portal.clock.advance(minutes=120)
    assert find_session(portal, other) is None, "two hours unused"


@pytest.mark.rule("R37", "R73", "R75")
def test_present__under_a_new_secret_until_the_same_end(portal: Portal) -> None:
    secret = portal.secret(UNKNOWN)
    ends = portal.context.sessions.ends_at(secret)
    portal.clock.advance(minutes=10)
    fresh = portal.context.sign_in.identify(UNKNOWN, secret, "Claire Martin", Role.DEPUTY)
    assert find_session(portal, secret) is None
    assert find_session(portal, fresh) == SessionUser(role=Role.DEPUTY, subject=SCHOOL, name="Claire Martin")
    assert portal.context.sessions.ends_at(fresh) == ends
    assert installation_events(portal.app, "presented") == [("presented", {"establishments": 1})]


@pytest.mark.rule("R2", "R73")
def test_present__as_nobody_else(portal: Portal) -> None:
    for role in (Role.OPERATOR, Role.READER, Role.SCHEDULE, Role.CONNECTOR):
        with pytest.raises(NotAllowed):
            portal.context.sign_in.identify(UNKNOWN, portal.secret(UNKNOWN), "Claire Martin", role)


@pytest.mark.rule("R73")
def test_sign_in__ends_the_former_session_of_the_browser(portal: Portal) -> None:
    former = portal.secret(STAFF)
    entered = enter(portal, request_link(portal), former)
    assert find_session(portal, former) is None
    assert entered.secret != former
    assert find_session(portal, entered.secret) == UNKNOWN


@pytest.mark.rule("R73")
def test_join__only_to_the_session_that_asked(portal: Portal) -> None:
    mine, another = portal.secret(CHEF), portal.secret(OTHER_CHEF)
    joined = enter(portal, request_link(portal, OTHER, replace(HERE, session=mine)), mine)
    assert joined.session_user == TWO_SCHOOLS
    assert find_session(portal, mine) is None
    fresh = enter(portal, request_link(portal, OTHER, replace(HERE, session=joined.secret)), another)
    assert fresh.session_user == SessionUser(role=Role.CHEF, subject=OTHER), "opened in somebody else's browser"
    assert enter(portal, request_link(portal, OTHER), joined.secret).session_user == fresh.session_user, (
        "asked for by nobody signed in"
    )


@pytest.mark.rule("R112", "R103")
def test_join__of_a_mailbox_makes_a_national_session_one_that_reads_no_code(portal: Portal) -> None:
    """Else a person known at one school would read the code of another by its mailbox alone."""
    named = SessionUser(
        role=Role.CHEF, subject=SCHOOL, name="Claire Martin", method=SignInMethod.PROVIDER, provider="proconnect",
        identity="d", identity_name="Claire Martin",
    )  # fmt: skip
    asking = portal.secret(named)
    joined = enter(portal, request_link(portal, OTHER, replace(HERE, session=asking)), asking)
    assert joined.session_user.uais == TWO_SCHOOLS.uais
    assert joined.session_user.method is SignInMethod.MAIL_LINK
    assert joined.session_user.identity == "d", "the end of the binding still ends this session"


@pytest.mark.rule("R73", "R75")
def test_leave__everywhere(portal: Portal) -> None:
    all_of_them = [portal.secret(user) for user in (CHEF, DEPUTY, TWO_SCHOOLS)]
    others = [portal.secret(user) for user in (OTHER_CHEF, STAFF)]
    assert portal.context.sign_in.sign_out_everywhere(CHEF) == 3
    assert [find_session(portal, secret) for secret in all_of_them] == [None] * 3
    assert all(find_session(portal, secret) for secret in others)
    assert installation_events(portal.app, "signed_out_everywhere") == [("signed_out_everywhere", {"sessions": 3})]


@pytest.mark.rule("R72", "R73")
@pytest.mark.parametrize("everywhere", [True, False], ids=["signed-out-everywhere", "the-mailbox-changes"])
def test_leave__everywhere_ends_the_pending_links(portal: Portal, everywhere: bool) -> None:
    pending, anothers = request_link(portal), request_link(portal, OTHER)
    directory, operator = portal.app.directory, portal.actor(STAFF)
    if everywhere:
        portal.context.sign_in.sign_out_everywhere(CHEF)
    else:
        directory.set_mailbox(SCHOOL, "direction@ac-toulouse.fr", "l'ancienne est ouverte à trop de monde", operator)
        directory.set_mailbox(SCHOOL, None, "l'annuaire est juste", operator)  # which revives nothing
    assert secrets_of(portal.app) == [anothers]
    with pytest.raises(LinkDead):
        enter(portal, pending)
    assert enter(portal, anothers).session_user.uais == (OTHER,)


@pytest.mark.rule("R14", "R73")
def test_mailbox__that_becomes_another_ends_the_sessions_of_the_former(portal: Portal) -> None:
    operator, directory = portal.actor(STAFF), portal.app.directory
    all_of_them = [portal.secret(user) for user in (CHEF, DEPUTY, TWO_SCHOOLS)]
    others = [portal.secret(user) for user in (OTHER_CHEF, STAFF)]
    directory.set_mailbox(OTHER_CHEF.subject, SCHOOLS[OTHER_CHEF.subject][4], "l'adresse de l'annuaire", operator)
    assert all(find_session(portal, secret) for secret in (*all_of_them, *others)), "set to what it was"
    directory.set_mailbox(SCHOOL, "direction@ac-toulouse.fr", "l'ancienne est ouverte à trop de monde", operator)
    assert [find_session(portal, secret) for secret in all_of_them] == [None] * 3
    assert all(find_session(portal, secret) for secret in others)
    anew = portal.secret(CHEF)
    directory.set_mailbox(SCHOOL, None, "l'annuaire est juste", operator)
    assert find_session(portal, anew) is None


@pytest.mark.rule("R66", "R73")
def test_import__ends_the_sessions_of_the_mailboxes_that_it_changes(portal: Portal) -> None:
    moved, same = portal.secret(CHEF), portal.secret(OTHER_CHEF)
    rows = [row(uai, mail="nouvelle@ac-toulouse.fr" if uai == SCHOOL else box or "")
            for uai, (_, _, _, _, box) in SCHOOLS.items()]  # fmt: skip
    portal.app.directory.import_file(BytesIO(file_of(*rows)), portal.actor(STAFF))
    assert find_session(portal, moved) is None
    assert find_session(portal, same)


@pytest.mark.rule("R2", "R73")
def test_session__of_who_is_no_more_in_the_settings(portal: Portal) -> None:
    gone = replace(STAFF, subject="parti@ac-toulouse.fr")
    client = portal.client(gone)
    assert client.get("/compte", follow_redirects=False).headers["location"].startswith("/connexion")
    with pytest.raises(NotAllowed):
        portal.context.sessions.actor(gone)
