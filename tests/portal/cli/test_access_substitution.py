"""``oda substitution`` and ``oda binding``: listed, ended, for operators (R103, R114)."""

import json
from pathlib import Path

import pytest
from sqlalchemy import insert

from tests.kit import factories as make
from tests.kit.installation import OPERATOR, READER
from tests.portal.cli.desk import AS_READER, open_desk
from workflow.database.access_tables import BINDING, SUBSTITUTION


@pytest.mark.rule("R114", "R103")
def test_substitution_and_binding__listed_then_ended_by_operators_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(tmp_path, monkeypatch) as desk:

        def done(*args: str) -> str:
            result = desk.oda(*args)
            assert result.exit_code == 0, result.output
            return result.stdout

        days = {"first_day": make.NOW.date(), "last_day": make.NOW.date(), "given_at": make.NOW, "role": "operator"}
        names = {"giver": OPERATOR, "giver_name": "", "substitute": READER, "substitute_name": ""}
        bound = {"identity": "x", "uai": make.UAI, "provider": "ProConnect", "name": "Claire Martin"}
        with desk.app.database.write() as connection:
            connection.execute(insert(SUBSTITUTION).values(names | days))
            connection.execute(insert(BINDING).values(bound | {"bound_at": make.NOW}))
        for name, column, value in (("substitution", "of", OPERATOR), ("binding", "uai", make.UAI)):
            for action in ((name, "list"), (name, "end", "1")):
                refused = desk.oda(*action, who=AS_READER)
                assert refused.exit_code == 1
                assert "opérateur" in refused.stderr
            (listed,) = json.loads(done(name, "list", "--json"))
            assert (listed["number"], listed[column]) == (1, value)
            assert "n° 1" in done(name, "end", "1")
            again = desk.oda(name, "end", "1")
            assert again.exit_code == 1
            assert f"oda {name} list" in again.stderr
            assert json.loads(done(name, "list", "--json")) == []
        assert json.loads(done("binding", "list", "--uai", make.UAI.lower(), "--json")) == []
        assert "tout tient" in done("journal", "verify")
