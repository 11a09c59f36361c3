import json

import pytest

from portal.cli.errors import ExitCode
from tests.kit.installation import READER
from tests.portal.cli.installation import Installation
from tests.workflow.directory.files import file_of, row, uai_of

FIRST = "0310001H"
SET = ("establishment", "set-mailbox")


@pytest.fixture
def filled(installed: Installation) -> Installation:
    content = file_of(
        row(nom="Collège Jean-Moulin"), row(uai_of(2), nom="Lycée Fermat", mail="", departement="082"),
        row(uai_of(3), etat="FERMÉ"),
    )  # fmt: skip
    installed.done("import", "establishments", installed.write(content))
    return installed


def listed(filled: Installation, *args: str, **how: str) -> list[str]:
    return [
        establishment["uai"]
        for establishment in json.loads(filled.done("establishment", "list", "--json", *args, **how))
    ]


@pytest.mark.rule("R12", "R13")
def test_list__filters(filled: Installation) -> None:
    assert listed(filled) == [FIRST, uai_of(2)]
    assert listed(filled, "--closed") == [uai_of(3)]
    assert listed(filled, "--all") == [FIRST, uai_of(2), uai_of(3)]
    assert listed(filled, "--departement", "82") == [uai_of(2)]
    assert listed(filled, "--without-mailbox") == [uai_of(2)]
    assert listed(filled, "--search", "moulin") == [FIRST]
    assert listed(filled, "--after", FIRST.lower()) == [uai_of(2)]
    assert listed(filled, who="chef:0310002J") == [uai_of(2)]


def test_list__page_says_how_to_go_on(filled: Installation) -> None:
    result = filled.oda("establishment", "list", "--limit", "1")
    assert result.stdout.splitlines() == [
        "UAI       Nom                  Commune   Dép.  Boîte                       Ouvert  En cours",
        "0310001H  Collège Jean-Moulin  Toulouse  31    ce.0310001h@ac-toulouse.fr  oui     0",
    ]
    assert result.stderr == "La suite : ajouter --after 0310001H\n"
    assert filled.done("establishment", "list", "--search", "zzz") == "Aucun établissement ne correspond.\n"


def test_list__wrong_options(filled: Installation) -> None:
    for args, complaint in (
        (["--closed", "--all"], "--closed et --all ne vont pas ensemble."),
        (["--departement", "ZZ"], "« ZZ » n'est pas un code de département"),
    ):
        result = filled.oda("establishment", "list", *args)
        assert (result.exit_code, complaint in result.stderr) == (ExitCode.USAGE, True)


@pytest.mark.rule("R14")
def test_show__one(filled: Installation) -> None:
    filled.done(*SET, FIRST, "vie@ac-toulouse.fr", "--why", "annuaire faux")
    text = filled.done("establishment", "show", "031 0001h", who=f"lecteur:{READER}")
    assert "Boîte : vie@ac-toulouse.fr\n" in text
    assert "Boîte de l'annuaire : ce.0310001h@ac-toulouse.fr\n" in text
    assert text.endswith("\nAucune demande.\n")
    (establishment,) = json.loads(filled.done("establishment", "show", FIRST, "--json"))
    assert (establishment["set_mailbox"], establishment["requests"]) == ("vie@ac-toulouse.fr", [])


@pytest.mark.rule("R11")
def test_show__unknown(filled: Installation) -> None:
    result = filled.oda("establishment", "show", "0310001A")
    assert result.exit_code == ExitCode.REFUSED
    assert "L'UAI « 0310001A » n'est pas dans l'annuaire (R11). Que faire : Vérifier l'UAI : la lettre" in result.stderr


@pytest.mark.rule("R14")
def test_set_mailbox__and_clear(filled: Installation) -> None:
    why = ("--why", "annuaire faux")
    subject = "Boîte de 0310001H (Collège Jean-Moulin) : "
    own = "ce.0310001h@ac-toulouse.fr"
    first, waits = filled.done(*SET, FIRST, "vie@ac-toulouse.fr", *why).splitlines()
    assert first == f"{subject}{own} → vie@ac-toulouse.fr."
    assert "sauf si un autre opérateur la confirme : « oda establishment confirm-mailbox 0310001H »" in waits
    again = filled.done(*SET, FIRST, "vie@ac-toulouse.fr", *why).splitlines()[0]
    assert again == f"{subject}vie@ac-toulouse.fr ; c'était déjà le cas, rien n'a changé."
    assert "vous-même" in filled.oda("establishment", "confirm-mailbox", FIRST).stderr
    assert filled.done(*SET, FIRST, "--clear", *why) == f"{subject}vie@ac-toulouse.fr → {own}.\n"


@pytest.mark.rule("R37")
def test_new_chef__ends_what_opened_the_portal_to_the_former_one(filled: Installation) -> None:
    subject = "Chef d'établissement de 0310001H (Collège Jean-Moulin) : "
    named = ("establishment", "new-chef", FIRST, "--name")
    assert filled.done(*named, "Anne Vidal") == f"{subject}(inconnu) → Anne Vidal.\n"
    assert filled.done(*named, "Mme Vidal Anne") == f"{subject}Anne Vidal ; c'était déjà le cas, rien n'a changé.\n"
    filled.done("token", "create", "--for", f"chef:{FIRST}", "--scope", "act", "--days", "30", "--label", "SIGB")
    assert filled.done(*named, "Brigitte Nouvelle") == f"{subject}Anne Vidal → Brigitte Nouvelle.\n"
    (token,) = json.loads(filled.done("token", "list", "--json"))
    assert token["revoked_at"]
    assert "Le nom" in filled.oda(*named, "4").stderr
    assert filled.oda(*named, "Anne Vidal", who=f"chef:{FIRST}").exit_code == ExitCode.REFUSED


@pytest.mark.rule("R14", "R2")
def test_set_mailbox__refused(filled: Installation) -> None:
    result = filled.oda(*SET, FIRST, "rien", "--why", " ")
    assert result.exit_code == ExitCode.REFUSED
    assert result.stderr.count("(R14)") == 2
    assert filled.oda(*SET, FIRST, "a@x.fr", "--why", "x", who="chef:0310001H").exit_code == ExitCode.REFUSED
    for args in (["a@x.fr", "--clear", "--why", "x"], ["--why", "x"], ["a@x.fr"]):
        assert filled.oda(*SET, FIRST, *args).exit_code == ExitCode.USAGE
