"""The connector as the settings want it, and who it is in the journal (R84)."""

from typing import Final

from notifications.mailer import Mailer
from states.actors import Actor
from states.vocabulary import Channel, Role
from workflow.connector.rounds import Connector
from workflow.connector.signing import secret_of
from workflow.connector.transport import Caller
from workflow.database import Database
from workflow.engine import Engine
from workflow.installation import actor_number
from workflow.settings import Secrets, Settings

ACTOR_KEY: Final = "connector"
ACTOR_LABEL: Final = "le connecteur du serveur ODA"


def caller_of(settings: Settings, secrets: Secrets) -> Caller | None:
    """Who calls the server; None when the settings name none. Raises SecretMissing, SecretRefused."""
    if settings.removals.connector.url is None:
        return None
    return Caller(settings=settings.removals.connector, secret=secret_of(secrets))


def connector_of(settings: Settings, secrets: Secrets, engine: Engine, mailer: Mailer) -> Connector | None:
    """The connector at work; None when the settings name no server. Raises SecretMissing, SecretRefused."""
    caller = caller_of(settings, secrets)
    return Connector(engine, mailer, caller, actor_of(engine.database)) if caller else None


def actor_of(database: Database) -> Actor:
    """The connector, which may confirm a removal and nothing else (R2, R84)."""
    number = actor_number(database, ACTOR_KEY, ACTOR_LABEL)
    return Actor(role=Role.CONNECTOR, number=number, label=ACTOR_LABEL, channel=Channel.CONNECTOR)
