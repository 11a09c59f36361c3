"""Long lists cut to the size that one statement takes."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
SIZE = 1000


def in_batches(items: Iterable[T], size: int = SIZE) -> Iterator[list[T]]:
    """The items in lists of at most ``size``, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
