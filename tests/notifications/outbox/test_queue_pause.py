"""The relay's pause: one for all who send, longer each time, told once (R70)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from notifications.outbox.queue import FIRST_PAUSE, REFUSALS, Pause, begin_pause, end_pause, load_pause
from notifications.vocabulary import RelayFault
from tests.kit.factories import NOW
from workflow.database.connection import Database

DOWN, LOGIN = RelayFault.DOWN, RelayFault.LOGIN_REFUSED
WORDS = "535 5.7.8 Authentication failed"


def trip(database: Database, fault: RelayFault, after: float = 0, words: str = "") -> tuple[Pause, bool]:
    with database.write() as connection:
        return begin_pause(connection, fault, words, NOW + timedelta(seconds=after))


def stored(database: Database) -> Pause | None:
    with database.read() as connection:
        return load_pause(connection)


def lift(database: Database) -> bool:
    with database.write() as connection:
        return end_pause(connection)


def test_stored__nothing_while_the_relay_takes_mails(database: Database) -> None:
    assert stored(database) is None
    assert not lift(database)


@pytest.mark.rule("R70")
def test_trip__is_what_every_other_node_reads(database: Database) -> None:
    pause, is_new = trip(database, LOGIN, words=WORDS)
    assert is_new
    minutes = timedelta(minutes=5)
    assert pause == Pause(fault=LOGIN, reply=WORDS, since=NOW, until=NOW + minutes, lasts=minutes)
    assert stored(database) == pause


@pytest.mark.rule("R70")
def test_trip__waits_twice_as_long_each_time_up_to_five_minutes(database: Database) -> None:
    waits, after, first = [], 0.0, None
    for _ in range(7):
        pause, is_new = trip(database, DOWN, after)
        first = first or pause
        assert (is_new, pause.since) == (after == 0, first.since)
        assert pause.until == NOW + timedelta(seconds=after) + pause.lasts
        waits.append(pause.lasts.total_seconds())
        after += waits[-1]
    assert waits == [10, 20, 40, 80, 160, 300, 300]


@pytest.mark.rule("R70")
@pytest.mark.parametrize("fault", REFUSALS)
def test_trip__waits_five_minutes_at_once_when_we_are_refused(database: Database, fault: RelayFault) -> None:
    assert trip(database, fault)[0].lasts == timedelta(minutes=5)
    assert trip(database, fault, 300)[0].lasts == timedelta(minutes=5)


def test_trip__leaves_a_pause_that_is_not_over(database: Database) -> None:
    first, _ = trip(database, DOWN, words="connexion refusée")
    assert trip(database, LOGIN, 9.9, WORDS) == (first, False)
    assert stored(database) == first


@pytest.mark.rule("R70")
def test_trip__tells_another_trouble_as_new_and_keeps_since(database: Database) -> None:
    trip(database, DOWN)
    pause, is_new = trip(database, LOGIN, 10, WORDS)
    assert (is_new, pause.since, pause.reply) == (True, NOW, WORDS)
    assert trip(database, LOGIN, 310)[1] is False


def test_trip__tries_soon_again_a_relay_that_is_down_after_a_refusal(database: Database) -> None:
    trip(database, LOGIN)
    assert trip(database, DOWN, 300)[0].lasts == FIRST_PAUSE


def test_lift__forgets_everything(database: Database) -> None:
    trip(database, DOWN)
    trip(database, DOWN, 10)
    assert lift(database)
    assert stored(database) is None
    pause, is_new = trip(database, DOWN, 30)
    assert (is_new, pause.lasts, pause.since) == (True, FIRST_PAUSE, NOW + timedelta(seconds=30))


@pytest.mark.rule("R70")
@pytest.mark.parametrize("earlier", [False, True])
def test_trip__several_nodes_at_once_count_once(database: Database, earlier: bool) -> None:
    if earlier:
        trip(database, DOWN)
    nodes = 6
    ready = Barrier(nodes)

    def node(_: int) -> tuple[Pause, bool]:
        ready.wait(10)
        return trip(database, LOGIN, 20, WORDS)

    with ThreadPoolExecutor(nodes) as pool:
        done = list(pool.map(node, range(nodes)))
    assert sum(is_new for _, is_new in done) == 1
    assert {pause for pause, _ in done} == {stored(database)}
