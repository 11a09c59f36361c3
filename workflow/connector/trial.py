"""The server of the settings tried without asking for anything: where it is, whether it takes our signature (R84)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import uuid4

from pydantic_core import from_json

from workflow.connector.addresses import AddressRefused
from workflow.connector.answers import meaning
from workflow.connector.asking import PING, ping
from workflow.connector.transport import Call, Caller, NoAnswer, Reply

PONG: Final = "pong"
OUR_SIGNATURE: Final = (
    "vérifier que le secret connector-key est le même sur le serveur ODA, et que les deux horloges sont à l'heure"
)


class TrialFailed(Exception):
    """The server cannot be asked: ``step`` where it stopped, the message what it said, ``remedy`` what to do."""

    def __init__(self, step: str, said: str, remedy: str) -> None:
        super().__init__(said)
        self.step, self.remedy = step, remedy


def trial(caller: Caller, now: datetime) -> Iterator[tuple[str, str]]:
    """Each step that went well, as a heading and what was found. Raises TrialFailed at the first that did not."""
    yield "Adresse", caller.settings.url or ""
    try:
        addresses = caller.addresses()
    except AddressRefused as refused:
        raise TrialFailed("nom", str(refused), "corriger removals.connector") from None
    except NoAnswer as unknown:
        raise TrialFailed("nom", str(unknown), "corriger removals.connector.url, ou le DNS de cette machine") from None
    yield "Nom", f"mène à {', '.join(addresses)}"
    try:
        [reply] = caller.ask([Call(body=ping(), key=f"{PING}.{uuid4().hex}")], now)
    except (AddressRefused, NoAnswer) as refused:
        reply = NoAnswer(str(refused))
    if isinstance(reply, NoAnswer):
        remedy = "vérifier le serveur, son certificat et le pare-feu ; une autorité privée s'ajoute à celles du système"
        raise TrialFailed("appel", str(reply), remedy)
    if not _is_pong(reply):
        said = meaning(reply, now).words
        remedy = OUR_SIGNATURE if reply.status in (401, 403) else f'y répondre {{"outcome": "{PONG}"}} à « {PING} »'
        raise TrialFailed("réponse", said, f"{remedy} (docs/connecteur.md)")
    yield "Appel signé", "accepté"


def _is_pong(reply: Reply) -> bool:
    try:
        said = from_json(reply.body)
    except ValueError:
        return False
    return reply.status == 200 and isinstance(said, dict) and said.get("outcome") == PONG
