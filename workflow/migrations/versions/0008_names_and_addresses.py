"""names and addresses: letters that fold otherwise are folded anew, a mailbox that no relay takes is none

A number of the journal keeps its actor as it was: who signs in again under a name that folds otherwise has another.
"""

import hashlib
import re
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import person_key as former_person_key

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


_SLICE = 500


def upgrade() -> None:
    connection = op.get_bind()
    _fold_anew(connection)
    _empty_unusable_mailboxes(connection)


def _fold_anew(connection: sa.Connection) -> None:
    """Write again what was folded of a name that is not plain, and the proof of a check that saw its chef."""
    names = "reference, nom, prenom, mail, school_year, delegated_on, delegation_why, chef_name, delegation_seen"
    rows = connection.execute(sa.text(f"SELECT {names}, person, sorted_name FROM delegation_request")).mappings().all()
    plain = [(row, _of_row(row)) for row in rows if not f"{row['nom']}{row['prenom']}{row['chef_name']}".isascii()]
    changed = [values for row, values in plain if any(row[name] != value for name, value in values.items())]
    mend = sa.text(
        "UPDATE delegation_request SET person = :person, sorted_name = :sorted_name,"
        " delegation_seen = :delegation_seen WHERE reference = :reference"
    )
    for start in range(0, len(changed), _SLICE):
        connection.execute(mend, changed[start : start + _SLICE])


def _of_row(row: Any) -> dict[str, Any]:
    seen = row["delegation_seen"]
    if seen == _digest(row, former_person_key(row["chef_name"], "")):
        seen = _digest(row, person_key(row["chef_name"], ""))
    return {
        "reference": row["reference"], "person": person_key(row["nom"], row["prenom"]),
        "sorted_name": f"{fold(row['nom'])} {fold(row['prenom'])}", "delegation_seen": seen,
    }  # fmt: skip


def _digest(row: Any, chef: str) -> str:
    parts = [row[n] for n in ("nom", "prenom", "mail", "school_year", "delegated_on", "delegation_why")]
    return hashlib.sha256("\x1f".join(str(part) for part in (*parts, chef)).encode()).hexdigest()[:32]


def _empty_unusable_mailboxes(connection: sa.Connection) -> None:
    """Make an establishment whose mailbox has an accent one without a mailbox: lists and declarations say so (R13).

    The directory's is emptied with an operator's: a code must not leave for an address that he had replaced.
    """
    for row in connection.execute(sa.text("SELECT uai, mailbox, set_mailbox FROM establishment")).all():
        set_mailbox = row.set_mailbox if (row.set_mailbox or "").isascii() else None
        mailbox = row.mailbox if f"{row.mailbox}{row.set_mailbox}".isascii() else None
        if (mailbox, set_mailbox) != (row.mailbox, row.set_mailbox):
            connection.execute(
                sa.text("UPDATE establishment SET mailbox = :mailbox, set_mailbox = :set_mailbox WHERE uai = :uai"),
                {"uai": row.uai, "mailbox": mailbox, "set_mailbox": set_mailbox},
            )


_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


_PLAIN = {
    "ı": "i", "ȷ": "j", "œ": "oe", "æ": "ae", "ð": "d", "þ": "th", "ŋ": "n", "ĸ": "k", "ə": "e", "ǝ": "e", "ɛ": "e",
    "ɔ": "o",
}  # fmt: skip


_WITH_SOMETHING = re.compile(r"LATIN SMALL LETTER ([A-Z]) WITH .+")


def fold(text: str) -> str:
    """A name without case, accents, hyphens, apostrophes, each letter plain (R17)."""
    seen = "".join(c for c in text if not _is_pasted(c))
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", seen).casefold())
    return " ".join("".join(map(_folded, folded)).split())


def person_key(nom: str, prenom: str) -> str:
    return " ".join(sorted(f"{fold(nom)} {fold(prenom)}".split()))


def _is_pasted(character: str) -> bool:
    if _IGNORABLE.match(character):
        return True
    return unicodedata.category(character) == "Cf" and unicodedata.bidirectional(character) in ("BN", "L", "R", "AL")


def _folded(character: str) -> str:
    if unicodedata.combining(character):
        return ""
    if plain := _PLAIN.get(character):
        return plain
    if with_something := _WITH_SOMETHING.fullmatch(unicodedata.name(character, "")):
        return with_something[1].lower()
    return character if unicodedata.category(character)[0] in "LMN" and character not in "'’‘ʼʻʽʾʿ" else " "
