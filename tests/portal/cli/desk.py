"""The command line on a whole installation, at the instant of the factories."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal.cli.main import oda
from tests.kit import factories as make
from tests.kit.clock import FakeClock, replace_system_clock
from tests.kit.databases import fresh_url
from tests.kit.installation import OPERATOR, READER, make_installation
from tests.workflow.requests.office import UAI, Office
from workflow.app import App, bootstrap
from workflow.settings.loader import find_settings, load_settings

AS_OPERATOR, AS_READER, AS_CHEF = f"operator:{OPERATOR}", f"lecteur:{READER}", f"chef:{UAI}"
ON_BEHALF = ("--asked-by", "Mme la principale", "--asked-how", "telephone", "--asked-on", "9/10/2026")


class Desk:
    """``oda`` as somebody types it; ``office`` brings requests to their states without the command line."""

    def __init__(self, config: Path, app: App, clock: FakeClock) -> None:
        self.config, self.app, self.clock = config, app, clock
        self.office = Office(app.database, app.engine, app.mailer)
        self.outputs: list[str] = []

    def oda(self, *args: str, who: str = AS_OPERATOR, typed: str | None = None) -> Result:
        """Run a command; nothing is on the standard input unless ``typed``."""
        done = CliRunner().invoke(oda, ["--config", str(self.config), "--as", who, *args], input=typed)
        self.outputs.append(done.output)
        return done

    def did(self, *args: str, who: str = AS_OPERATOR, typed: str | None = None) -> str:
        """The standard output of a command that must succeed."""
        done = self.oda("request", *args, who=who, typed=typed)
        assert done.exit_code == 0, done.output
        return done.stdout

    def read(self, *args: str, who: str = AS_OPERATOR, typed: str | None = None) -> Any:
        """The JSON of a command that must succeed."""
        return json.loads(self.did(*args, "--json", who=who, typed=typed))

    def refused(self, *args: str, who: str = AS_OPERATOR, typed: str | None = None, code: int = 1) -> str:
        """The error output of a command that must not succeed."""
        done = self.oda("request", *args, who=who, typed=typed)
        assert done.exit_code == code, done.output
        return done.stderr


@contextmanager
def open_desk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in an empty folder, its clock standing at ``factories.NOW``."""
    clock = FakeClock(make.NOW)
    replace_system_clock(monkeypatch, clock)
    with fresh_url("sqlite", folder) as url:
        config = make_installation(folder, url, clock)
        app = bootstrap(load_settings(find_settings(str(config), {})), {}, clock=clock)
        try:
            yield Desk(config, app, clock)
        finally:
            app.close()
