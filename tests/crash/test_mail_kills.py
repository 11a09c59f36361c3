"""Senders killed at each point of a sending, then started again: which mails may be there twice, and which never.

A mail is *begun* when its row says ``sending``, and *recorded* when the row says what came of it. At the kill, the
mails begun and not recorded are the ones that may have left; those and no others become uncertain, once their lease is
over, and are sent again once if ``retry_uncertain`` allows. So, by point, with one connection and at its first passage:

- ``claiming``, ``wording``, ``claimed``, ``beginning``: nothing was begun; no doubt, no second copy.
- ``before_data``: begun, not one byte of the message given; a doubt, since the row cannot tell, but one copy alone.
- ``after_data``, ``recording``: the relay has it and the row does not know; a doubt, and the one possible second copy.
- ``recorded``: the row knows; no doubt, no second copy.

Later passages and several connections add the mails that the others had begun, by the same rule.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notifications.vocabulary import Fault, Mail, Stage
from tests.kit.mail_processes import LEASE, MailProcesses, ended, frozen, thaw
from tests.kit.smtp import ScriptedRelay

MAILS = 14
Open = Callable[..., MailProcesses]


@pytest.fixture
def post_room(database_url: str, tmp_path: Path) -> Iterator[Open]:
    """Opens a post room with so many connections, its mails written: two of them carry a code."""
    with ScriptedRelay() as relay:
        opened: list[MailProcesses] = []

        def open_it(**settings: Any) -> MailProcesses:
            opened.append(MailProcesses(tmp_path, database_url, relay, **settings))
            opened[0].write(*["code_issued"] * 2, *["declared"] * (MAILS - 2))
            return opened[0]

        yield open_it
        for processes in opened:
            processes.close()


def begun(post: MailProcesses) -> dict[int, Mail]:
    """The mails begun and not recorded, by number."""
    return {mail.id: mail for mail in post.mails(Stage.SENDING)}


def copies(post: MailProcesses) -> Counter[int]:
    """How many copies of each mail the relay has accepted."""
    accepted = post.relay.copies()
    return Counter({mail.id: accepted[mail.message_id] for mail in post.mails() if mail.message_id})


def taken_up_again(post: MailProcesses) -> None:
    """Start again at once, which touches nothing that the dead one had; then when its leases are over."""
    leased = {mail.id: mail for mail in post.mails() if mail.lease_token}
    post.send_here()
    for mail in post.mails():
        if mail.id in leased:
            assert mail == leased[mail.id], "somebody else's, until the lease is over"
        else:
            assert mail.stage is Stage.SENT
    post.clock.advance(seconds=LEASE + 6)
    post.settle()


def judge(post: MailProcesses, doubtful: set[int], had: Counter[int], *, retried: bool) -> None:
    """No mail is lost; those begun and not recorded, and they alone, are doubted and may be there twice."""
    mails, now_has = post.mails(), copies(post)
    assert len(mails) == MAILS
    assert {mail.id for mail in mails if mail.doubted_at} == doubtful
    for mail in mails:
        if mail.id not in doubtful:
            assert (mail.stage, mail.attempts, now_has[mail.id]) == (Stage.SENT, 1, 1)
        elif retried:
            assert (mail.stage, mail.attempts) == (Stage.SENT, 2)
            assert now_has[mail.id] in ({had[mail.id] + 1} if post.app.settings.mail.connections == 1 else {1, 2})
        else:
            assert (mail.stage, mail.fault, mail.attempts) == (Stage.UNCERTAIN, Fault.LEASE_LOST, 1)
            assert now_has[mail.id] <= 1, "it waits for a person"
    assert post.flaws() == []


FIRST = [
    pytest.param("mail.claiming", 0, 0, id="claiming"),
    pytest.param("mail.wording", 0, 0, id="wording"),
    pytest.param("mail.claimed", 0, 0, id="claimed"),
    pytest.param("mail.beginning", 0, 0, id="beginning"),
    pytest.param("mail.before_data", 1, 0, id="before_data"),
    pytest.param("mail.after_data", 1, 1, id="after_data"),
    pytest.param("mail.recording", 1, 1, id="recording"),
    pytest.param("mail.recorded", 0, 0, id="recorded"),
]


@pytest.mark.rule("R56")
@pytest.mark.parametrize(("point", "doubts", "doubles"), FIRST)
@pytest.mark.parametrize("retried", [True, False], ids=["retried", "not retried"])
def test_kill__on_one_connection(post_room: Open, point: str, doubts: int, doubles: int, retried: bool) -> None:
    post = post_room(connections=1, retry_uncertain=retried)
    assert post.send(point=point) == -signal.SIGKILL
    doubtful, had = set(begun(post)), copies(post)
    assert len(doubtful) == doubts
    assert sum(had[number] for number in doubtful) == doubles
    taken_up_again(post)
    judge(post, doubtful, had, retried=retried)
    extra = sum(copies(post).values()) - MAILS
    assert extra == (doubles if retried else doubles - doubts)


LATER = [
    (1, "claiming", 3), (1, "wording", 3), (1, "claimed", 5), (1, "beginning", 2), (1, "before_data", 4),
    (1, "after_data", 7), (1, "recording", 3), (1, "recorded", 2),
    (3, "claiming", 2), (3, "wording", 2), (3, "claimed", 5), (3, "beginning", 1), (3, "before_data", 4),
    (3, "after_data", 7), (3, "recording", 3), (3, "recorded", 1),
]  # fmt: skip


@pytest.mark.rule("R56")
@pytest.mark.parametrize(("connections", "point", "nth"), LATER)
def test_kill__later(post_room: Open, connections: int, point: str, nth: int) -> None:
    post = post_room(connections=connections)
    assert post.send(point=f"mail.{point}", nth=nth) == -signal.SIGKILL, "it never came there"
    doubtful, had = set(begun(post)), copies(post)
    assert len(doubtful) <= connections
    taken_up_again(post)
    judge(post, doubtful, had, retried=True)


@pytest.mark.rule("R56")
def test_kill__each_life_in_turn_at_another_point(post_room: Open) -> None:
    """Killed and started again seven times: a mail doubted twice waits for a person, and none is there three times."""
    post = post_room()
    points = [str(case.values[0]) for case in FIRST]
    doubtful: set[int] = set()
    for point in points:
        assert post.send(point=point) in (0, -signal.SIGKILL)
        doubtful |= set(begun(post))
        post.clock.advance(seconds=2 * LEASE)
    post.settle()
    now_has = copies(post)
    assert len(now_has) == MAILS
    assert {mail.id for mail in post.mails() if mail.doubted_at} == doubtful
    for mail in post.mails():
        assert mail.stage is Stage.SENT or (mail.stage is Stage.UNCERTAIN and mail.id in doubtful)
        assert now_has[mail.id] <= (2 if mail.id in doubtful else 1)
        assert now_has[mail.id] or mail.stage is Stage.UNCERTAIN


@pytest.mark.rule("R56")
@pytest.mark.parametrize(
    ("point", "doubts", "extra"),
    [("mail.claimed", 0, 0), ("mail.before_data", 1, 1), ("mail.after_data", 1, 1)],
    ids=["claimed", "before_data", "after_data"],
)
def test_freeze__longer_than_the_lease_then_goes_on(post_room: Open, point: str, doubts: int, extra: int) -> None:
    """It wakes among mails that another has sent since: it begins none of them, and its own record counts for nothing.

    One that it had begun it may still give, for it knows nothing of the time gone by: it is the same mail, and doubted.
    """
    post = post_room(connections=1)
    sleeper = post.start(point=point, by=signal.SIGSTOP)
    frozen(sleeper)
    doubtful = set(begun(post))
    post.clock.advance(seconds=LEASE + 6)
    post.settle()
    settled = post.mails()
    thaw([sleeper])
    assert ended(sleeper) == 0
    assert post.mails() == settled, "what it records is no longer its to say"
    assert len(doubtful) == doubts
    assert {mail.id for mail in settled if mail.doubted_at} == doubtful
    assert {mail.stage for mail in settled} == {Stage.SENT}
    now_has = copies(post)
    assert all(now_has[mail.id] == 1 for mail in settled if mail.id not in doubtful)
    assert sum(now_has.values()) == MAILS + extra
