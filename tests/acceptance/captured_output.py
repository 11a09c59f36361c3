"""Everything that a program says while it runs: each logger at its loudest, and what it gives to the database."""

import asyncio
import linecache
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

LOUD = ("", "asyncio", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "sqlalchemy.orm", "aiosmtplib", "oda",
        "notifications", "workflow", "portal", "jinja2", "alembic", "PIL", "fontTools", "psycopg")  # fmt: skip
PARAMETERS = "parameters"
"""The name under which the ear keeps every value that is given to the database beside its statement."""
_run_forever = asyncio.BaseEventLoop.run_forever


class Ear(logging.Handler):
    """Keeps all that any logger says: the line, its arguments, the traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.logs: dict[str, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.keep(record.name, f"{record.getMessage()} {record.args!r} {record.stack_info or ''} {trace}")

    def keep(self, name: str, line: str) -> None:
        self.logs.setdefault(name, []).append(line)

    def before_cursor_execute(
        self, _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        """What SQLAlchemy would echo if it were not told to hide it, and a debugger or a driver may show."""
        self.keep(PARAMETERS, f"{statement} {parameters!r}")


@contextmanager
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    """Every logger there is, on a machine so slow that asyncio, told to debug, complains of its every step."""
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setattr(asyncio.BaseEventLoop, "run_forever", _run_slowly)
    monkeypatch.setattr(linecache, "checkcache", lambda _filename=None: None)  # no source changes while it is quoted
    ear = Ear()
    names = {*LOUD, *logging.root.manager.loggerDict}
    levels = {name: logging.getLogger(name).level for name in names}
    others = {handler: handler.level for handler in logging.root.handlers}
    for handler in others:  # pytest's, which word anew for a report each of the thousands of lines that the ear keeps
        handler.setLevel(logging.CRITICAL + 1)
    logging.root.addHandler(ear)
    event.listen(Engine, "before_cursor_execute", ear.before_cursor_execute)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield ear
    finally:
        event.remove(Engine, "before_cursor_execute", ear.before_cursor_execute)
        logging.root.removeHandler(ear)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for handler, level in others.items():
            handler.setLevel(level)


def _run_slowly(loop: asyncio.BaseEventLoop) -> None:
    loop.slow_callback_duration = 0  # each step is told with the futures that it awaits, and what they hold
    _run_forever(loop)
