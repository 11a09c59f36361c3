"""Mails held ahead of need: none lost, none given twice, what is recorded last is still seen."""

import asyncio
import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from notifications.delivery.dispatcher import Prefetcher
from notifications.outbox.queue import Claim


def claims_of(count: int) -> list[Claim]:
    return [cast(Claim, SimpleNamespace(number=number)) for number in range(count)]


def giving(stock: list[Claim]) -> Callable[[int], list[Claim]]:
    def take(limit: int) -> list[Claim]:
        claims, stock[:limit] = stock[:limit], []
        return claims

    return take


async def all_of(feed: Prefetcher) -> list[Any]:
    claims = []
    while (claim := await feed.next()) is not None:
        claims.append(claim)
    return claims


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 40])
def test_next__gives_each_once_in_order(count: int) -> None:
    stock = claims_of(count)
    expected = list(stock)
    assert asyncio.run(all_of(Prefetcher(giving(stock), 8))) == expected


def test_next__several_connections_share_what_is_held() -> None:
    stock = claims_of(50)
    expected = list(stock)

    async def share() -> list[list[Any]]:
        feed = Prefetcher(giving(stock), 8)
        return await asyncio.gather(*(all_of(feed) for _ in range(5)))

    claims = [claim for part in asyncio.run(share()) for claim in part]
    assert sorted(claims, key=lambda claim: claim.number) == expected


def test_next__sees_what_became_due_since_the_last_look() -> None:
    stock = claims_of(1)

    async def late() -> list[Any]:
        feed = Prefetcher(giving(stock), 8)
        first = await feed.next()
        stock.extend(claims_of(1))  # the alert about the first, enqueued when it was recorded
        return [first, await feed.next(), await feed.next()]

    first, second, end = asyncio.run(late())
    assert first
    assert second
    assert end is None


def test_rest__gives_back_what_nobody_asked_for() -> None:
    stock = claims_of(20)

    async def stop() -> tuple[Any, list[Claim]]:
        feed = Prefetcher(giving(stock), 8)
        return await feed.next(), await feed.rest()

    first, rest = asyncio.run(stop())
    assert len([first, *rest]) + len(stock) == 20


def test_next__tells_each_who_waits_that_the_database_failed() -> None:
    def take(limit: int) -> list[Claim]:
        raise RuntimeError("away")

    async def ask() -> list[Any]:
        feed = Prefetcher(take, 8)
        return await asyncio.gather(*(feed.next() for _ in range(3)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(ask())] == ["away"] * 3


def test_rest__is_given_back_though_the_database_failed_meanwhile() -> None:
    stock = claims_of(8)

    def take(limit: int) -> list[Claim]:
        if not stock:
            raise RuntimeError("away")
        return giving(stock)(limit)

    async def stop() -> tuple[list[Any], list[Claim]]:
        feed = Prefetcher(take, 8)
        return [await feed.next() for _ in range(5)], await feed.rest()

    claims, rest = asyncio.run(stop())
    assert (len(claims), len(rest)) == (5, 3)


def test_prefetcher__a_failure_that_nobody_waits_for_is_silent() -> None:
    complaints: list[dict[str, Any]] = []

    async def leave_early() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        batches = iter([claims_of(3)])

        def claim(_: int) -> list[Claim]:
            try:
                return next(batches)
            except StopIteration:
                raise OSError("no space left") from None

        ahead = Prefetcher(claim, 3)
        for _ in range(3):
            await ahead.next()
        while ahead._fetching:
            await asyncio.sleep(0)
        del ahead
        gc.collect()

    asyncio.run(leave_early())
    gc.collect()
    assert complaints == []
