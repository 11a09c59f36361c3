"""Good files of text, damaged as hands and machines do: cut, saved in another encoding, lines and columns moved."""

import random
from collections.abc import Callable, Iterator

Damage = Callable[[random.Random, str], bytes]

ENCODINGS = ("latin-1", "windows-1252", "cp850", "mac-roman", "utf-16", "utf-16-le", "utf-8-sig", "ascii")


def _cut_end(chance: random.Random, text: str) -> bytes:
    """Cut anywhere but between two lines, which no file of text lets see."""
    content = text.encode()
    cut = content[: chance.randrange(1, len(content))]
    return cut if not cut.endswith(b"\n") else cut[:-1]


def _cut_start(chance: random.Random, text: str) -> bytes:
    content = text.encode()
    return content[chance.randrange(1, len(content)) :]


def _drop_first_lines(chance: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    return "".join(lines[chance.randrange(1, len(lines)) :]).encode()


def _other_encoding(chance: random.Random, text: str) -> bytes:
    return text.encode(chance.choice(ENCODINGS), chance.choice(("replace", "ignore")))


def _decoded_wrongly(chance: random.Random, text: str) -> bytes:
    """What an editor that believes in another encoding saves."""
    return text.encode().decode(chance.choice(("latin-1", "windows-1252", "cp850")), "replace").encode()


def _decoded_wrongly_without_titles(chance: random.Random, text: str) -> bytes:
    return _drop_first_lines(chance, _decoded_wrongly(chance, text).decode())


def _lines_moved(chance: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    chance.shuffle(lines)
    return "".join(lines).encode()


def _columns_moved(chance: random.Random, text: str) -> bytes:
    rows = [line.split(";") for line in text.splitlines()]
    order = list(range(len(rows[0])))
    chance.shuffle(order)
    return "".join(";".join(row[place] for place in order) + "\n" for row in rows).encode()


def _column_twice(chance: random.Random, text: str) -> bytes:
    rows = [line.split(";") for line in text.splitlines()]
    place = chance.randrange(len(rows[0]))
    return "".join(";".join([*row, row[place]]) + "\n" for row in rows).encode()


def _line_added_above(chance: random.Random, text: str) -> bytes:
    return (chance.choice(("sep=;\n", "Extraction du 1er septembre, 10 h\n\n", "\n\n;;;\n")) + text).encode()


def _cell_lost(chance: random.Random, text: str) -> bytes:
    lines = text.splitlines()
    place = chance.randrange(len(lines))
    cells = lines[place].split(";")
    del cells[chance.randrange(len(cells))]
    lines[place] = ";".join(cells)
    return ("\n".join(lines) + "\n").encode()


def _line_ends_of_another_age(chance: random.Random, text: str) -> bytes:
    return text.replace("\n", chance.choice(("\r\n", "\r"))).encode()


DAMAGES: tuple[Damage, ...] = (
    _cut_end, _cut_start, _drop_first_lines, _other_encoding, _decoded_wrongly, _lines_moved, _columns_moved,
    _column_twice, _line_added_above, _cell_lost, _line_ends_of_another_age, _decoded_wrongly_without_titles,
)  # fmt: skip


def damaged(text: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``count`` files made from a good one, each with the name of its damage; the same for a seed."""
    chance = random.Random(seed)
    for number in range(count):
        damage = DAMAGES[number % len(DAMAGES)]
        yield f"{number} {damage.__name__}", damage(chance, text)
