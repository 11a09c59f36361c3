"""The end of access: sessions, sign-in links and tokens of an establishment or of a person (R73, R76)."""

from collections.abc import Set
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, select, update

from states.decision import Scalar
from states.model import Actor
from states.vocabulary import Role
from workflow.auth.actors import People
from workflow.auth.bindings import BindingEnd, end_bindings_of
from workflow.auth.second_factor import delete_factors_of_removed
from workflow.auth.sessions import end_sign_ins_of
from workflow.auth.sign_in_links import end_links
from workflow.auth.substitutions import end_substitutions_of
from workflow.auth.tokens import end_tokens_of, revoke_token
from workflow.database.access_tables import LINKS, SESSIONS, TOKENS
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

_RECTORAT: Final = (Role.OPERATOR.value, Role.READER.value)


def end_access_of_mailboxes(
    connection: Connection, hasher: JournalHasher, moved: Set[str], closed: Set[str], by: Actor, now: datetime
) -> None:
    """End what the former mailbox of these establishments opened, and the tokens and bindings of the closed ones.

    ``moved`` are those whose mailbox in force has become another; each token ended is in the journal, with its reason.
    """
    end_sign_ins_of(connection, moved, now)
    end_substitutions_of(connection, hasher, moved | closed, by, now)
    end_tokens_of(connection, hasher, moved, by, "mailbox_changed", now)
    end_tokens_of(connection, hasher, closed, by, "closed", now)
    end_bindings_of(connection, hasher, moved, by, BindingEnd.MAILBOX_CHANGED, now)
    end_bindings_of(connection, hasher, closed, by, BindingEnd.CLOSED, now)


def end_access_of_removed(connection: Connection, hasher: JournalHasher, people: People, now: datetime) -> int:
    """End for good what people have who are in the settings no more: put back, they sign in anew (R73, R76)."""
    sessions = _removed(connection, people, SESSIONS, "digest", SESSIONS.c.ended_at.is_(None))
    links = _removed(connection, people, LINKS, "digest", LINKS.c.used_at.is_(None))
    tokens = _removed(connection, people, TOKENS, "id", TOKENS.c.revoked_at.is_(None))
    factors = delete_factors_of_removed(connection, people)
    if not (sessions or links or tokens or factors):
        return 0
    by = installation.schedule_actor_in(connection)
    connection.execute(update(SESSIONS).where(SESSIONS.c.digest.in_(sessions)).values(ended_at=now))
    end_links(connection, links, now)
    for number in tokens:
        revoke_token(connection, hasher, number, by, now, "person_removed")
    data: dict[str, Scalar] = {"sessions": len(sessions), "links": len(links), "tokens": len(tokens)}
    data |= {"factors": factors} if factors else {}
    installation.record(connection, hasher, "access_ended", by, now, data)
    return len(sessions) + len(links) + len(tokens) + factors


def _removed(
    connection: Connection, people: People, table: Table, name: str, is_alive: ColumnElement[bool]
) -> list[Any]:  # fmt: skip
    """Return what tells the living rows of a table whose person is in the settings no more."""
    columns = (table.c[name], table.c.role, table.c.subject)
    rows = connection.execute(select(*columns).where(table.c.role.in_(_RECTORAT), is_alive)).all()
    return [row[0] for row in rows if not people.has(Role.of(row.role), row.subject)]
