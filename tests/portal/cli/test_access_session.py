"""``oda session``: listed, ended by number or by whose they are (R107)."""

import json

import pytest
from sqlalchemy import insert

from notifications.ports import SystemClock
from tests.kit.installation import OPERATOR, READER
from tests.portal.cli.installation import Installation
from workflow.app import open_database
from workflow.database.access_tables import SESSIONS
from workflow.settings.loader import load_settings
from workflow.settings.secrets import digest

pytestmark = pytest.mark.rule("R107")


@pytest.fixture
def signed_in(installed: Installation) -> Installation:
    """Two sessions of an operator, one of a reader."""
    now = SystemClock().now()
    database = open_database(load_settings(installed.config), {})
    with database.write() as connection:
        for number, (role, subject) in enumerate((("operator", OPERATOR), ("operator", OPERATOR), ("reader", READER))):
            row = {"digest": digest(str(number)), "role": role, "subject": subject, "name": "", "provider": ""}
            instants = {
                "created_at": now,
                "seen_at": now,
                "proved_at": now,
                "expires_at": now.replace(year=now.year + 1),
            }
            means = {"method": "mail_link", "browser": "Firefox sur Windows"}
            connection.execute(insert(SESSIONS).values(row | instants | means))
    database.dispose()
    return installed


def test_session__listed_then_ended(signed_in: Installation) -> None:
    listed = json.loads(signed_in.done("session", "list", "--json"))
    assert [(session["number"], session["subject"]) for session in listed] == [
        (3, READER),
        (2, OPERATOR),
        (1, OPERATOR),
    ]
    assert digest("0") not in str(listed)
    assert "Firefox sur Windows" in signed_in.done("session", "list")
    assert len(json.loads(signed_in.done("session", "list", "--of", READER, "--json"))) == 1
    assert signed_in.done("session", "end", "3") == "La connexion n° 3 a pris fin.\n"
    again = signed_in.oda("session", "end", "3")
    assert again.exit_code == 1
    assert "Aucune connexion ouverte ne porte le n° 3" in again.stderr
    assert signed_in.done("session", "end", "--of", OPERATOR) == f"{OPERATOR} : 2 connexions ont pris fin.\n"
    assert signed_in.done("session", "end", "--of", OPERATOR) == f"{OPERATOR} : aucune connexion n'était ouverte.\n"
    assert signed_in.done("session", "list") == "Aucune connexion ouverte.\n"
    assert "tout tient" in signed_in.done("journal", "verify")


def test_session__is_for_operators_and_wants_one_thing(signed_in: Installation) -> None:
    for action in (("session", "list"), ("session", "end", "1"), ("session", "end", "--of", OPERATOR)):
        refused = signed_in.oda(*action, who=f"lecteur:{READER}")
        assert refused.exit_code == 1
        assert "Seul un opérateur du rectorat peut" in refused.stderr
    assert signed_in.oda("session", "end").exit_code == 2
    assert signed_in.oda("session", "end", "1", "--of", OPERATOR).exit_code == 2
