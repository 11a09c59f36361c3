"""``oda person factor allow`` and ``remove`` (R106)."""

import pytest

from tests.kit.installation import OPERATOR, READER
from tests.portal.cli.installation import Installation

pytestmark = pytest.mark.rule("R106")


def test_remove__of_who_has_none_and_by_who_may_not(installed: Installation) -> None:
    none = installed.oda("person", "factor", "remove", OPERATOR)
    assert none.exit_code == 1
    assert "n'a pas de second facteur" in none.stderr
    refused = installed.oda("person", "factor", "remove", OPERATOR, who=f"lecteur:{READER}")
    assert refused.exit_code == 1
    assert "Seul un opérateur du rectorat peut" in refused.stderr
    unknown = installed.oda("person", "factor", "remove", "x@y.fr")
    assert unknown.exit_code == 1
    assert "people.operators" in unknown.stderr


def test_allow__an_operator_to_enrol(installed: Installation) -> None:
    assert f"{OPERATOR} peut inscrire un second facteur" in installed.done("person", "factor", "allow", OPERATOR)
    assert installed.oda("person", "factor", "allow", OPERATOR, who=f"lecteur:{READER}").exit_code == 1
    assert installed.oda("person", "factor", "allow", READER).exit_code == 1
