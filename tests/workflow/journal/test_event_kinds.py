"""Every kind that the software records in the installation's chain has its French words and its group (R108)."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from states.decision import Scalar
from workflow.auth.rate_limit import _MOST
from workflow.journal.chain import ACTOR_NAMED
from workflow.journal.event_kinds import FROM_SOMEWHERE, EventGroup, EventKind, kind_label, kinds_of
from workflow.journal.security_log import LimitName, event_data

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.rule("R108")


class Kinds(ast.NodeVisitor):
    """The kinds that a module gives to ``record``: written there, in a constant, or by the callers of a function."""

    def __init__(self, path: Path) -> None:
        self.path, self.tree = path, ast.parse(path.read_text())
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.assigned.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                self.assigned.setdefault(node.target.id, []).append(node.value)

    def all(self) -> Iterator[str]:
        """Every kind of this module."""
        for function in (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)):
            for call in _calls(function):
                if _name(call) in ("record", "chain.record") and len(call.args) > 4:
                    yield from self._of(call.args[2], function)

    def _of(self, kind: ast.expr, function: ast.AST) -> Iterator[str]:
        if isinstance(kind, ast.Constant):
            yield str(kind.value)
        elif isinstance(kind, ast.IfExp):
            yield from (*self._of(kind.body, function), *self._of(kind.orelse, function))
        elif isinstance(kind, ast.Name):
            arguments = (
                [argument.arg for argument in function.args.args] if isinstance(function, ast.FunctionDef) else []
            )
            if kind.id in arguments and isinstance(function, ast.FunctionDef):
                place = arguments.index(kind.id)
                is_method = bool(arguments) and arguments[0] == "self"
                for call in _calls(self.tree):
                    if _name(call).split(".")[-1] == function.name and len(call.args) > place - is_method:
                        yield from self._of(call.args[place - is_method], self.tree)
            elif kind.id in self.assigned:
                for value in self.assigned[kind.id]:
                    yield from self._of(value, self.tree)
            else:
                name = ".".join(self.path.relative_to(ROOT).with_suffix("").parts)
                known = getattr(importlib.import_module(name), kind.id, None)  # of a function around this one
                yield from [known] if isinstance(known, str) else []


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)


def recorded() -> set[str]:
    sources = [path for room in ("workflow", "portal") for path in (ROOT / room).rglob("*.py")]
    using = [path for path in sources if "journal.chain" in (text := path.read_text()) or
             "journal import chain" in text]  # fmt: skip
    return {kind for path in using for kind in Kinds(path).all()} | {ACTOR_NAMED}  # which is not of one event


def test_every_kind_that_is_recorded_has_its_words() -> None:
    kinds = recorded()
    assert len(kinds) > 25
    assert kinds - {kind.value for kind in EventKind} == set(), "say in workflow/journal/event_kinds.py what it is"


def test_no_word_is_of_a_kind_that_nobody_records() -> None:
    assert {kind.value for kind in EventKind} - recorded() == set()


def test_every_kind_has_its_group_and_every_group_its_kinds() -> None:
    assert {kind for group in EventGroup for kind in kinds_of(group)} == set(EventKind)
    assert all(kinds_of(group) for group in EventGroup)


def test_every_limit_has_its_words() -> None:
    assert {limit.value for limit in LimitName} == set(_MOST), "say in workflow/journal/security_log.py what it is"


def test_kind_of_another_version_is_told_as_it_is() -> None:
    assert kind_label("of_another_version") == "of_another_version"
    assert "of_another_version" not in FROM_SOMEWHERE


def test_data_are_told_in_words() -> None:
    data: dict[str, Scalar] = {
        "list": "requests",
        "format": "xlsx",
        "rows": 3,
        "filters": "etat=en-cours departement=31 nom=*",
    }
    assert dict(event_data(data)) == {
        "liste": "les demandes", "format": "XLSX", "lignes": "3",
        "filtres": "état en cours, département Haute-Garonne, nom (tapé, pas gardé)",
    }  # fmt: skip
    refused: dict[str, Scalar] = {"limit": "token", "refused": 30, "subjects": 2, "most": 20, "again": False}
    assert dict(event_data(refused)) == {"quoi": "jetons refusés", "refus": "30", "réseaux ou boîtes en cause": "2"}
