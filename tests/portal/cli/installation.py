"""``oda`` run on an installation of its own."""

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from portal.cli.main import oda
from tests.kit.installation import OPERATOR


class Installation:
    """An installation in a folder, and the command that acts on it; an operator acts unless told."""

    def __init__(self, config: Path) -> None:
        self.config = config

    def oda(self, *args: str | Path, who: str | None = f"operator:{OPERATOR}", **extra: Any) -> Result:
        acting = [] if who is None else ["--as", who]
        line = ["--config", str(self.config), *acting, *map(str, args)]
        return CliRunner().invoke(oda, line, **extra)

    def done(self, *args: str | Path, **how: Any) -> str:
        """The standard output of a command that must succeed."""
        result = self.oda(*args, **how)
        assert result.exit_code == 0, result.output
        return result.stdout

    def write(self, content: bytes, name: str = "annuaire.csv") -> Path:
        path = self.config.parent / name
        path.write_bytes(content)
        return path
