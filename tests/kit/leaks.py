"""Looks for a marked secret wherever bytes may lie, in whatever way they write it (R60)."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

from tests.kit.leak_boxes import HEAD, SQLITE, Box, boxes, pages_of
from tests.kit.leak_forms import decoded, forms_in, readings, runs

DEPTH = 4
"""How many boxes may stand in one another: a PDF's stream in a mail's attachment in a row."""

RUNS = 100_000
"""Runs whose boxes are remembered: nearly all have none, and the same stand in the files after every step."""

Place = bytes | str | Path
Secrets = tuple[str, ...]

_CLEAN: set[tuple[Secrets, int, bytes]] = set()
"""What was searched to its end and held nothing, by its digest: the same papers are met after every step."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a secret is, box after box, how it is written there, and which one of those looked for."""

    where: str
    form: str
    secret: str

    def __str__(self) -> str:
        return f"{self.where} : {self.form}"


def search(secret: bytes | str | Sequence[str], place: Place, *, name: str = "", deep: bool = True) -> list[Hit]:
    """Every way in which a secret, or one of several, stands in some bytes, a file, or every file below a folder.

    ``name`` is what the bytes are called in the hits. ``deep`` False opens no box: for what is very large. The rows of
    a SQLite file are read as well as its bytes.
    """
    secret = secret.decode() if isinstance(secret, bytes) else secret
    secrets = (secret,) if isinstance(secret, str) else tuple(secret)
    return list(dict.fromkeys(_in_place(secrets, place, name, DEPTH if deep else 0)))


def search_each(secrets: Sequence[str], texts: Iterable[str | bytes], name: str) -> list[Hit]:
    """Every way in which one of several secrets stands in texts that have nothing to do with one another.

    Those in which all of them were looked for before are passed over: a log and a table say the same after every step.
    """
    looked_for = tuple(secrets)
    contents = (text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text for text in texts)
    keys = {content: (looked_for, DEPTH, _digest(content)) for content in contents}
    fresh = [content for content, key in keys.items() if key not in _CLEAN]
    hits = search(looked_for, b"\n".join(fresh), name=name)
    if not hits:
        _CLEAN.update(keys[content] for content in fresh)
    return hits


def _in_place(secrets: Secrets, place: Place, name: str, depth: int) -> Iterator[Hit]:
    if isinstance(place, str):
        place = place.encode("utf-8", "surrogatepass")
    if isinstance(place, bytes):
        yield from _in_bytes(secrets, place, name or "bytes", depth)
        return
    if place.is_symlink() or not (place.is_dir() or place.is_file()):
        return
    yield from _in_bytes(secrets, place.name.encode("utf-8", "surrogateescape"), f"the name of {place}", 0)
    if place.is_dir():
        for inside in sorted(place.iterdir()):
            yield from _in_place(secrets, inside, "", depth)
        return
    try:
        content = place.read_bytes()
    except (FileNotFoundError, PermissionError):
        return  # gone meanwhile
    pages = pages_of(content) if depth else []
    yield from _in_pages(secrets, pages, str(place), depth) if pages else _in_bytes(secrets, content, str(place), depth)
    if depth and content.startswith(SQLITE):
        yield from _in_rows(secrets, place, depth)


def _in_pages(secrets: Secrets, pages: Sequence[bytes], name: str, depth: int) -> Iterator[Hit]:
    """The pages of a SQLite file or of its log, end to end less their heads: a value may cross several, and none has
    a byte in a head.

    Those that were searched with the page that follows them are passed over: few change between two looks.
    """
    known = [(secrets, depth, _digest(page + following)) for page, following in pairwise((*pages, b""))]
    fresh = [number for number, key in enumerate(known) if key not in _CLEAN]
    for numbers in _neighbours(fresh):
        first, last = max(numbers[0] - 1, 0), numbers[-1] + 1
        together = pages[first : last + 1]
        content = b"".join(page[HEAD:] for page in together)
        hits = [*_in_bytes(secrets, content, f"{name}, from page {first + 1}", depth)]
        yield from hits
        if not hits:
            _CLEAN.update(known[number] for number in numbers)


def _neighbours(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Numbers, in groups that follow one another."""
    group: list[int] = []
    for number in numbers:
        if group and number > group[-1] + 1:
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()


def _in_bytes(secrets: Secrets, text: bytes, name: str, depth: int) -> Iterator[Hit]:
    looked_for = (secrets, depth, _digest(text))
    if looked_for in _CLEAN:
        return
    clean = True
    for hit in _in_readings(secrets, text, name, depth):
        clean = False
        yield hit
    if clean:
        _CLEAN.add(looked_for)


def _in_readings(secrets: Secrets, text: bytes, name: str, depth: int) -> Iterator[Hit]:
    for reading, undone in readings(text):
        where = f"{name} [{reading}]" if reading else name
        yield from (Hit(where, form, secret) for secret, form in forms_in(secrets, undone))
        if depth:
            yield from _in_boxes(secrets, undone, where, depth)


def _in_boxes(secrets: Secrets, text: bytes, name: str, depth: int) -> Iterator[Hit]:
    for kind, content in boxes(text):
        yield from _in_bytes(secrets, content, f"{name} > {kind}", depth - 1)
    for writing, run in runs(text):
        for kind, inside in _boxes_of_run(writing, run):
            yield from _in_bytes(secrets, inside, f"{name} > {writing} > {kind}", depth - 1)


@lru_cache(RUNS)
def _boxes_of_run(writing: str, run: bytes) -> tuple[Box, ...]:
    return tuple(box for content in decoded(writing, run) for box in boxes(content))


def _in_rows(secrets: Secrets, path: Path, depth: int) -> Iterator[Hit]:
    """Each value of each table by itself: one that lies across pages is whole there."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                for value in row:
                    if isinstance(value, bytes):
                        yield from _in_bytes(secrets, value, f"{path} > {table.decode()}", depth)
