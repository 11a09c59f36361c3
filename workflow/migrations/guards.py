"""The database's own refusals: no state without its event, no event nor actor changed or removed (R8, R63, R64).

Written once a database, for they have no common form. A guard is never weakened by a later version: it is replaced
whole in a migration of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

NO_EVENT = "un état ne change que par un événement du journal (R8)"


FIXED = "la référence, l'établissement et l'année d'une demande ne changent pas (R8)"


NO_DELETE = "une demande ne se supprime pas (R8)"


EVENT_FIXED = "un événement du journal ne se modifie ni ne se supprime (R63)"


EVENT_TWICE = "cet événement du journal existe déjà (R63)"


NOTE_FIXED = "une note du journal ne se modifie pas (R64)"


_BORN = "NEW.version = 1 AND NEW.chain_length = 1"


_MOVED = "NEW.version = OLD.version + 1 AND NEW.chain_length = OLD.chain_length + 1"


def _event(source: str) -> str:
    """The event that a new state of a request must have."""
    return (
        "EXISTS (SELECT 1 FROM event WHERE stream = NEW.reference AND seq = NEW.chain_length"
        f" AND hash = NEW.chain_head AND to_state = NEW.state AND {source})"
    )


def _quoted(message: str) -> str:
    return "'" + message.replace("'", "''") + "'"


def _sqlite(name: str, timing: str, when: str, message: str) -> str:
    condition = f"WHEN {when} " if when else ""
    return f"CREATE TRIGGER {name} {timing} {condition}BEGIN SELECT RAISE(ABORT, {_quoted(message)}); END"


_CHANGED = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in ("state", "version", "chain_head", "chain_length"))


_RENAMED = " OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in ("reference", "uai", "school_year"))


SQLITE = (
    _sqlite(
        "guard_request_birth", "BEFORE INSERT ON delegation_request",
        f"NOT ({_BORN} AND {_event('from_state IS NULL')})"
        " OR EXISTS (SELECT 1 FROM delegation_request WHERE reference = NEW.reference)", NO_EVENT,
    ),
    _sqlite(
        "guard_request_state", "BEFORE UPDATE ON delegation_request",
        f"({_CHANGED}) AND NOT ({_MOVED} AND {_event('from_state IS OLD.state')})", NO_EVENT,
    ),
    _sqlite("guard_request_fixed", "BEFORE UPDATE ON delegation_request", _RENAMED, FIXED),
    _sqlite("guard_request_delete", "BEFORE DELETE ON delegation_request", "", NO_DELETE),
    _sqlite("guard_event_update", "BEFORE UPDATE ON event", "", EVENT_FIXED),
    _sqlite("guard_event_delete", "BEFORE DELETE ON event", "", EVENT_FIXED),
    _sqlite(
        "guard_event_twice", "BEFORE INSERT ON event",
        "EXISTS (SELECT 1 FROM event WHERE stream = NEW.stream AND seq = NEW.seq)", EVENT_TWICE,
    ),
    _sqlite("guard_note_update", "BEFORE UPDATE ON event_note", "", NOTE_FIXED),
    _sqlite(
        "guard_note_twice", "BEFORE INSERT ON event_note",
        "EXISTS (SELECT 1 FROM event_note WHERE stream = NEW.stream AND seq = NEW.seq AND field = NEW.field)",
        NOTE_FIXED,
    ),
)  # fmt: skip


def _function(name: str, when: str, message: str) -> str:
    raised = f"RAISE EXCEPTION USING MESSAGE = {_quoted(message)}, ERRCODE = 'integrity_constraint_violation';"
    body = f"IF {when} THEN {raised} END IF; RETURN NEW;" if when else raised
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _postgresql(name: str, timing: str, when: str, message: str, each: str = "ROW") -> tuple[str, str]:
    trigger = f"CREATE TRIGGER {name} {timing} FOR EACH {each} EXECUTE FUNCTION {name}()"
    return _function(name, when, message), trigger


def _distinct(condition: str) -> str:
    """SQLite's null-safe comparisons in PostgreSQL's words."""
    return condition.replace(" IS NOT OLD.", " IS DISTINCT FROM OLD.").replace(
        "IS OLD.state", "IS NOT DISTINCT FROM OLD.state"
    )


POSTGRESQL = tuple(
    statement
    for pair in (
        _postgresql(
            "guard_request_birth", "BEFORE INSERT ON delegation_request",
            f"NOT ({_BORN} AND {_event('from_state IS NULL')})", NO_EVENT,
        ),
        _postgresql(
            "guard_request_state", "BEFORE UPDATE ON delegation_request",
            _distinct(f"({_CHANGED}) AND NOT ({_MOVED} AND {_event('from_state IS OLD.state')})"), NO_EVENT,
        ),
        _postgresql("guard_request_fixed", "BEFORE UPDATE ON delegation_request", _distinct(_RENAMED), FIXED),
        _postgresql("guard_request_delete", "BEFORE DELETE ON delegation_request", "", NO_DELETE),
        _postgresql("guard_request_truncate", "BEFORE TRUNCATE ON delegation_request", "", NO_DELETE, "STATEMENT"),
        _postgresql("guard_event_fixed", "BEFORE UPDATE OR DELETE ON event", "", EVENT_FIXED),
        _postgresql("guard_event_truncate", "BEFORE TRUNCATE ON event", "", EVENT_FIXED, "STATEMENT"),
        _postgresql("guard_note_update", "BEFORE UPDATE ON event_note", "", NOTE_FIXED),
    )
    for statement in pair
)  # fmt: skip


ACTOR_FIXED = "qui porte un numéro du journal ne se modifie ni ne se supprime (R64)"


ACTORS_SQLITE = (
    _sqlite("guard_actor_update", "BEFORE UPDATE ON actor", "", ACTOR_FIXED),
    _sqlite("guard_actor_delete", "BEFORE DELETE ON actor", "", ACTOR_FIXED),
    _sqlite(
        "guard_actor_twice", "BEFORE INSERT ON actor",
        "EXISTS (SELECT 1 FROM actor WHERE number = NEW.number OR key = NEW.key)", ACTOR_FIXED,
    ),
)  # fmt: skip


ACTORS_POSTGRESQL = (
    *_postgresql("guard_actor_fixed", "BEFORE UPDATE OR DELETE ON actor", "", ACTOR_FIXED),
    *_postgresql("guard_actor_truncate", "BEFORE TRUNCATE ON actor", "", ACTOR_FIXED, "STATEMENT"),
)


ERASED = "ce qui est effacé le reste, et ne s'efface que d'une demande révoquée, en entier (R110)"


_BLANK = ("prenom", "mail", "folded_mail", "person", "sorted_name", "chef_name", "delegation_why", "listing_source",
          "listing_seen", "delegation_source", "delegation_seen", "drane_seen", "last_actor")  # fmt: skip
"""The columns of an erased request that are empty; ``nom`` says that it is erased."""


_ERASED_WHOLE = " AND ".join(
    ("NEW.state = 'revoked'", "NEW.nom = 'Identité effacée'", *(f"NEW.{column} = ''" for column in _BLANK))
)


_BECOMES_NOBODY = (
    "NEW.number = OLD.number AND NEW.key = 'erased:' || OLD.number AND NEW.label = 'n° ' || OLD.number || ', nom effacé'"
    " AND NEW.nonce = ''"
    " AND OLD.key NOT IN ('schedule', 'connector') AND substr(OLD.key, 1, 7) <> 'erased:'"
)
"""The one change of an actor: who stood behind the number is forgotten, with the salt of the journal's commitment to it
(R109). The software's own actors stay."""


ERASURES_SQLITE = (
    "DROP TRIGGER guard_actor_update",
    _sqlite("guard_actor_update", "BEFORE UPDATE ON actor", f"NOT ({_BECOMES_NOBODY})", ACTOR_FIXED),
    _sqlite("guard_request_erased", "BEFORE UPDATE ON delegation_request", "OLD.erased_at IS NOT NULL", ERASED),
    _sqlite(
        "guard_request_erasure", "BEFORE UPDATE ON delegation_request",
        f"NEW.erased_at IS NOT NULL AND NOT ({_ERASED_WHOLE})", ERASED,
    ),
)  # fmt: skip


ERASURES_POSTGRESQL = (
    "DROP TRIGGER guard_actor_fixed ON actor",
    "DROP FUNCTION guard_actor_fixed()",
    *_postgresql("guard_actor_update", "BEFORE UPDATE ON actor", f"NOT ({_BECOMES_NOBODY})", ACTOR_FIXED),
    *_postgresql("guard_actor_delete", "BEFORE DELETE ON actor", "", ACTOR_FIXED),
    *_postgresql("guard_request_erased", "BEFORE UPDATE ON delegation_request", "OLD.erased_at IS NOT NULL", ERASED),
    *_postgresql(
        "guard_request_erasure", "BEFORE UPDATE ON delegation_request",
        f"NEW.erased_at IS NOT NULL AND NOT ({_ERASED_WHOLE})", ERASED,
    ),
)  # fmt: skip


def create_erasure_guards(connection: Connection) -> None:
    """Let what is personal be forgotten, and that alone, since version 0036 (R110)."""
    for statement in ERASURES_SQLITE if connection.dialect.name == "sqlite" else ERASURES_POSTGRESQL:
        connection.exec_driver_sql(statement)


def create_actor_guards(connection: Connection) -> None:
    """Keep what each number of the journal stands for, since version 0006."""
    for statement in ACTORS_SQLITE if connection.dialect.name == "sqlite" else ACTORS_POSTGRESQL:
        connection.exec_driver_sql(statement)


@contextmanager
def without_actor_guards(connection: Connection) -> Iterator[None]:
    """Take away the guards of version 0006 while the body runs, and put them back."""
    is_sqlite = connection.dialect.name == "sqlite"
    for name in ("update", "delete", "twice") if is_sqlite else ("fixed", "truncate"):
        if is_sqlite:
            connection.exec_driver_sql(f"DROP TRIGGER guard_actor_{name}")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER guard_actor_{name} ON actor")
            connection.exec_driver_sql(f"DROP FUNCTION guard_actor_{name}()")
    yield
    create_actor_guards(connection)


SEAL_FIXED = "un sceau du journal ne se modifie ni ne se supprime (R109)"


def create_seal_guards(connection: Connection) -> None:
    """Keep each seal, its heads and its key, since version 0035."""
    for table in ("journal_seal", "journal_seal_head", "journal_signing_key"):
        for timing, short in (("UPDATE", "update"), ("DELETE", "delete")):
            name, when = f"guard_{table}_{short}", f"BEFORE {timing} ON {table}"
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(_sqlite(name, when, "", SEAL_FIXED))
            else:
                for statement in _postgresql(name, when, "", SEAL_FIXED):
                    connection.exec_driver_sql(statement)


def create_guards(connection: Connection) -> None:
    """Put every guard in place."""
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        connection.exec_driver_sql(statement)
