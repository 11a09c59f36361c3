"""A process to kill within a round: ``python -m tests.workflow.connector.victim URL INSTANT POINT PEM PORT``."""

import ssl
import sys
from datetime import datetime

from pydantic import SecretStr

from tests.kit.oda_server import NAME, SECRET
from tests.kit.victim import kill_at
from tests.kit.world import World
from workflow.removals.connector.client import Caller
from workflow.removals.connector.service import Connector, actor_of
from workflow.settings.removals import ConnectorSettings


def main() -> None:
    url, instant, point, pem, port = sys.argv[1:]
    world = World.reopened(url, datetime.fromisoformat(instant))
    caller = Caller(
        settings=ConnectorSettings(url=f"https://{NAME}:{port}/retraits", allow=(NAME,), timeout_seconds=5),
        secret=SecretStr(SECRET), resolver=lambda _h, _p: ["127.0.0.1"],
        tls_context=ssl.create_default_context(cafile=pem),
    )  # fmt: skip
    kill_at(point, 1)
    Connector(world.engine, world.mailer, caller, actor_of(world.database)).round()


if __name__ == "__main__":
    main()
