"""The README, its neighbours and docs/ against the repository: what they name exists, and what exists is named."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from portal.cli.main import TREE, oda
from tests.test_rules import NUMBERS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
INDEX = ROOT / "docs" / "README.md"
GUIDES = sorted((ROOT / "portal" / "guides").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *ADRS]
ROOMS = ("states", "notifications", "workflow", "portal", "tests", "bench", "docs", ".ci")
FILES = ("py", "md", "yaml", "json", "toml", "lock", "sqlite", "csv", "j2", "txt", "svg", "sh", "h")
"""How the name of a file ends: what tells one from a dotted setting."""

OF_0_1_0 = {
    *("academie", "timezone", "database", "secrets", "people", "four_eyes", "campaign", "school_year", "drane"),
    *("charter", "code", "key", "checks", "handling", "documentation", "delegce", "mail", "templates"),
    *(f"academie.{key}" for key in ("code", "departements", "nom", "zone")),
    *("campaign.opens", "charter.version", "checks.max_age_days", "code.format", "code.keep_days", "database.url"),
    *("delegce.module", "documentation.files", "documentation.links", "drane.address", "drane.declaration"),
    *("handling.expected_days", "key.scope", "secrets.directory", "templates.directory"),
    *(f"mail.{key}" for key in (
        "connections", "contact", "lease_seconds", "max_attempts", "message_id_domain", "operators_mailbox", "relay",
        "reply_to", "retry_after_seconds", "retry_uncertain", "sender", "signature",
    )),
    *(f"people.{key}" for key in ("accounts", "deputy_may_act", "operators", "readers")),
    *(f"school_year.{key}" for key in ("end", "end_dates", "rentree_dates")),
}  # fmt: skip
"""The settings of the first version, two levels deep."""

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@cache
def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def prose_of(document: Path) -> str:
    """The document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text_of(document), flags=re.DOTALL | re.MULTILINE)


def quoted(document: Path) -> list[str]:
    """What stands between backticks in the prose."""
    return re.findall(r"`([^`\n]+)`", prose_of(document))


def section(document: Path, title: str) -> str:
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text_of(document), re.DOTALL | re.MULTILINE)
    assert match, f"{document.name} has no section {title}"
    return match[1]


def rows(table: str) -> list[list[str]]:
    """The cells of each row of a section's tables, less their headings."""
    lines = [line.strip().strip("|") for line in table.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    return [row for row, rule in zip(cells, [*lines[1:], ""], strict=True)
            if not re.fullmatch(r"[-|\s:]+", rule) and not re.fullmatch(r"[-|\s:]+", " | ".join(row))]  # fmt: skip


# --- paths and links


def test_where_is__every_path_resolves() -> None:
    table = rows(section(CONTRIBUTING, "Where is"))
    assert len(table) >= 15
    for question, where in table:
        paths = re.findall(r"`([^`]+)`", where)
        assert paths, question
        for path in paths:
            assert (ROOT / path).exists() or list((ROOT / "states").glob(path)), path


def test_map__names_every_package_and_no_other() -> None:
    lines = re.findall(r"^  ((?:[a-z_]+/ )+)", section(CONTRIBUTING, "Map"), re.MULTILINE)
    named = {name.rstrip("/") for line in lines for name in line.split()}
    packages = {path.parent.name for room in ROOMS[:4] for path in (ROOT / room).glob("*/__init__.py")}
    assert named == packages


@each_document
def test_paths__those_quoted_exist(document: Path) -> None:
    for word in quoted(document):
        if word.split("/")[0] in ROOMS and re.fullmatch(r"[\w./-]+", word) and "/" in word:
            assert (ROOT / word).exists(), word


@each_document
def test_links__every_relative_one_resolves(document: Path) -> None:
    prose = prose_of(document)
    for target in (*re.findall(r"\]\(([^)\s]+)\)", prose), *re.findall(r'<img src="([^"]+)"', prose)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- commands


def commands_of(document: Path) -> Iterator[list[str]]:
    """Every ``oda …`` written in the document, in its prose or its blocks of code, as words."""
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```$", text_of(document), re.DOTALL | re.MULTILINE)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    for written in (*quoted(document), *lines):
        for match in re.finditer(r"(?:^|[|\s]|bin/)oda (?=[a-z-])([^|>]*)", written.replace("\\|", "|")):
            yield shlex.split(re.split(r" (?:#|…|< )", match[1])[0])


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words call, and the options given to it. Raises LookupError on an unknown command."""
    command: click.Command = oda
    context = click.Context(oda, info_name="oda")
    options: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("--as", "--config"):
            next(rest)
        elif word.startswith("--"):
            options.append(word)
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            subcommand = command.get_command(context, word)
            if subcommand is None:
                raise LookupError(word)
            command = subcommand
    return command, options


def is_written(words: list[str]) -> bool:
    """Whether the module of this command is there: the tree may be ahead of it."""
    name = next(word for word in words if word in TREE)
    return (ROOT / f"{TREE[name][0].replace('.', '/')}.py").exists() or (
        ROOT / TREE[name][0].replace(".", "/")
    ).is_dir()


@each_document
def test_commands__those_written_exist_with_their_options(document: Path) -> None:
    for words in commands_of(document):
        names = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
        if words[0].startswith("-") and words[0] not in ("--as", "--config"):
            continue
        assert set(names) & TREE.keys(), words
        if not is_written(words):
            continue
        command, options = resolve(words)
        known = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
        for option in options:
            assert option in known | {"--help"}, f"oda {shlex.join(words)}"


def test_commands__contributing_and_the_guide_show_enough_of_them() -> None:
    guide = [words for words in commands_of(ROOT / "docs" / "ligne-de-commande.md") if "request" in words]
    context = click.Context(oda, info_name="oda")
    group = oda.get_command(context, "request")
    assert isinstance(group, click.Group)
    words_shown = {word for words in guide for word in words}
    assert set(group.list_commands(context)) <= words_shown
    assert len(list(commands_of(CONTRIBUTING))) >= 15


def test_commands__each_has_its_row_in_contributing() -> None:
    listed = {words[0] for words in commands_of(CONTRIBUTING)}
    assert TREE.keys() <= listed


@each_document
def test_run__its_commands_exist(document: Path) -> None:
    known = re.findall(r"^  ([a-z]+) ", text_of(ROOT / "run"), re.MULTILINE)
    for name in re.findall(r"\./run ([a-z]+)", text_of(document)):
        assert name in known, name


# --- what the first page owes to a newcomer


@pytest.mark.parametrize("readme", [README, ROOT / "README.en.md"], ids=lambda path: path.name)
def test_readme__shows_two_pictures_two_commands_and_where_it_stands(readme: Path) -> None:
    text = text_of(readme)
    pictures = re.findall(r'<img src="([^"]+)" width="\d+" alt="([^"]+)">', text)
    assert {path for path, _ in pictures} == {f"docs/images/{name}.png" for name in ("chef", "operateur")}
    assert {"demo", "test"} <= set(re.findall(r"^\./run ([a-z]+)", text, re.MULTILINE))
    assert "Jamais mis en service" in text or "Never put into service" in text
    assert "[MIT](LICENSE)" in text


def test_readme__the_two_languages_lead_to_each_other() -> None:
    assert "[English](README.en.md)" in text_of(README)
    assert "[Français](README.md)" in text_of(ROOT / "README.en.md")


def test_index__names_every_document() -> None:
    targets = set(re.findall(r"\]\(([^)\s]+)\)", text_of(INDEX)))
    named = {(INDEX.parent / target).resolve() for target in targets}
    wanted = {path for path in (ROOT / "docs").iterdir() if path.name not in ("README.md", "images")}
    assert wanted | {README, CONTRIBUTING, ROOT / "SECURITY.md", *GUIDES} <= named


# --- figures


def test_figures__each_stands_beside_the_command_that_prints_it() -> None:
    table = rows(section(CONTRIBUTING, "Figures"))
    assert len(table) >= 10
    for figure, command, result in table:
        words = shlex.split(command.strip("`"))
        assert words[0] == "./run", figure
        assert re.search(r"\d", result), figure
        if words[1] == "bench":
            assert (ROOT / "bench" / f"{words[2]}.py").exists() or (ROOT / "bench" / words[2]).is_dir(), figure
        else:
            assert words[1] == "test", figure
            assert (ROOT / words[2]).exists(), figure


def test_figures__no_other_document_of_the_root_quotes_a_ratio() -> None:
    for document in ROOT.glob("README*.md"):
        assert not re.search(r"\d (?:times|fois)", text_of(document)), document.name


def test_benches__each_is_listed() -> None:
    listed = set(re.findall(r"^\| `\./run bench (\w+)` \|", section(CONTRIBUTING, "Commands"), re.MULTILINE))
    runnable = {path for path in (ROOT / "bench").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    packages = {path.parent.name for path in (ROOT / "bench").glob("*/__main__.py")}
    assert listed == {path.stem for path in runnable} | packages


# --- dependencies


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return match[0].lower().replace("_", "-")


def test_dependencies__each_is_explained_and_nothing_else() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    document = ROOT / "docs" / "dependances.md"
    runtime = {name_of(requirement) for requirement in project["project"]["dependencies"]}
    development = {name_of(requirement) for requirement in project["dependency-groups"]["dev"]}
    development |= {name_of(requirement) for requirement in project["build-system"]["requires"]}
    site = {name_of(requirement) for requirement in project["dependency-groups"]["docs"]}
    chapters = {
        "Pour faire marcher le logiciel": runtime,
        "Pour le développer": development,
        "Pour la documentation": site,
    }
    for title, wanted in chapters.items():
        explained = [row[0].strip("`") for row in rows(section(document, title))]
        assert sorted(explained) == sorted(wanted), title


def test_licence__is_the_one_that_the_project_declares() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    assert project["license"] == "MIT"
    assert text_of(ROOT / "LICENSE").startswith("MIT License\n\nCopyright (c) 2026 ")


def test_changelog__tells_of_this_version() -> None:
    version = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## ({re.escape(version)} — |À paraître$)", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert f"\n## {version}\n" in text_of(ROOT / "docs" / "mise-a-jour.md")


def test_upgrade_notes__name_every_setting_that_0_1_0_had_not() -> None:
    named = set(quoted(ROOT / "docs" / "mise-a-jour.md"))
    sections = {
        name: section if "$ref" in section else next(iter(section.get("anyOf", [{}])))
        for name, section in schema()["properties"].items()
    }
    of_section = {
        f"{name}.{key}"
        for name, section in sections.items()
        if name in OF_0_1_0
        for key in schema()["$defs"].get(section.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
    }
    missing = ((sections.keys() | of_section) - OF_0_1_0) - named
    assert not missing, f"docs/mise-a-jour.md does not say that these settings are new: {sorted(missing)}"


# --- decisions


def test_adrs__are_numbered_once_each_without_holes_and_dated() -> None:
    assert [path.name[:5] for path in ADRS] == [f"{number:04}-" for number in range(1, len(ADRS) + 1)]
    for path in ADRS:
        lines = text_of(path).splitlines()
        assert lines[0].startswith(f"# {path.name[:4]}. "), path.name
        assert re.fullmatch(r"(Accepted|Superseded by .+), \d{4}-\d{2}-\d{2}\.", lines[2]), path.name
        assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]
        assert 25 <= len(lines) <= 45, path.name


def test_adrs__those_that_the_code_cites_exist() -> None:
    numbers = {path.name[:4] for path in ADRS}
    for room in ("states", "notifications", "workflow", "portal"):
        for path in (ROOT / room).rglob("*.py"):
            assert set(re.findall(r"docs/adr/(\d{4})", path.read_text(encoding="utf-8"))) <= numbers, path.name


# --- settings and rules


@cache
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(text_of(ROOT / "docs" / "config.schema.json"))
    return loaded


def is_setting(key: str) -> bool:
    """Whether the schema of the settings has this dotted key."""
    node = schema()
    for part in key.split("."):
        for name in re.findall(r"/\$defs/(\w+)", json.dumps({k: v for k, v in node.items() if k in ("$ref", "anyOf")})):
            node = schema()["$defs"][name]
        if part not in node.get("properties", {}):
            return False
        node = node["properties"][part]
    return True


@each_document
def test_settings__those_named_exist(document: Path) -> None:
    dotted = [word for word in quoted(document) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", word)]
    settings = re.findall(r"réglages? `([a-z_.]+)`", prose_of(document))
    for key in {*dotted, *settings}:
        first, last = key.split(".")[0], key.split(".")[-1]
        if first in ROOMS or last in FILES:
            continue
        assert is_setting(key), key


@pytest.mark.parametrize(
    ("key", "expected"),
    [("mail.relay.host", True), ("four_eyes", True), ("mail.relay.hosts", False), ("mails.relay", False)],
)
def test_settings__a_wrong_key_is_told_from_a_right_one(key: str, expected: bool) -> None:
    assert is_setting(key) is expected


@each_document
def test_rules__those_cited_exist(document: Path) -> None:
    assert set(re.findall(r"\bR\d+\b", text_of(document))) <= set(NUMBERS)
