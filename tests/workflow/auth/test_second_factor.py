"""The second factor: enrolled by its first digits, each code once, few tries, sealed, removed and told (R106)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pyotp import TOTP
from sqlalchemy import select, update

from notifications.encryption import Sealer
from notifications.outbox import admin as outbox
from notifications.vocabulary import Kind, Mail
from states.vocabulary import Role, SignInMethod
from tests.kit.portal import CHEF, DRANE, STAFF, Portal, open_portal
from tests.kit.sign_in import installation_events
from workflow.auth.actors import NotAllowed
from workflow.auth.second_factor import (
    FactorKnown,
    FactorNeed,
    FactorUnknown,
    TooManyFactorTries,
    WrongFactor,
    count_factors_under_other_keys,
    reseal_factors,
)
from workflow.auth.sessions import SessionUser
from workflow.database.access_tables import FACTOR, RECOVERY_CODE

pytestmark = pytest.mark.rule("R106")

OPTIONAL = "sign_in:\n  second_factor: optional\n"
REQUIRED = "sign_in:\n  second_factor: required\n"


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    with open_portal(tmp_path, database_url, settings=OPTIONAL) as portal:
        yield portal


def digits(portal: Portal, key: str, steps: int = 0) -> str:
    """What the telephone shows now, or so many half minutes later."""
    return TOTP(key).at(portal.clock.now(), counter_offset=steps)


def wrong(portal: Portal, key: str) -> str:
    """Six digits that are none of those of this time."""
    right = {digits(portal, key, step) for step in range(-3, 4)}
    return next(text for text in map("{:06}".format, range(10)) if text not in right)


def enrolled(portal: Portal) -> tuple[str, tuple[str, ...]]:
    """The key of the operator's telephone, whose first digits are used, and their recovery codes."""
    factors = portal.app.second_factors
    factors.begin(STAFF.subject)
    pending = factors.enrolment_key(STAFF.subject)
    assert pending
    codes = factors.confirm(portal.actor(STAFF), STAFF.subject, digits(portal, pending.key))
    portal.clock.advance(seconds=60)
    return pending.key, codes


def waiting(portal: Portal, session_user: SessionUser = STAFF) -> tuple[SessionUser, str]:
    """A session that has just begun."""
    actor, now = portal.actor(session_user), portal.clock.now()
    with portal.app.database.write() as connection:
        secret = portal.context.sign_in.begin(connection, session_user, actor, now)
    begun = portal.context.sessions.find(secret, now)
    assert begun
    return begun, secret


def passed(portal: Portal, typed: str, *, is_recovery: bool = False) -> SessionUser:
    """The session that this code opens."""
    begun, secret = waiting(portal)
    fresh = portal.context.sign_in.pass_factor(begun, secret, typed, is_recovery=is_recovery)
    assert portal.context.sessions.find(secret, portal.clock.now()) is None, "the secret is another"
    opened = portal.context.sessions.find(fresh, portal.clock.now())
    assert opened
    return opened


def mails(portal: Portal) -> list[Mail]:
    with portal.app.database.read() as connection:
        listed = outbox.list_outbox(connection, whole=True).mails
    return [mail for mail in reversed(listed) if mail.kind is Kind.FACTOR_CHANGED]


def test_enrolment__nothing_is_asked_before_its_first_digits(portal: Portal) -> None:
    factors = portal.app.second_factors
    factors.begin(STAFF.subject)
    assert waiting(portal)[0].awaits_factor is False
    pending = factors.enrolment_key(STAFF.subject)
    assert pending
    with pytest.raises(WrongFactor):
        factors.confirm(portal.actor(STAFF), STAFF.subject, wrong(portal, pending.key))
    assert factors.standing(STAFF.subject).since is None
    codes = factors.confirm(portal.actor(STAFF), STAFF.subject, digits(portal, pending.key))
    assert len(set(codes)) == 10
    assert factors.enrolment_key(STAFF.subject) is None, "the key is never shown again"
    assert factors.standing(STAFF.subject.upper()).codes_left == 10
    assert waiting(portal)[0].awaits_factor is True
    with pytest.raises(FactorUnknown):
        factors.confirm(portal.actor(STAFF), STAFF.subject, digits(portal, pending.key, 1))
    assert [kind for kind, _ in installation_events(portal.app, "factor_enrolled")] == ["factor_enrolled"]
    assert [mail.recipient for mail in mails(portal)] == [STAFF.subject]


def test_enrolment__that_nobody_confirms_is_forgotten(portal: Portal) -> None:
    factors = portal.app.second_factors
    factors.begin(STAFF.subject)
    portal.clock.advance(days=1)
    assert factors.enrolment_key(STAFF.subject) is None
    portal.app.ticker.tick()
    with portal.app.database.read() as connection:
        assert connection.execute(select(FACTOR)).all() == []


def test_enrolment__begun_again_does_not_touch_the_one_in_force(portal: Portal) -> None:
    key, _ = enrolled(portal)
    portal.app.second_factors.begin(STAFF.subject)
    assert not passed(portal, digits(portal, key)).awaits_factor


def test_key__is_nowhere_in_clear(portal: Portal) -> None:
    key, codes = enrolled(portal)
    with portal.app.database.read() as connection:
        stored = str([tuple(row) for table in (FACTOR, RECOVERY_CODE) for row in connection.execute(select(table))])
    assert key not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    assert all(key not in mail.context for mail in mails(portal))


def test_digits__of_this_half_minute_or_of_its_neighbours_alone(portal: Portal) -> None:
    key, _ = enrolled(portal)
    begun, secret = waiting(portal)
    for steps in (-2, 2):
        with pytest.raises(WrongFactor):
            portal.context.sign_in.pass_factor(begun, secret, digits(portal, key, steps))
    passed(portal, digits(portal, key, -1))
    passed(portal, digits(portal, key))
    passed(portal, digits(portal, key, 1))


def test_digits__serve_once_and_none_older_after(portal: Portal) -> None:
    key, _ = enrolled(portal)
    used = digits(portal, key, 1)
    passed(portal, used)
    begun, secret = waiting(portal)
    for replayed in (used, digits(portal, key), digits(portal, key, -1)):
        with pytest.raises(WrongFactor):
            portal.context.sign_in.pass_factor(begun, secret, replayed)
    portal.clock.advance(seconds=60)
    passed(portal, digits(portal, key))


def test_digits__of_the_enrolment_open_nothing(portal: Portal) -> None:
    factors = portal.app.second_factors
    factors.begin(STAFF.subject)
    pending = factors.enrolment_key(STAFF.subject)
    assert pending
    typed = digits(portal, pending.key)
    factors.confirm(portal.actor(STAFF), STAFF.subject, typed)
    begun, secret = waiting(portal)
    with pytest.raises(WrongFactor):
        portal.context.sign_in.pass_factor(begun, secret, typed)


@pytest.mark.rule("R74")
def test_tries__are_few_and_a_right_code_costs_none(portal: Portal) -> None:
    key, codes = enrolled(portal)
    for _ in range(6):
        passed(portal, digits(portal, key))
        portal.clock.advance(seconds=30)
    begun, secret = waiting(portal)
    for _ in range(5):
        with pytest.raises(WrongFactor):
            portal.context.sign_in.pass_factor(begun, secret, wrong(portal, key))
    for typed, is_recovery in ((digits(portal, key), False), (codes[0], True)):
        with pytest.raises(TooManyFactorTries):
            portal.context.sign_in.pass_factor(begun, secret, typed, is_recovery=is_recovery)
    portal.clock.advance(minutes=31)
    passed(portal, digits(portal, key))
    passed(portal, codes[0], is_recovery=True)


@pytest.mark.rule("R74", "R75")
def test_tries__thirty_a_day_whatever_the_half_hours(portal: Portal) -> None:
    key, _ = enrolled(portal)
    for _ in range(6):
        begun, secret = waiting(portal)
        for _ in range(5):
            with pytest.raises(WrongFactor):
                portal.context.sign_in.pass_factor(begun, secret, wrong(portal, key))
        portal.clock.advance(minutes=30)
    begun, secret = waiting(portal)
    with pytest.raises(TooManyFactorTries):
        portal.context.sign_in.pass_factor(begun, secret, digits(portal, key))
    portal.clock.advance(days=1)
    portal.app.ticker.tick()
    assert {data["limit"] for _, data in installation_events(portal.app, "door_refused")} == {"factor-day"}
    passed(portal, digits(portal, key))


def test_recovery_code__serves_once_in_any_writing_and_is_told(portal: Portal) -> None:
    _, codes = enrolled(portal)
    passed(portal, codes[0].lower().replace("-", " "), is_recovery=True)
    begun, secret = waiting(portal)
    with pytest.raises(WrongFactor):
        portal.context.sign_in.pass_factor(begun, secret, codes[0], is_recovery=True)
    with pytest.raises(WrongFactor):
        portal.context.sign_in.pass_factor(begun, secret, codes[1])  # as the six digits, it is none
    assert portal.app.second_factors.standing(STAFF.subject).codes_left == 9
    assert "recovery_code_used" in mails(portal)[-1].context
    (_, data), *_ = installation_events(portal.app, "recovery_code_used")
    assert data["left"] == 9


def test_recovery_codes__drawn_anew_replace_the_others(portal: Portal) -> None:
    _, codes = enrolled(portal)
    others = portal.app.second_factors.renew_codes(portal.actor(STAFF), STAFF.subject)
    assert set(codes).isdisjoint(others)
    begun, secret = waiting(portal)
    with pytest.raises(WrongFactor):
        portal.context.sign_in.pass_factor(begun, secret, codes[3], is_recovery=True)
    passed(portal, others[3], is_recovery=True)


def test_remove__by_an_operator_told_to_all_and_then_nothing_is_asked(portal: Portal) -> None:
    enrolled(portal)
    factors = portal.app.second_factors
    for who in (DRANE, CHEF):
        with pytest.raises(NotAllowed):
            factors.remove(portal.actor(who), STAFF.subject)
    begun, secret = waiting(portal)
    factors.remove(portal.actor(STAFF), STAFF.subject.upper())
    operators = (*portal.app.people.operators(), portal.app.settings.mail.operators_mailbox)
    assert {mail.recipient for mail in mails(portal)[1:]} == set(operators)
    assert portal.context.sign_in.need(begun) is FactorNeed.NOTHING
    opened = portal.context.sessions.find(portal.context.sign_in.open_without_factor(begun, secret), portal.clock.now())
    assert opened
    assert not opened.awaits_factor
    assert waiting(portal)[0].awaits_factor is False
    with pytest.raises(FactorUnknown):
        factors.remove(portal.actor(STAFF), STAFF.subject)
    with portal.app.database.read() as connection:
        assert connection.execute(select(RECOVERY_CODE)).all() == []


def test_session__that_waits_cannot_open_itself(portal: Portal) -> None:
    enrolled(portal)
    begun, secret = waiting(portal)
    assert portal.context.sign_in.open_without_factor(begun, secret) == secret
    session_user = portal.context.sessions.find(secret, portal.clock.now())
    assert session_user
    assert session_user.awaits_factor


def test_need__is_of_operators_alone_and_not_of_a_provider_that_asked_for_two(portal: Portal) -> None:
    enrolled(portal)
    assert not waiting(portal, DRANE)[0].awaits_factor
    assert not waiting(portal, CHEF)[0].awaits_factor
    national = replace(STAFF, method=SignInMethod.PROVIDER, provider="proconnect")
    assert waiting(portal, national)[0].awaits_factor
    assert not waiting(portal, replace(national, has_two_factors=True))[0].awaits_factor


def test_required__leads_to_enrol_who_has_none(database_url: str, tmp_path: Path) -> None:
    with open_portal(tmp_path, database_url, settings=REQUIRED) as portal:
        begun, _ = waiting(portal)
        assert begun.awaits_factor
        assert portal.context.sign_in.need(begun) is FactorNeed.ENROLMENT
        assert not waiting(portal, DRANE)[0].awaits_factor


def test_required__is_enrolled_by_who_was_allowed_to_within_a_day(database_url: str, tmp_path: Path) -> None:
    with open_portal(tmp_path, database_url, settings=REQUIRED) as portal:
        factors, staff = portal.app.second_factors, portal.actor(STAFF)
        factors.begin(STAFF.subject)
        assert factors.enrolment_key(STAFF.subject) is None, "whoever reads the mailbox first enrols nothing"
        with pytest.raises(NotAllowed):
            factors.allow(portal.actor(DRANE), STAFF.subject)
        factors.allow(staff, STAFF.subject.upper())
        factors.begin(STAFF.subject)
        pending = factors.enrolment_key(STAFF.subject)
        assert pending
        portal.clock.advance(days=1)
        with pytest.raises(FactorUnknown):
            factors.confirm(staff, STAFF.subject, digits(portal, pending.key))
        factors.allow(staff, STAFF.subject)
        enrolled(portal)
        with pytest.raises(FactorKnown):
            factors.allow(staff, STAFF.subject)
        factors.remove(staff, STAFF.subject)
        assert factors.may_enrol(STAFF.subject), "they have just proved the former one"
        enrolled(portal)
        factors.remove(replace(staff, number=portal.actor(DRANE).number), STAFF.subject)  # a colleague
        assert not factors.may_enrol(STAFF.subject)
        assert [data["of"] for _, data in installation_events(portal.app, "factor_allowed")] == [staff.number] * 2


def test_none__asks_for_nothing_even_of_who_enrolled_before(database_url: str, tmp_path: Path) -> None:
    with open_portal(tmp_path, database_url) as portal:
        enrolled(portal)
        assert not waiting(portal)[0].awaits_factor


def test_factor__goes_with_the_role(portal: Portal) -> None:
    enrolled(portal)
    with portal.app.database.write() as connection:
        connection.execute(RECOVERY_CODE.delete())
        connection.execute(update(FACTOR).values(address="parti@ac-toulouse.fr"))
    portal.app.ticker.tick()
    with portal.app.database.read() as connection:
        assert connection.execute(select(FACTOR)).all() == []


@pytest.mark.rule("R71")
def test_rotation__seals_the_keys_anew_and_says_which_no_key_opens(portal: Portal) -> None:
    key, _ = enrolled(portal)
    old, new = portal.app.secrets.read("seal-key").get_secret_value().split()[0], Fernet.generate_key().decode()
    both = Sealer([new, old])
    with portal.app.database.write() as connection:
        assert count_factors_under_other_keys(connection, both) == 1
        assert reseal_factors(connection, both).count == 1
        assert count_factors_under_other_keys(connection, both) == 0
        assert reseal_factors(connection, Sealer([old])).unreadable == (f"second-factor:{STAFF.subject}",)
        (sealed,) = connection.execute(select(FACTOR.c.sealed_key)).scalars()
    assert Sealer([new]).open(sealed, f"second-factor:{STAFF.subject}") == key


def test_key__that_no_key_of_ours_opens_leaves_the_recovery_codes(portal: Portal) -> None:
    key, codes = enrolled(portal)
    with portal.app.database.write() as connection:
        foreign = Sealer([Fernet.generate_key().decode()]).seal(key, "x")
        connection.execute(update(FACTOR).values(sealed_key=foreign))
    begun, secret = waiting(portal)
    with pytest.raises(FactorUnknown):
        portal.context.sign_in.pass_factor(begun, secret, digits(portal, key))
    passed(portal, codes[0], is_recovery=True)


@pytest.mark.parametrize("role", [Role.CHEF, Role.READER], ids=lambda role: role.value)
def test_need__of_another_role_at_the_same_address(portal: Portal, role: Role) -> None:
    enrolled(portal)
    with portal.app.database.read() as connection:
        assert portal.app.second_factors.need(connection, role, STAFF.subject) is FactorNeed.NOTHING
    assert portal.app.second_factors.standing(STAFF.subject).since == portal.clock.now() - timedelta(seconds=60)
