"""An académie's folder of templates, and what is said of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from notifications.authoring.checks import problems
from notifications.authoring.examples import MAIL_CONTEXT
from notifications.rendering.environment import TemplateLoader, own_wordings
from notifications.rendering.renderer import Renderer

HEAD = '{% extends "mails/layout.j2" %}\n{% block subject %}\nObjet\n{% endblock %}\n{% block body %}\n'
"""Five lines: what stands before the text of a mail."""

render = Renderer(own_wordings()).render
"""The words of a mail by this package's own templates."""

Check = Callable[[dict[str, str]], list[str]]


def mail(body: str) -> str:
    """A whole template of a mail; its body begins at line 6."""
    return f"{HEAD}{body}\n{{% endblock %}}\n"


def folder_of(place: Path, texts: dict[str, str]) -> Path:
    folder = place / "modeles"
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def problems_of(place: Path, texts: dict[str, str]) -> list[str]:
    """Every problem of these templates, in the order in which they are told, with paths from ``place`` on."""
    all_problems = problems(TemplateLoader(folder_of(place, texts)), MAIL_CONTEXT)
    return [str(problem).removeprefix(f"{place}/") for problem in all_problems]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return lambda texts: problems_of(tmp_path, texts)
