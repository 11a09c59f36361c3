"""What is wrong with a settings file, as its author is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: its line (from 1; None when it has none), its dotted key (may be empty), what and how."""

    line: int | None
    key: str
    message: str
    allowed: str | None = None

    def __str__(self) -> str:
        said = f"{self.key} : {self.message}" if self.key else self.message
        return f"{said} ; valeurs permises : {self.allowed}" if self.allowed else said


class SettingsError(Exception):
    """The settings cannot be used. ``problems`` holds everything that is wrong, in the order of the file."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        shown = [self._located(problem) for problem in self.problems[:MAX_SHOWN]]
        if (left := len(self.problems) - MAX_SHOWN) > 0:
            shown.append(f"{self.path} : et {left} autres problèmes")
        return "\n".join(shown)

    def _located(self, problem: Problem) -> str:
        where = f"{self.path}, ligne {problem.line}" if problem.line else f"{self.path}"
        return f"{where} : {problem}"


def shown(value: object, width: int = 60) -> str:
    """A value as it may be quoted in a message: short, on one line, without invisible characters."""
    text = " ".join(str(value).split())
    text = "".join(c if c.isprintable() else "·" for c in text)
    return text if len(text) <= width else f"{text[: width - 1]}…"
