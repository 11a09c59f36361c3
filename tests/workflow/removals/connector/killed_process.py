"""What a process plays that is to be killed within a round of the connector."""

import ssl
from datetime import datetime

from pydantic import SecretStr

from tests.kit.killed_process import kill_at
from tests.kit.oda_server import NAME, SECRET
from tests.kit.system import System
from workflow.removals.connector.client import Caller
from workflow.removals.connector.service import Connector
from workflow.settings.services import ConnectorSettings


def play_round(url: str, now: datetime, point: str, pem: str, port: int) -> None:
    """Make a round of the connector on a database that exists, killed at a crash point."""
    system = System.reopened(url, now)
    caller = Caller(
        settings=ConnectorSettings(url=f"https://{NAME}:{port}/retraits", allow=(NAME,), timeout_seconds=5),
        secret=SecretStr(SECRET), resolver=lambda _h, _p: ["127.0.0.1"],
        tls_context=ssl.create_default_context(cafile=pem),
    )  # fmt: skip
    kill_at(point, 1)
    Connector(system.engine, system.mailer, caller).round()
