"""``oda journal list``: the security journal on a terminal, for a program, in a file (R108)."""

import json
from pathlib import Path

import pytest

from tests.kit.installation import OPERATOR, READER
from tests.portal.cli.installation import Installation

pytestmark = pytest.mark.rule("R108")


def test_list__in_words_and_for_a_program(installed: Installation, tmp_path: Path) -> None:
    file = tmp_path / "liste.csv"
    assert installed.oda("establishment", "list", "--departement", "31", "-o", str(file)).exit_code == 0
    listed = installed.oda("journal", "list", "--about", "export")
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert "liste emportée" in listed.stdout
    assert "les établissements" in listed.stdout
    (event,) = json.loads(installed.oda("journal", "list", "--kind", "exported", "--json").stdout)
    assert event["data"] == {"filters": "departement=31", "format": "csv", "list": "establishments", "rows": 0}
    assert (event["role"], event["origins"]) == ("operator", [])


def test_list__is_narrowed_and_goes_on(installed: Installation, tmp_path: Path) -> None:
    for number in range(3):
        installed.oda("establishment", "list", "-o", str(tmp_path / f"{number}.ods"))
    first = installed.oda("journal", "list", "--kind", "exported", "--limit", "2")
    assert "La suite : ajouter --after" in first.stderr
    after = first.stderr.split()[-1]
    rest = json.loads(installed.oda("journal", "list", "--kind", "exported", "--after", after, "--json").stdout)
    assert len(rest) == 1
    assert installed.oda("journal", "list", "--who", "personne").stdout == "Aucun événement ne correspond.\n"
    assert len(json.loads(installed.oda("journal", "list", "--who", OPERATOR, "--json").stdout)) == 3
    none = installed.oda("journal", "list", "--since", "01/01/2031", "--until", "02/01/2031")
    assert none.stdout == "Aucun événement ne correspond.\n"


def test_list__as_a_file_is_an_event_itself(installed: Installation, tmp_path: Path) -> None:
    written = installed.oda("journal", "list", "--who", "Dupont", "-o", str(tmp_path / "journal.xlsx"))
    assert written.exit_code == 0
    (event,) = json.loads(installed.oda("journal", "list", "--kind", "exported", "--json").stdout)
    assert event["data"]["list"] == "security"
    assert event["data"]["filters"] == "who=*"


def test_list__is_for_operators(installed: Installation) -> None:
    refused = installed.oda("journal", "list", who=f"lecteur:{READER}")
    assert refused.exit_code == 1
    assert "lire le journal de sécurité" in refused.stderr
