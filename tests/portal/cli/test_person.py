"""``oda person`` and ``oda retention``: told, foreseen, erased, with what stays and why (R110, R111)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from states import commands as c
from states.vocabulary import RemovalOutcome, RevokeReason, State
from tests.kit import factories as make
from tests.kit.installation import OPERATOR
from tests.portal.cli.desk import AS_READER, Desk, open_desk
from workflow.auth.actors import remember_chef


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as opened:
        yield opened


def ended(desk: Desk) -> str:
    """A request whose removal is confirmed."""
    reference = desk.office.request(State.CODE_ISSUED)
    desk.office.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE, note="elle part"))
    desk.office.do(c.ConfirmRemoval(reference=reference, outcome=RemovalOutcome.REMOVED))
    return reference


@pytest.mark.rule("R111")
def test_access__everything_in_words_and_in_json(desk: Desk) -> None:
    reference = ended(desk)
    result = desk.oda("person", "access", make.MAIL)
    assert result.exit_code == 0, result.output
    assert f"Ce qui est gardé de {make.MAIL}" in result.stdout
    assert f"Demande {reference}" in result.stdout
    assert "elle part" in result.stdout
    answer = json.loads(desk.oda("person", "access", make.MAIL, "--json").stdout)
    assert answer["requests"][0]["title"] == f"Demande {reference}"
    assert "Rien." in desk.oda("person", "access", "zoe.inconnue@ac-toulouse.fr").stdout
    assert desk.oda("person", "access", make.MAIL, who=AS_READER).exit_code == 1
    assert desk.oda("person", "access", "pas une adresse").exit_code == 2


@pytest.mark.rule("R111")
def test_erase__foreseen_confirmed_done_and_noted(desk: Desk) -> None:
    reference = ended(desk)
    foreseen = desk.oda("person", "erase", make.MAIL, "--dry-run")
    assert foreseen.exit_code == 0, foreseen.output
    assert "identités dans des demandes : 1" in foreseen.stdout
    assert "Reste : le journal" in foreseen.stdout
    unconfirmed = desk.oda("person", "erase", make.MAIL)
    assert unconfirmed.exit_code == 2
    assert "--yes" in unconfirmed.stderr
    done = desk.oda("person", "erase", make.MAIL, "--yes")
    assert done.exit_code == 0, done.output
    assert "Effacé :\n  identités dans des demandes : 1" in done.stdout
    assert "erasures.txt" in done.stdout
    assert "Rien : il n'y a rien à effacer." in desk.oda("person", "erase", make.MAIL).stdout
    assert make.NOM not in desk.oda("request", "show", reference).stdout
    assert "tout tient" in desk.oda("journal", "verify").stdout


@pytest.mark.rule("R111")
def test_erase__refused_with_what_to_do(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    refused = desk.oda("person", "erase", make.MAIL, "--yes")
    assert refused.exit_code == 1
    assert f"oda request revoke {reference}" in refused.stderr
    assert "person_live" not in refused.stderr
    staff = desk.oda("person", "erase", OPERATOR, "--yes")
    assert staff.exit_code == 1
    assert "config.yaml" in staff.stderr


@pytest.mark.rule("R110")
def test_preview__of_any_day(desk: Desk) -> None:
    ended(desk)
    today = desk.oda("retention", "preview")
    assert today.exit_code == 0, today.output
    assert "identités dans des demandes : 0" in today.stdout
    later = json.loads(desk.oda("retention", "preview", "--on", "13/10/2027", "--json").stdout)
    assert (later["on"], later["requests"], later["removals_awaited"]) == ("2027-10-13", 1, 0)
    assert "12 mois, donc d'avant le 13 octobre 2026" in re.sub(
        r"\s+", " ", desk.oda("retention", "preview", "--on", "13/10/2027").stdout
    )


@pytest.mark.rule("R111")
def test_register__says_what_the_settings_say(desk: Desk) -> None:
    text = desk.oda("retention", "register").stdout
    assert "12 mois après la confirmation du retrait" in text
    assert "Le serveur ODA |" not in text
    assert "**à compléter**" in text
    config = desk.config.read_text("utf-8")
    added = "drane:\n  declaration: sent_by_us\nretention:\n  requests: 24\nremovals:\n  connector:\n    url: https://oda.fr\n"
    desk.config.write_text(config + added, "utf-8")
    text = desk.oda("retention", "register").stdout
    assert "24 mois après la confirmation du retrait" in text
    assert "| Le serveur ODA |" in text
    assert "que le rectorat transmet" in text


@pytest.mark.rule("R111")
def test_name__of_a_chef_without_an_address_and_texts_chosen(desk: Desk) -> None:
    reference = ended(desk)
    with desk.app.database.write() as connection:
        remember_chef(connection, [make.UAI], make.CHEF_NAME, is_new=True)
    result = desk.oda("person", "access", "--name", f"M. {make.CHEF_NAME.upper()}")
    assert f"Chef connu de l'établissement {make.UAI}" in result.stdout, result.output
    done = desk.oda("person", "erase", "--name", make.CHEF_NAME, "--uai", make.UAI, "--yes")
    assert f"Part : Chef connu de l'établissement {make.UAI}" in done.stdout, done.output
    assert "Effacé :\n  noms de chefs d'établissement : 1" in done.stdout
    assert "Rien : il n'y a rien à effacer." in desk.oda("person", "erase", "--name", make.CHEF_NAME).stdout
    unknown = desk.oda("person", "erase", make.MAIL, "--text", reference, "--yes")
    assert unknown.exit_code == 2, "it is the person's own request, which goes as a whole"
    for wrong in (("--name", "Martin"), (make.MAIL, "--name", make.CHEF_NAME), (), (make.MAIL, "--uai", "0310001H")):
        assert desk.oda("person", "access", *wrong).exit_code == 2
