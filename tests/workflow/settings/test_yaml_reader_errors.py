"""Broken or forbidden YAML: a French sentence with its line, and the parser's own words."""

import time
from pathlib import Path

import pytest

from tests.workflow.settings.files import LINES, MINIMAL, refused

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("extra", "line", "message"),
    [
        (
            "\tfour_eyes: true\n",
            1,
            "(« while scanning for the next token, found character '\\t' that cannot start",
        ),
        ("four_eyes: @oui\n", 1, "found character '@' that cannot start any token"),
        ("timezone: a: b\n", 1, "mapping values are not allowed here"),
        ("four_eyes\ntimezone: x\n", 2, "could not find expected ':'"),
        ("\nfour_eyes\n", 3, "could not find expected ':'"),
        ("timezone: 'Europe\n", 2, "while scanning a quoted scalar, found unexpected end of stream"),
        ('timezone: "Europe\\q"\n', 1, "while scanning a double-quoted scalar, found unknown escape character"),
        ("charter: [a, b\n", 2, "while parsing a flow sequence, expected ',' or ']'"),
        ("charter:\n    version: a\n  other: b\n", 3, "while parsing a block mapping, expected <block end>"),
        ("---\nfour_eyes: true\n", 1, "but found another document"),
        ("timezone: Eur\x07ope\n", 1, "special characters are not allowed"),
        ("timezone: &a Europe/Paris\ncharter: {version: *a}\n", 2, "les alias YAML"),
        ("timezone: !!python/name:os.system x\n", 1, "l'étiquette YAML « python/name:os.system » n'est pas admise"),
        ("timezone: !secret x\n", 1, "l'étiquette YAML « !secret »"),
        ("? [a, b]\n: c\n", 1, "une clé est un simple mot"),
        ("drane: {address: {{ url }}}\n", 1, "une clé est un simple mot"),
        ("timezone: " + "[" * 5000 + "]" * 5000 + "\n", 1, "niveaux imbriqués"),
        ("%FOO\n", 2, "ce n'est pas du YAML"),
    ],
)
def test_broken_yaml__line_and_french(tmp_path: Path, extra: str, line: int, message: str) -> None:
    problem = refused(tmp_path, MINIMAL + extra)[0]
    assert message in problem.message
    assert problem.line == LINES + line


def test_alias_bomb__refused_at_once(tmp_path: Path) -> None:
    before = time.monotonic()
    (problem,) = refused(tmp_path, BOMB)
    assert time.monotonic() - before < 5
    assert (problem.line, problem.message[:14]) == (2, "les alias YAML")
