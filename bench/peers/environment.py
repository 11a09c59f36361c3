"""The peers' own environment, made below .tools from their own lock; the project's stays as it is."""

import os
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "bench" / "peers"
PLACE = ROOT / ".tools" / "peers"


class NotInstalled(Exception):
    """L'environnement des pairs n'a pas pu être préparé."""


def pinned(name: str) -> str:
    """A peer with its version, as our folder pins it."""
    wanted: list[str] = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    return next(requirement for requirement in wanted if requirement.startswith(f"{name}==")).replace("==", " ")


def python() -> Path:
    """The peers' Python, with exactly what their lock names. Raises NotInstalled, and says what to do."""
    uv = _uv()
    print(f"pairs : environnement {PLACE.relative_to(ROOT)}, d'après {PROJECT.relative_to(ROOT)}/uv.lock…", flush=True)
    mail_context = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    mail_context |= {"UV_PROJECT_ENVIRONMENT": str(PLACE), "UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1"}
    command = [str(uv), "sync", "--project", str(PROJECT), "--frozen", "--quiet"]
    done = subprocess.run(command, env=mail_context, capture_output=True, text=True)
    if done.returncode:
        raise NotInstalled(
            "Les pairs (procrastinate, dbos) n'ont pas pu être installés : il faut un accès à PyPI la première fois.\n"
            f"Rien d'autre n'a changé. Ce que dit uv :\n{done.stderr.strip()}"
        )
    return PLACE / "bin" / "python"


def _uv() -> Path:
    """The uv of ./run, which names itself to what it runs; else the one that ./run installed."""
    if named := os.environ.get("UV"):
        return Path(named)
    programs = sorted((ROOT / ".tools").glob("uv-*/bin/uv"))
    if not programs:
        raise NotInstalled("uv n'est pas là : lancer cette mesure par « ./run bench peers », qui l'installe.")
    return programs[-1]
