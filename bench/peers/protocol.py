"""How a peer's process and the measure speak: a line each, on the standard input and output.

The process says « ready », puts the jobs in the queue when told « submit », says « submitted », works from « work » on,
and is killed once the measure finds nothing left in the queue.
"""

import argparse
import sys
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """The database's address, in PostgreSQL's form, how many rows one process works at once, and its number."""

    url: str
    concurrency: int
    number: int


def read_order() -> Order:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    options = parser.parse_args()
    return Order(url=options.url, concurrency=options.concurrency, number=options.number)


def say(word: str) -> None:
    print(word, flush=True)


def next_word() -> str:
    """The next word of the measure; empty once it is gone."""
    return sys.stdin.readline().strip()
