"""A process to kill within a round of the connector, run with the arguments URL INSTANT POINT PEM PORT."""

import ssl
import sys
from datetime import datetime

from pydantic import SecretStr

from tests.kit.killed_process import kill_at
from tests.kit.oda_server import NAME, SECRET
from tests.kit.system import System
from workflow.removals.connector.client import Caller
from workflow.removals.connector.service import Connector, actor_of
from workflow.settings.removals import ConnectorSettings


def main() -> None:
    url, instant, point, pem, port = sys.argv[1:]
    system = System.reopened(url, datetime.fromisoformat(instant))
    caller = Caller(
        settings=ConnectorSettings(url=f"https://{NAME}:{port}/retraits", allow=(NAME,), timeout_seconds=5),
        secret=SecretStr(SECRET), resolver=lambda _h, _p: ["127.0.0.1"],
        tls_context=ssl.create_default_context(cafile=pem),
    )  # fmt: skip
    kill_at(point, 1)
    Connector(system.engine, system.mailer, caller, actor_of(system.database)).round()


if __name__ == "__main__":
    main()
