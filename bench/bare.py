"""The bare rows of one revocation, written with no rule: what the floor and the peers write.

The standard library alone, for the peers run in an environment that has nothing of ours.
"""

import hashlib
import json
from typing import Any

SCHOOL_YEAR, LAST_DAY = "2026-2027", "2027-08-31"

EVENT = ("stream", "seq", "kind", "from_state", "to_state", "actor", "role", "at", "canonical", "hash")
MAIL = (
    "kind", "audience", "uai", "recipient", "context", "priority", "created_at", "not_after", "stage", "attempts",
    "next_attempt_at",
)  # fmt: skip
CHANGED = ("state", "version", "changed_at", "last_trigger", "last_actor", "written_by", "chain_head", "chain_length")


def insertion(table: str, columns: tuple[str, ...], mark: str = "%s") -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})"


def change(mark: str = "%s") -> str:
    sets = ", ".join(f"{name} = {mark}" for name in CHANGED)
    return f"UPDATE delegation_request SET {sets} WHERE reference = {mark}"


def event_of(row: Any, at: Any) -> tuple[Any, ...]:
    """The text of an expiry, as long as the real one, and its hash. ``row`` has the request's columns."""
    seq = row.chain_length + 1
    text = json.dumps({
        "actor": 1, "at": "2027-09-01T00:00:00.000000Z", "channel": "schedule",
        "data": {"last_day": LAST_DAY, "removal": "remove_rights"}, "from": "code_issued", "kind": "expire",
        "notes": {}, "prev": row.chain_head, "role": "schedule", "seq": seq, "stream": row.reference, "to": "revoked",
        "v": 1,
    })  # fmt: skip
    return (row.reference, seq, "expire", "code_issued", "revoked", 1, "schedule", at, text,
            hashlib.sha256(text.encode()).hexdigest())  # fmt: skip


def changed_by(row: Any, event: tuple[Any, ...], at: Any) -> tuple[Any, ...]:
    """What ``change`` is given for a request whose event is written."""
    return (
        "revoked",
        row.version + 1,
        at,
        "expire",
        "l'échéancier",
        "0.0.0",
        event[-1],
        row.chain_length + 1,
        row.reference,
    )


def mail_of(uai: str, rows: Any, at: Any) -> tuple[Any, ...]:
    """One mail to an establishment about these requests."""
    context = {
        "establishment": {"uai": uai, "nom": "Collège n° 0", "commune": "Toulouse"},
        "year": {"label": SCHOOL_YEAR, "last_day": LAST_DAY, "is_default": True},
        "rupns": [
            {"rupn": {"nom": r.nom, "prenom": r.prenom, "mail": r.mail}, "reference": r.reference, "had_key": True,
             "delegated": False} for r in rows
        ],
    }  # fmt: skip
    return ("year_end", "establishment", uai, f"ce.{uai.lower()}@ac-toulouse.fr", json.dumps(context), 5, at, at,
            "pending", 0, at)  # fmt: skip
