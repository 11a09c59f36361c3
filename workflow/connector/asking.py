"""What is asked of the ODA server about one task: as few personal data as name one key, never a code (R48, R84)."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from states.removal import Action, RemovalTodo
from workflow.journal import Notary
from workflow.reading.removal_lines import RemovalLine

ACTIONS: Final = {
    Action.REMOVE_KEY: "remove_key", Action.KEEP_KEY: "remove_rights", Action.CHANGE_EXPIRY: "set_expiry",
}  # fmt: skip
"""Our actions by the name that the contract gives them."""
PING: Final = "ping"
_DIGITS: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One question. ``digest`` is the same as long as the question is; ``keeps_key``: other requests rely on it.

    ``to_verify``: nobody knows whether a namesake's key is meant, so that no program may ask (R48).
    """

    reference: str
    body: bytes
    digest: str
    keeps_key: bool
    to_verify: bool


def asked(line: RemovalLine, notary: Notary) -> Asked | None:
    """The question that an open task asks today; None once it is confirmed.

    The same question has the same bytes, whenever and by whichever machine it is asked: its instant is in a header.
    """
    if line.todo is None:
        return None
    request, todo = line.request, line.todo
    body = to_json(_message(line, todo))
    return Asked(
        reference=request.reference, body=body, digest=notary.digest(body.decode())[:_DIGITS],
        keeps_key=todo.action is not Action.REMOVE_KEY, to_verify=todo.to_verify,
    )  # fmt: skip


def _message(line: RemovalLine, todo: RemovalTodo) -> dict[str, Any]:
    request = line.request
    return {
        "reference": request.reference,
        "action": ACTIONS[todo.action],
        "kind": line.kind.value,
        "uai": request.uai,
        "person": {"nom": request.nom, "prenom": request.prenom, "mail": request.mail},
        "school_year": str(request.school_year),
        "expires_on": todo.expires_on,
        "kept_for": list(todo.kept_for),
        "opened_at": line.opened_at,
    }


def ping() -> bytes:
    """A question that asks for nothing: whether the server is there and takes our signature."""
    return to_json({"action": PING})
