"""Broken or forbidden YAML, told in French with its line."""

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
        ("\tfour_eyes: true\n", 1, "une tabulation"),
        ("four_eyes: @oui\n", 1, "un caractère que YAML réserve"),
        ("timezone: a: b\n", 1, "deux-points inattendus"),
        ("four_eyes\ntimezone: x\n", 2, "deux-points"),
        ("\nfour_eyes\n", 3, "il manque deux-points"),
        ("timezone: 'Europe\n", 2, "un guillemet ouvert"),
        ('timezone: "Europe\\q"\n', 1, "barre oblique inverse"),
        ("charter: [a, b\n", 2, "un crochet ou une accolade"),
        ("charter:\n    version: a\n  other: b\n", 3, "le retrait"),
        ("---\nfour_eyes: true\n", 1, "un seul document"),
        ("timezone: Eur\x07ope\n", 1, "un caractère invisible"),
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
