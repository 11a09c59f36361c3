"""Whatever the file holds, its author is answered in French, with lines."""

import re
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflow.settings.files import MINIMAL, written
from workflow.settings.loader import load_settings
from workflow.settings.yaml_reader import SettingsError

ROOT = Path(__file__).parents[3]
ENGLISH = re.compile(
    r"\b(should|must|input|valid|expected|found|value|field|string|while|error|type(?! de fichier)|got|the)\b", re.I
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**6),
    st.floats(allow_nan=False),
    st.sampled_from(["", "x", "2027-09-01", "06-01", "https://a.fr", "a@b.fr", "é" * 200]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["a", "url", "title", "2026-2027"]), st.integers(), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    paths = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        paths += places(below, (*path, key))
    return paths


WHOLE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PLACES = places(WHOLE)


def answer_to(text: str) -> str:
    """What the author reads, with its lines; empty when the file is accepted."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            load_settings(written(Path(folder), text)).calendar()
        except SettingsError as error:
            problems = error.problems
        else:
            return ""
    assert problems
    return "\n".join(f"{problem.line} {problem.message} {problem.allowed or ''}" for problem in problems)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_anywhere__french_with_its_line(place: tuple[Any, ...], value: object) -> None:
    document = deepcopy(WHOLE)
    *above, last = place
    holder = document
    for key in above:
        holder = holder[key]
    holder[last] = value
    answer = answer_to(yaml.safe_dump(document, allow_unicode=True))
    assert not ENGLISH.search(re.sub(r"«.*?»", "", answer)), answer
    assert "None " not in answer


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(MINIMAL)), st.text(alphabet="\t\n :-[]{}&*!|>'\"%@`#,?az0\x00\x85", max_size=6))
def test_any_text_anywhere__never_another_exception(where: int, text: str) -> None:
    answer = answer_to(MINIMAL[:where] + text + MINIMAL[where:])
    assert not ENGLISH.search(re.sub(r"«.*?»", "", answer)), answer
