"""The database itself refuses what the write path would not do (R8, R63)."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from workflow.database import Database


@pytest.mark.rule("R8", "R63")
def test_guards__present_on_both(database: Database) -> None:
    with database.write() as c:
        c.execute(text("INSERT INTO establishment (uai, nom, kind, commune, departement, is_open, is_listed)"
                       " VALUES ('0310001H', 'x', '', '', '31', true, true)"))  # fmt: skip
    with pytest.raises(DBAPIError, match="R8"), database.write() as c:
        c.execute(text(
            "INSERT INTO delegation_request (reference, uai, school_year, state, version, nom, prenom, mail, folded_mail,"
            " person, chef_name, delegation_why, listing_source, listing_seen, delegation_source, delegation_seen,"
            " acted_on_behalf, created_at, changed_at, last_trigger, last_actor, chain_head, chain_length) VALUES"
            " ('ODA-2027-00001', '0310001H', '2026-2027', 'declared', 1, 'a', 'b', 'c', 'c', 'a b', '', '', '', '', '',"
            " '', '', '2026-09-01 00:00:00+00:00', '2026-09-01 00:00:00+00:00', 'declare', 'x', 'h', 1)"))  # fmt: skip
