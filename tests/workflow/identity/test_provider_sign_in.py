"""The two sealed cookies of a sign-in by a provider: what makes a return serve once, in one browser (R101)."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.kit.clock import FakeClock
from workflow.database import schema
from workflow.database.connection import Database
from workflow.identity.provider import SignInAttempt
from workflow.identity.provider_sign_in import LARGEST_HINT, ProviderSession, SealedCookies
from workflow.identity.signed_tokens import ProviderFailure, ProviderProblem
from workflow.journal.chain import JournalHasher


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    schema.upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 9, 14, 8, 25, tzinfo=UTC))


@pytest.fixture
def cookies(database: Database, clock: FakeClock) -> SealedCookies:
    return SealedCookies(database, clock, JournalHasher(b"k" * 32))


def take(cookies: SealedCookies, cookie: str, state: str) -> SignInAttempt:
    attempt = cookies.open(cookie)
    cookies.take(attempt, state)
    return attempt


def lost(cookies: SealedCookies, cookie: str, state: str) -> None:
    with pytest.raises(ProviderFailure) as caught:
        take(cookies, cookie, state)
    assert caught.value.problem is ProviderProblem.LOST


@pytest.mark.rule("R101")
def test_take__once_even_by_another_machine_and_in_another_half_hour(
    cookies: SealedCookies, database: Database, clock: FakeClock
) -> None:
    attempt, cookie = cookies.begin("national", "/compte", is_fresh=True, session="d", level_of="operator")
    assert take(cookies, cookie, attempt.state) == attempt
    clock.advance(minutes=6)
    lost(cookies, cookie, attempt.state)
    lost(SealedCookies(database, clock, JournalHasher(b"k" * 32)), cookie, attempt.state)


@pytest.mark.rule("R101")
def test_take__in_the_browser_that_began_alone(cookies: SealedCookies) -> None:
    attempt, cookie = cookies.begin("national", "")
    other, other_cookie = cookies.begin("national", "")
    lost(cookies, other_cookie, attempt.state)
    lost(cookies, cookie, other.state)
    lost(cookies, cookie, "")
    lost(cookies, "", attempt.state)
    lost(cookies, "é", attempt.state)
    assert take(cookies, cookie, attempt.state) == attempt  # what others tried took nothing from it


@pytest.mark.rule("R101")
def test_take__ten_minutes(cookies: SealedCookies, clock: FakeClock) -> None:
    attempt, cookie = cookies.begin("national", "")
    clock.advance(minutes=10)
    lost(cookies, cookie, attempt.state)


@pytest.mark.rule("R101")
def test_take__of_this_installation_and_for_this_use(
    cookies: SealedCookies, database: Database, clock: FakeClock
) -> None:
    attempt, cookie = cookies.begin("national", "")
    lost(SealedCookies(database, clock, JournalHasher(b"l" * 32)), cookie, attempt.state)
    lost(cookies, cookies.keep(ProviderSession(provider="national")), attempt.state)
    assert cookies.read(cookie) is None


@pytest.mark.rule("R101")
def test_keep__what_signing_out_needs(cookies: SealedCookies) -> None:
    session = ProviderSession(provider="national", id_token="e" * LARGEST_HINT)
    cookie = cookies.keep(session)
    assert len(cookie) < 4000
    assert "eee" not in cookie
    assert cookies.read(cookie) == session
    longer = ProviderSession(provider="national", id_token="e" * (LARGEST_HINT + 1))
    session_read = cookies.read(cookies.keep(longer))
    assert session_read == ProviderSession(provider="national")
