"""docs/securite.md and docs/asvs.md against the repository: what they name exists, and nothing is left out."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.test_readme import DOCUMENTS, ROOT, rows, section, text_of
from tests.test_rules import NUMBERS
from workflow.settings.secrets import OF_PROVIDER, SECRET_NAMES
from workflow.settings.sections import RetentionSettings

SECURITY, ASVS = ROOT / "docs" / "securite.md", ROOT / "docs" / "asvs.md"
REQUIREMENTS = Path(__file__).with_name("asvs_5_0_levels_1_and_2.txt")
"""The numbers of the requirements of levels 1 and 2 of the published text, each with its level."""

STATES = ("tenu", "en partie", "non tenu", "exploitation", "sans objet")

pytestmark = pytest.mark.rule("R108")


@cache
def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def lines_of_asvs() -> list[list[str]]:
    return [row for row in rows(text_of(ASVS)) if re.fullmatch(r"\d+\.\d+\.\d+", row[0])]


@pytest.mark.parametrize("document", [SECURITY, ASVS], ids=lambda path: path.name)
def test_tests__those_named_exist(document: Path) -> None:
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", text_of(document))
    assert len(named) > 20
    for path, name in named:
        assert (ROOT / path).exists(), path
        assert name in names_in(ROOT / path), f"{path}::{name}"


@pytest.mark.parametrize("document", [SECURITY, ASVS], ids=lambda path: path.name)
def test_document__is_one_of_those_whose_paths_settings_commands_and_rules_are_checked(document: Path) -> None:
    assert document in DOCUMENTS
    assert set(re.findall(r"\bR\d+\b", text_of(document))) <= set(NUMBERS)


def test_asvs__every_requirement_has_one_line_with_its_level() -> None:
    published = [tuple(line.split()) for line in REQUIREMENTS.read_text().splitlines()]
    assert len(published) == 253
    assert [(row[0], row[1]) for row in lines_of_asvs()] == published


def test_asvs__every_line_says_where_it_stands_and_why() -> None:
    for number, _, word, state, why in lines_of_asvs():
        assert word, number
        assert state in STATES, number
        assert len(why) > 5, number
        if state == "en partie":
            assert re.search(r"[^`]{20,}", re.sub(r"`tests/[^`]+`", "", why)), f"{number}: what is missing is not said"


def test_asvs__the_counts_of_its_states_are_right() -> None:
    counts = Counter(row[3] for row in lines_of_asvs())
    stated = {row[0]: int(row[2]) for row in rows(text_of(ASVS)) if row[0] in STATES}
    assert stated == {state: counts[state] for state in STATES}


def test_inventory__names_every_secret_of_the_software() -> None:
    inventory = section(SECURITY, "Inventaire cryptographique")
    for name in (*SECRET_NAMES, OF_PROVIDER):
        assert f"`{name}`" in inventory, name


def test_inventory__names_every_module_that_encrypts_signs_or_compares_a_secret() -> None:
    inventory = section(SECURITY, "Inventaire cryptographique")
    makes_secrets = re.compile(r"^(?:from|import) (?:cryptography|joserfc|pyotp|hmac)\b", re.MULTILINE)
    for room in ("workflow", "notifications", "portal"):
        for path in (ROOT / room).rglob("*.py"):
            if makes_secrets.search(path.read_text()):
                assert f"`{path.relative_to(ROOT)}`" in inventory, path


def test_durations__are_those_of_the_settings() -> None:
    table = {row[1]: row[2] for row in rows(section(SECURITY, "Les durées"))}
    for name, field in RetentionSettings.model_fields.items():
        assert table[f"`retention.{name}`"] == f"{field.default} mois", name


def test_risks__each_waits_for_a_name() -> None:
    risks = [row for row in rows(section(SECURITY, "Ce qui reste à signer")) if re.match(r"S\d+", row[0])]
    assert [row[0] for row in risks] == [f"S{number}" for number in range(1, len(risks) + 1)]
    for partial in (row for row in lines_of_asvs() if row[3] == "non tenu"):
        assert partial[0] in text_of(SECURITY), partial[0]


def test_incidents__each_sheet_says_what_to_do() -> None:
    sheet = re.compile(r"^### (.+)\n\n((?:\d\. .+\n(?:   .+\n)*)+)", re.MULTILINE)
    sheets = sheet.findall(section(SECURITY, "Fiches d'incident"))
    assert len(sheets) >= 8
    assert all(len(re.findall(r"^\d\. ", steps, re.MULTILINE)) >= 2 for _, steps in sheets)
