"""``oda token``: made, listed, revoked; the secret goes to the standard output, once (R76)."""

import json

import pytest

from tests.kit.installation import READER
from tests.portal.cli.installation import Installation

CREATE = ("token", "create", "--for", f"lecteur:{READER}", "--scope", "read", "--label", "tableau de bord")


@pytest.mark.rule("R76")
def test_token__from_its_making_to_its_end(installed: Installation) -> None:
    result = installed.oda(*CREATE)
    assert result.exit_code == 0, result.output
    secret = result.stdout.strip()
    assert secret.startswith("oda_")
    assert secret not in result.stderr
    assert f"Jeton n° 1 (« tableau de bord ») pour {READER} : lire, jusqu'au" in result.stderr
    listed = installed.done("token", "list", "--json")
    assert secret not in listed
    (token,) = json.loads(listed)
    assert (token["id"], token["scope"], token["subject"], token["status"]) == (1, "read", READER, "en vigueur")
    assert "digest" not in token
    assert installed.done("token", "revoke", "1") == "Jeton n° 1 (« tableau de bord ») révoqué.\n"
    assert "révoqué" in installed.done("token", "list")
    again = installed.oda("token", "revoke", "1")
    assert again.exit_code == 1
    assert "Aucun jeton en vigueur ne porte le n° 1" in again.stderr
    assert "tout tient" in installed.done("journal", "verify")


@pytest.mark.rule("R2", "R76")
@pytest.mark.parametrize("action", [CREATE, ("token", "list"), ("token", "revoke", "1")])
def test_token__is_for_operators(installed: Installation, action: tuple[str, ...]) -> None:
    done = installed.oda(*action, who=f"lecteur:{READER}")
    assert done.exit_code == 1
    assert "Seul un opérateur du rectorat peut" in done.stderr
    assert done.stdout == ""


@pytest.mark.rule("R76")
def test_token__of_somebody_unknown(installed: Installation) -> None:
    done = installed.oda("token", "create", "--for", "lecteur:x@y.fr", "--scope", "act", "--label", "essai")
    assert done.exit_code == 1
    assert "people.readers" in done.stderr
    assert installed.done("token", "list") == "Aucun jeton.\n"
