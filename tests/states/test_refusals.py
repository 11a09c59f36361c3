"""Every refusal can be met, bears a rule that exists, and speaks a French that helps (R7)."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.states.scenes import SCENES, reasons_of

ROOT = Path(__file__).parents[2]
RULES = set(re.findall(r"^- \*\*(R\d+)\*\*", (ROOT / "docs/processus.md").read_text("utf-8"), re.MULTILINE))
CONSTRUCTORS = tuple(path.stem for path in (ROOT / "states").glob("refusals*.py"))
TWICE = {"other_request_elsewhere": "other_request", "bad_mail": "bad_field"}
"""A constructor that says less, or more, under the code of another."""
SCENE_CODES = sorted(SCENES)
ENGLISH = frozenset(
    {
        "already", "an", "and", "are", "cannot", "check", "checked", "closed", "declared", "delegated", "empty",
        "error", "expected", "false", "field", "from", "invalid", "is", "issued", "key", "line", "mailbox",
        "may", "missing", "must", "no", "none", "not", "null", "of", "old", "please", "removal", "report",
        "request", "requested", "revoked", "school", "settled", "should", "state", "the", "to", "too", "true",
        "unknown", "value", "was", "with", "wrong", "year",
    }
)  # fmt: skip
NAMES = re.compile(r"\boda [a-z -]+|réglage [a-z_.]+|ODA-\d{4}-\d{5}|« [^»]* »")


def reason_calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """(enclosing function, call) of each ``Reason(…)`` written in a module."""
    for function in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason":
                    yield function.name, node


def constant(call: ast.Call, position: int) -> str | None:
    node = call.args[position]
    return str(node.value) if isinstance(node, ast.Constant) else None


def all_calls() -> list[tuple[Path, str, ast.Call]]:
    return [(p, name, call) for p in sorted((ROOT / "states").rglob("*.py")) for name, call in reason_calls(p)]


@pytest.mark.rule("R7")
def test_constructors__each_has_its_own_code() -> None:
    written = [(name, constant(call, 0)) for p, name, call in all_calls() if p.stem in CONSTRUCTORS]
    assert len(CONSTRUCTORS) == 1
    assert all(TWICE.get(name, name) == code for name, code in written), written
    codes = Counter(code for name, code in written if name not in TWICE)
    assert not [code for code, count in codes.items() if count > 1]


@pytest.mark.rule("R7")
def test_constructors__all_met_in_a_scene() -> None:
    assert set(SCENES) == {constant(call, 0) for _, _, call in all_calls()}


@pytest.mark.parametrize("code", SCENE_CODES)
@pytest.mark.rule("R7")
def test_scene__gives_its_refusal(code: str) -> None:
    assert code in {reason.code for reason in reasons_of(code)}


@pytest.mark.rule("R7")
def test_rules__all_those_cited_exist() -> None:
    assert {"R1", "R67"} <= RULES
    for path in (ROOT / "states").rglob("*.py"):
        cited = set(re.findall(r"\bR\d+\b", path.read_text("utf-8")))
        assert cited <= RULES, (path.name, cited - RULES)


@pytest.mark.parametrize("code", SCENE_CODES)
@pytest.mark.rule("R7")
def test_reason__typed_and_complete(code: str) -> None:
    for reason in reasons_of(code):
        assert reason.rule in RULES
        assert re.fullmatch(r"[a-z_]+", reason.code)
        assert reason.message[0].isupper()
        assert reason.message[-1] not in ".;:, "
        assert reason.remedy[0].isupper()
        assert reason.remedy.endswith(".")
        assert str(reason) == f"{reason.message} ({reason.rule}). {reason.remedy}"


@pytest.mark.parametrize("code", SCENE_CODES)
@pytest.mark.rule("R7")
def test_reason__punctuation(code: str) -> None:
    for reason in reasons_of(code):
        words = str(reason)
        assert not re.search(r"[.,;:?!]\s*[.,;:?!]", words), words
        assert "  " not in words
        assert not re.search(r"\s[.,)]|\(\s", words), words
        assert not re.search(r"[^\s«][;:?!»](\s|$)", words), words
        assert words.count("(") == words.count(")")
        assert words.count("«") == words.count("»")


@pytest.mark.parametrize("code", SCENE_CODES)
@pytest.mark.rule("R7")
def test_reason__no_english(code: str) -> None:
    for reason in reasons_of(code):
        words = set(re.findall(r"[a-zà-ÿœ_]+", NAMES.sub(" ", str(reason)).lower()))
        assert not words & ENGLISH, (words & ENGLISH, str(reason))
        assert "_" not in "".join(words)
