"""A closed list made longer: its CHECK replaced, on each database in its own way."""

import re

import sqlalchemy as sa
from alembic import op


def widen(table: str, column: str, values: tuple[str, ...]) -> None:
    """Let ``column`` hold these values and no other; all that it holds must be among them.

    PostgreSQL replaces a constraint. SQLite cannot, and to copy the table would break the keys that point to it: its
    manual's other way is taken, which rewrites the definition alone (lang_altertable.html, « 7. Making Other Kinds Of
    Table Schema Changes »), inside the same transaction.
    """
    name = f"ck_{table}_{column}"
    condition = f"{column} IN ({', '.join(repr(value) for value in values)})"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, condition)
    else:
        _rewrite(table, name, condition)


def constrain(table: str, name: str, rule: str) -> None:
    """Add a constraint that every row meets already, in the same two ways."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule}"))
        return
    before = _definition(table)
    _define(table, f"{before.rstrip().removesuffix(')').rstrip()}, \n\tCONSTRAINT {name} {rule}\n)")


def _rewrite(table: str, name: str, condition: str) -> None:
    before = _definition(table)
    after, count = re.subn(rf"(CONSTRAINT {name} CHECK) \([^()]*\([^()]*\)\)", rf"\1 ({condition})", before)
    if count != 1:
        raise RuntimeError(f"{table}: {name} is not as the earlier versions made it")
    _define(table, after)


def _definition(table: str) -> str:
    found = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    return str(op.get_bind().execute(found, {"table": table}).scalar_one())


def _define(table: str, definition: str) -> None:
    connection = op.get_bind()
    version = int(connection.exec_driver_sql("PRAGMA schema_version").scalar_one())
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table")
    connection.execute(changed, {"sql": definition, "table": table})
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
