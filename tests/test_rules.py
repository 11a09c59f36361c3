"""docs/processus.md against the code and the tests: every rule is applied, cited and tested, and none is invented."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("states", "notifications", "workflow", "portal")
REFERENCE = ROOT / "docs" / "processus.md"
RULE = re.compile(r"\bR[0-9]+\b")
NUMBERS = re.findall(r"^- \*\*(R[0-9]+)\*\* \S", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)

pytestmark = pytest.mark.xdist_group("rules")  # one worker reads the whole code, once

_TEXT = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


@cache
def source_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def words_of(path: Path) -> str:
    """The comments and the strings of a module, docstrings included: where a rule is cited."""
    tokens = tokenize.generate_tokens(io.StringIO(source_of(path)).readline)
    return "\n".join(token.string for token in tokens if token.type in _TEXT)


def nodes_of(path: Path, word: str) -> Iterator[ast.AST]:
    """Every node of a module's tree; none, and nothing parsed, where it has not this word."""
    return ast.walk(tree_of(path)) if word in source_of(path) else iter(())


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(source_of(path))


@cache
def modules(*folders: str) -> tuple[Path, ...]:
    return tuple(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def cited(path: Path) -> frozenset[str]:
    """The rules that a module names; « R34 to R38 » names these two only, so that each rule has a place of its own."""
    return frozenset(RULE.findall(words_of(path))) if RULE.search(source_of(path)) else frozenset()


def calls(name: str, *folders: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of something of this name, ``a.name`` too, with the place where it stands."""
    for path in modules(*folders):
        for node in nodes_of(path, name):
            if isinstance(node, ast.Call) and name == getattr(node.func, "attr", getattr(node.func, "id", "")):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


@cache
def marks() -> tuple[tuple[str, object], ...]:
    """Every argument of ``pytest.mark.rule`` in the tests, with the place where it stands."""
    citations = []
    for place, node in calls("rule", "tests"):
        if ast.unparse(node.func) == "pytest.mark.rule":
            assert not node.keywords, place
            citations += [(place, ast.literal_eval(argument)) for argument in node.args]
    return tuple(citations)


@cache
def with_a_test() -> frozenset[object]:
    return frozenset(number for _, number in marks())


def reasons() -> Iterator[tuple[str, ast.expr]]:
    """The rule that each refusal of the four rooms is given where it is made."""
    for place, node in calls("Reason", *ROOMS):
        named = [keyword.value for keyword in node.keywords if keyword.arg == "rule"]
        yield place, (named or node.args[1:2])[0]


def attributes() -> Iterator[str]:
    """The rules that error classes bear as an attribute: ``rule = "R58"``."""
    for path in modules(*ROOMS):
        for node in nodes_of(path, "rule"):
            for line in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "rule":
                    yield str(ast.literal_eval(line.value))


def test_rules__are_numbered_from_1_without_holes() -> None:
    assert [f"R{number}" for number in range(1, len(NUMBERS) + 1)] == NUMBERS
    assert len(NUMBERS) >= 67


@pytest.mark.parametrize("number", NUMBERS)
def test_rule__is_cited_where_it_is_decided(number: str) -> None:
    assert any(number in cited(path) for path in modules(*ROOMS)), f"no module of the four rooms cites {number}"


@pytest.mark.parametrize("number", NUMBERS)
def test_rule__has_a_test(number: str) -> None:
    assert number in with_a_test(), f'no test is marked @pytest.mark.rule("{number}")'


def test_code_and_tests__cite_no_rule_that_does_not_exist() -> None:
    others = {"tests/test_readme.py", "tests/test_rules.py"}
    paths = [path for path in modules(*ROOMS, "tests", "bench") if str(path.relative_to(ROOT)) not in others]
    invented = {str(path.relative_to(ROOT)): sorted(cited(path) - set(NUMBERS)) for path in paths}
    assert {place: numbers for place, numbers in invented.items() if numbers} == {}


@pytest.mark.parametrize("name", ["config.yaml", "docs/config.schema.json", "docs/processus.md"])
def test_reference__cites_no_rule_that_does_not_exist(name: str) -> None:
    assert set(RULE.findall((ROOT / name).read_text(encoding="utf-8"))) <= set(NUMBERS)


def test_templates__cite_no_rule_that_does_not_exist() -> None:
    for template in (ROOT / "notifications" / "templates").rglob("*.j2"):
        assert set(RULE.findall(template.read_text(encoding="utf-8"))) <= set(NUMBERS), template.name


def test_marks__are_rules_that_exist() -> None:
    assert [(place, number) for place, number in marks() if number not in NUMBERS] == []


def test_refusals__each_bears_a_rule_that_exists() -> None:
    all_reasons = list(reasons())
    assert len(all_reasons) >= 50
    for place, rule in all_reasons:
        if isinstance(rule, ast.Constant):
            assert rule.value in NUMBERS, place
        else:  # handed on by a function whose callers write it: those are strings, checked with the rest of the code
            assert ast.unparse(rule) == "rule", place


def test_errors__that_bear_a_rule_bear_one_that_exists() -> None:
    all_attributes = list(attributes())
    assert all_attributes
    assert set(all_attributes) <= set(NUMBERS)
