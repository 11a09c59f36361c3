"""Each section's values: what is kept, what is refused and in which words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflow.settings.files import LINES, MINIMAL, loaded, only_problem, refused, written
from workflow.settings.loader import load_settings
from workflow.settings.sections import RetentionSettings, normalise_departement
from workflow.settings.yaml_reader import SettingsError


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        *[("31", "31"), ("031", "31"), ("9", "09"), ("09", "09"), ("009", "09"), ("08", "08"), ("010", "10")],
        *[
            ("2A", "2A"),
            ("02a", "2A"),
            ("ariège", "09"),
            ("Haute Garonne", "31"),
            ("620", "620"),
            ("974", "974"),
            ('"081"', "81"),
            ("'2B'", "2B"),
        ],
    ],
)
def test_departement__zeros_case_and_octal_do_not_matter(tmp_path: Path, typed: str, expected: str) -> None:
    settings = loaded(tmp_path, replace=("[031, 09]", f"[{typed}]"))
    assert settings.academie.departements == (expected,)


@pytest.mark.parametrize("code", ["", "0", "000", "96", "100", "2C", "31 ou 32", "-1", "3,1", "٣١"])
def test_departement__unknown_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="n'est pas un code de département"):
        normalise_departement(code)


@given(st.integers(1, 95), st.integers(0, 1))
def test_departement__normalised_once_and_for_all(number: int, zeros: int) -> None:
    code = normalise_departement("0" * zeros + str(number))
    assert len(code) == 2
    assert normalise_departement(code) == code == normalise_departement(f"0{code}")


def test_code_and_zone__number_or_text_or_null(tmp_path: Path) -> None:
    assert loaded(tmp_path, replace=("code: 16", "code: 4")).academie.code == "04"
    assert loaded(tmp_path, replace=("code: 16", 'code: "04"')).academie.code == "04"
    assert loaded(tmp_path, replace=("zone: C", "zone: null")).academie.zone is None
    assert loaded(tmp_path, replace=("zone: C", "zone: ~")).academie.zone is None


def test_text_values__never_guessed_by_yaml(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "charter: {version: 2026.10}\n", replace=("nom: Toulouse", "nom: no"))
    assert settings.charter.version == "2026.10"
    assert settings.academie.nom == "no"


def test_people__an_address_once_and_accounts(tmp_path: Path) -> None:
    lines = "    - Op@AC-toulouse.fr\n    - b@ac-toulouse.fr\n  accounts: {oda: OP@ac-toulouse.fr}\n"
    people = loaded(tmp_path, replace=("mail:\n", f"{lines}mail:\n")).people
    assert people.operators == ("op@ac-toulouse.fr", "b@ac-toulouse.fr")
    assert people.operator_of("oda") == "OP@ac-toulouse.fr"
    assert people.operator_of("root") is None


def test_account__must_be_an_operators(tmp_path: Path) -> None:
    lines = "  accounts:\n    oda: op@ac-toulouse.fr\n    web: x@ac-toulouse.fr\n"
    (problem,) = refused(tmp_path, MINIMAL.replace("mail:\n", f"{lines}mail:\n"))
    assert (problem.line, problem.key) == (11, "people.accounts.web")
    assert problem.message == "« x@ac-toulouse.fr » n'est pas dans people.operators"


@pytest.mark.parametrize(
    ("extra", "key", "message", "allowed"),
    [
        ("four_eyes: oui\n", "four_eyes", "« oui » n'est ni vrai ni faux", "true ou false"),
        ("four_eyes: [true]\n", "four_eyes", "ni vrai ni faux", "true ou false"),
        ("four_eyes: null\n", "four_eyes", "cette valeur ne peut pas être vide (null)", "true ou false"),
        ("key: {scope: personne}\n", "key.scope", "« personne » n'est pas admis", "person ou request"),
        ("checks: {max_age_days: trente}\n", "checks.max_age_days", "« trente » n'est pas un nombre entier", None),
        ("checks: {max_age_days: 1.5}\n", "checks.max_age_days", "« 1.5 » n'est pas un nombre entier", None),
        ("checks: {max_age_days: yes}\n", "checks.max_age_days", "« yes » n'est pas un nombre entier", None),
        ("checks: {max_age_days: {a: b}}\n", "checks.max_age_days", "un nombre entier est attendu", None),
        (f"checks: {{max_age_days: {'9' * 5000}}}\n", "checks.max_age_days", "ce nombre est trop grand", None),
        ("code: {keep_days: 0}\n", "code.keep_days", "0 est trop petit", "1 ou plus"),
        ("code: {keep_days: 400}\n", "code.keep_days", "400 est trop grand", "366 ou moins"),
        ("code: {format: '[A-'}\n", "code.format", "« [A- » n'est pas une expression régulière", "^[A-Za-z0-9]{4,16}$"),
        ("code: {format: '.*'}\n", "code.format", "cette expression accepte un code vide", "^[A-Za-z0-9]{4,16}$"),
        (
            "code: {format: '^(a+)+$'}\n",
            "code.format",
            "cette expression se lit de trop de façons",
            "^[A-Za-z0-9]{4,16}$",
        ),
        ("charter: {version: [a]}\n", "charter.version", "un texte est attendu", None),
        ("charter: {version: ''}\n", "charter.version", "ce texte est vide", None),
        ("charter: {version: ' '}\n", "charter.version", "ce texte est vide", None),
        ('charter: {version: "a\\nb"}\n', "charter.version", "ce texte doit tenir sur une seule ligne", None),
        (f"charter: {{version: {'a' * 41}}}\n", "charter.version", "ce texte est trop long", "40 caractères au plus"),
        ("charter: 2026\n", "charter", "une section est attendue", None),
        ("documentation: {links: https://a.fr}\n", "documentation.links", "une liste est attendue", None),
        ("documentation: {links: [a]}\n", "documentation.links", "une section est attendue", None),
        ("drane: {address: drane.fr}\n", "drane.address", "« drane.fr » n'est pas une adresse web", "une adresse qui"),
        ("drane: {address: 'https://[a'}\n", "drane.address", "« https://[a » n'est pas", "une adresse qui"),
        ("timezone: Europe/Toulouse\n", "timezone", "« Europe/Toulouse » n'est pas un fuseau", "par exemple Europe"),
        ("timezone: ../x\n", "timezone", "« ../x » n'est pas un fuseau", "par exemple Europe"),
        ("timezone: Europe\n", "timezone", "« Europe » n'est pas un fuseau", "par exemple Europe"),
        ("school_year: {rentree_dates: x}\n", "school_year.rentree_dates", "une section est attendue", None),
    ],
)
def test_refused_value__words_and_line(tmp_path: Path, extra: str, key: str, message: str, allowed: str | None) -> None:
    problem = only_problem(tmp_path, extra)
    assert (problem.line, problem.key) == (LINES + 1, key)
    assert problem.message.startswith(message)
    assert (problem.allowed or "").startswith(allowed or "")
    assert (problem.allowed is None) == (allowed is None)


def test_quoted_value__cut_and_without_control_characters(tmp_path: Path) -> None:
    problem = only_problem(tmp_path, 'checks: {max_age_days: "\\e[31m' + "x" * 200 + '"}\n')
    assert problem.message.startswith("« ·[31mxxx")
    assert len(problem.message) < 100


@pytest.mark.parametrize("items", ["[]", "['']", "[null]", "['a@b.fr', 3]"])
def test_operators__one_at_least_and_addresses(tmp_path: Path, items: str) -> None:
    (problem,) = refused(tmp_path, MINIMAL.replace("\n    - op@ac-toulouse.fr", f" {items}"))
    assert (problem.line, problem.key) == (7, "people.operators")


def test_regular_expression__for_the_whole_code(tmp_path: Path) -> None:
    pattern = loaded(tmp_path).code.pattern
    assert pattern.fullmatch("Ab12")
    assert not pattern.fullmatch("Ab12\n")


@pytest.mark.rule("R110")
def test_retention__defaults() -> None:
    assert RetentionSettings() == RetentionSettings(requests=12, lists=3, mails=3, addresses=6)


@pytest.mark.rule("R110")
@pytest.mark.parametrize("line", ["requests: 0", "requests: 61", "lists: 25", "mails: 0", "addresses: 13"])
def test_retention__out_of_bounds__refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(written(tmp_path, MINIMAL + f"\nretention:\n  {line}\n"))
