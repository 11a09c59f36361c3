"""What a process plays that is to be killed while it tells another system."""

import ssl
from datetime import datetime

from tests.kit.killed_process import kill_at
from tests.kit.system import System
from tests.workflow.webhooks.scene import Telling, settings_of


def play_round(url: str, now: datetime, point: str, pem: str, port: int) -> None:
    """Send what is due on a database that exists, killed at a crash point."""
    system = System.reopened(url, now)
    telling = Telling(system, settings_of(port), ssl.create_default_context(cafile=pem))
    kill_at(point, 1)
    telling.sender.round()
