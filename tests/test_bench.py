"""The folder bench/peers: pinned whole, and apart from what the project installs."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

from bench import bare
from bench.peers import environment
from bench.population import YEAR

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / "peers"
APART = ("task_queue", "durable")
"""The two modules that run in the peers' environment, with what they import of ours."""


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def locked(path: Path) -> dict[str, str]:
    return {package["name"]: package["version"] for package in read(path)["package"]}


def wanted() -> dict[str, str]:
    """The peers' direct requirements, each with its one version."""
    matches = [re.fullmatch(r"([a-z-]+)(?:\[\w+\])?==([\d.]+)", requirement)
               for requirement in read(PEERS / "pyproject.toml")["project"]["dependencies"]]  # fmt: skip
    assert all(matches), "une version n'est pas fixée"
    return {match[1]: match[2] for match in matches if match}


def test_peers__each_is_pinned_and_the_lock_agrees() -> None:
    lock = locked(PEERS / "uv.lock")
    assert {"procrastinate", "dbos"} <= wanted().keys()
    assert wanted().items() <= lock.items()


def test_peers__the_lock_names_pypi_alone_and_hashes_every_file() -> None:
    text = (PEERS / "uv.lock").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^/\"]+", text)) == {"https://pypi.org", "https://files.pythonhosted.org"}
    files = re.findall(r"^.*\burl = .*$", text, re.MULTILINE)
    assert files
    assert all('hash = "sha256:' in line for line in files)


def test_peers__the_project_installs_none_of_them() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert not {"procrastinate", "dbos"} & locked(ROOT / "uv.lock").keys()
    assert "procrastinate" not in project
    assert "dbos" not in project


def test_peers__their_environment_is_one_that_git_ignores() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert f"/{environment.PLACE.relative_to(ROOT).parts[0]}/" in ignored


def imported(module: str) -> set[str]:
    path = ROOT / module.replace(".", "/")
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    return {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}


def test_peers__what_runs_there_imports_nothing_of_the_project_but_the_bare_rows() -> None:
    modules: set[str] = set()
    to_read = {f"bench.peers.{name}" for name in APART}
    while to_read:
        module = to_read.pop()
        modules.add(module)
        to_read |= {name for name in imported(module) if name.split(".")[0] == "bench"} - modules
    ours = {"bench.bare", "bench.peers", "bench.peers.effect", "bench.peers.protocol"}
    assert modules == ours | {f"bench.peers.{name}" for name in APART}
    rooms = {"states", "notifications", "workflow", "portal", "tests"}
    for module in modules:
        assert not {name.split(".")[0] for name in imported(module)} & rooms, module


def test_bare_rows__are_of_the_year_that_the_population_lives_in() -> None:
    assert str(YEAR) == bare.SCHOOL_YEAR
