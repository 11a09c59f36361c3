"""The sealed cookie of an identity that its establishment's mailbox has yet to vouch for (R103)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.kit.clock import FakeClock
from tests.kit.portal import START
from workflow.identity.claims import BINDING_LASTS, PendingBinding, PendingBindings
from workflow.journal.chain import JournalHasher

PENDING = PendingBinding(
    digest="d", method="provider", provider="proconnect", label="ProConnect", name="Claire Martin",
    begun_at=START, proposed=("0310001H", "0310002J"),
)  # fmt: skip


@pytest.mark.rule("R103")
def test_pending__comes_back_whole_within_its_time() -> None:
    clock = FakeClock(START)
    box = PendingBindings(clock, JournalHasher(b"key"))
    cookie = box.keep(replace(PENDING, uai="0310002J"))
    assert "Martin" not in cookie
    assert box.read(cookie) == replace(PENDING, uai="0310002J")
    clock.advance(seconds=BINDING_LASTS.total_seconds() - 1)
    assert box.read(cookie) is not None
    clock.advance(seconds=1)
    assert box.read(cookie) is None
    clock.set(START - timedelta(seconds=1))
    assert box.read(cookie) is None


@pytest.mark.rule("R103")
@pytest.mark.parametrize("cookie", ["", "x", "é" * 9, "\udcff", "gAAAA" * 40])
def test_pending__what_is_none_of_ours_is_nobody(cookie: str) -> None:
    box, other = (PendingBindings(FakeClock(START), JournalHasher(key)) for key in (b"key", b"another key"))
    assert box.read(cookie) is None
    assert other.read(box.keep(PENDING)) is None
    assert box.read(box.keep(PENDING)[:-2]) is None
