"""Settings given by the environment: they come before the file, and what is wrong names their variable."""

from pathlib import Path

import pytest

from notifications.ports import SystemClock
from tests.workflow.settings.files import MINIMAL, written
from workflow.auth.actors import CurrentPeople
from workflow.settings.loader import load_settings
from workflow.settings.yaml_reader import SettingsError, SettingsProblem

ADDRESS = "ODA__PORTAL__ADDRESS"


def refusals(folder: Path, environ: dict[str, str], extra: str = "") -> tuple[SettingsProblem, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(folder, MINIMAL + extra), environ)
    return caught.value.problems


def test_variable__comes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL + "portal:\n  address: http://localhost:8000\n  port: 8001\n")
    settings = load_settings(path, {ADDRESS: "https://oda.ac-toulouse.fr", "PATH": "/bin", "ODA_CONFIG": "x"})
    assert settings.portal.address == "https://oda.ac-toulouse.fr"
    assert settings.portal.port == 8001
    assert dict(settings.overrides) == {ADDRESS: "https://oda.ac-toulouse.fr"}


@pytest.mark.parametrize("extra", ["", "portal:\n", "portal: null\n"])
def test_variable__a_section_that_the_file_lacks_is_made(tmp_path: Path, extra: str) -> None:
    settings = load_settings(written(tmp_path, MINIMAL + extra), {"ODA__PORTAL__ACCESSIBILITY__STATUS": "totalement"})
    assert settings.portal.accessibility.status == "totalement"


def test_variable__a_text_is_taken_as_it_is_a_list_or_a_section_as_yaml(tmp_path: Path) -> None:
    settings = load_settings(
        written(tmp_path, MINIMAL),
        {
            "ODA__MAIL__SIGNATURE": "Clés ODA : le rectorat # 1",
            "ODA__PORTAL__PROXIES": "[10.0.0.1, '::1']",
            "ODA__PORTAL": "{port: 8002}",
            "ODA__PORTAL__HOSTING": "null",
            "ODA__FOUR_EYES": "true",
        },
    )
    assert settings.mail.signature == "Clés ODA : le rectorat # 1"
    assert settings.portal.proxies == ("10.0.0.1", "::1")
    assert settings.portal.port == 8002
    assert settings.portal.hosting is None
    assert settings.four_eyes


def test_variable__empty_is_not_given(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, MINIMAL), {ADDRESS: "", "ODA__ACADEMIE__NOM": " "})
    assert settings.academie.nom == "Toulouse"
    assert not settings.overrides


def test_wrong_value__names_the_variable_and_not_the_line(tmp_path: Path) -> None:
    (problem,) = refusals(tmp_path, {"ODA__PORTAL__PORT": "huit"}, "portal:\n  port: 8000\n")
    assert (problem.line, problem.key, problem.variable) == (None, "portal.port", "ODA__PORTAL__PORT")
    error = SettingsError(tmp_path, [problem])
    assert str(error).startswith("variable ODA__PORTAL__PORT : portal.port : ")


def test_wrong_value_of_the_file__keeps_its_line(tmp_path: Path) -> None:
    (problem,) = refusals(tmp_path, {ADDRESS: "https://oda.ac-toulouse.fr"}, "portal:\n  port: huit\n")
    assert problem.line
    assert problem.variable is None


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("ODA__PORTL__ADDRESS", "vouliez-vous dire « portal » ?"),
        ("ODA__PORTAL__ADRESS", "vouliez-vous dire « address » ?"),
        ("ODA__", "ce nom n'est celui d'aucun réglage"),
        ("ODA__PORTAL____PORT", "ce nom n'est celui d'aucun réglage"),
        ("ODA__PEOPLE__OPERATORS__0", "n'est pas une section ; donner sa valeur entière"),
        ("ODA__ACADEMIE__NOM__X", "n'est pas une section ; donner sa valeur entière"),
    ],
)
def test_wrong_name__says_what_to_write(tmp_path: Path, variable: str, message: str) -> None:
    (problem,) = refusals(tmp_path, {variable: "x"})
    assert problem.variable == variable
    assert message in problem.message


def test_wrong_yaml__names_the_variable(tmp_path: Path) -> None:
    problems = refusals(tmp_path, {"ODA__PORTAL__PROXIES": "[10.0.0.1"})
    assert [problem.variable for problem in problems] == ["ODA__PORTAL__PROXIES"]
    assert "ce n'est pas du YAML" in problems[0].message


def test_secret__is_refused_and_never_quoted(tmp_path: Path) -> None:
    (problem,) = refusals(tmp_path, {"ODA__MAIL__RELAY__PASSWORD": "hunter2"})
    assert problem.variable == "ODA__MAIL__RELAY__PASSWORD"
    assert "un secret n'a pas sa place" in problem.message
    assert "hunter2" not in str(problem)


@pytest.mark.rule("R73")
def test_people_given_by_the_environment__stay_when_the_file_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL)
    people = CurrentPeople(load_settings(path, {"ODA__PEOPLE__OPERATORS": "[autre@ac-toulouse.fr]"}), SystemClock())
    written(tmp_path, MINIMAL + "four_eyes: true\n")
    assert people.read().operators == ("autre@ac-toulouse.fr",)
