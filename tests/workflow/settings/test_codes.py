"""The form of codes: an expression that keeps nobody waiting (R41), and codes drawn in it (R97)."""

import re

import pytest
from pydantic import ValidationError

from workflow.settings.codes import CodeDrawer, CodeSettings, NothingToDraw, is_quick

CONFUSED = set("0O1lI2Z5S8B")


@pytest.mark.rule("R97", "R41")
@pytest.mark.parametrize(
    ("form", "length", "bits"),
    [
        ("^[A-Za-z0-9]{4,16}$", 10, 44), ("^[0-9]{6}$", 6, 19), (r"^\d{4,8}$", 8, 26), ("^[A-Z]{4}-[0-9]{4}$", 9, 25),
        (r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z\d]{8}", 8, 38), ("^(?:[A-Z]{3}[0-9]{3}|[a-z]{8})$", 8, 30),
        ("[A-Z]{1,3}[0-9]{2,8}[a-z]?", 10, 24), (r"\w{8}", 8, 34), ("(?i)[a-f0-9]{8}", 8, 16), (".{8}", 8, 34),
    ],
)  # fmt: skip
def test_draw__has_the_form_and_is_not_confused(form: str, length: int, bits: int) -> None:
    drawer = CodeDrawer(form, 10)
    codes = [drawer.draw() for _ in range(50)]
    assert drawer.length == length
    assert all(re.fullmatch(form, code) and len(code) == length for code in codes)
    assert drawer.bits() >= bits
    if re.search("[a-zA-Zw.]", form.replace(r"\d", "")):
        assert not any(CONFUSED & set(code) for code in codes)


@pytest.mark.rule("R97")
@pytest.mark.parametrize("form", ["^[A-Za-z0-9]{20,30}$", "(?=x)y{4}", "^[A-Z]{2}$"])
def test_draw__what_no_code_has_is_refused(form: str) -> None:
    with pytest.raises(NothingToDraw):
        CodeDrawer(form, 10)
    assert CodeSettings(format=form).drawer is None, "where codes are typed, any form will do"
    with pytest.raises(ValidationError, match="avec source: drawn"):
        CodeSettings(format=form, source="drawn")


@pytest.mark.rule("R97")
def test_draw__never_the_same() -> None:
    drawer = CodeDrawer("^[A-Za-z0-9]{4,16}$", 10)
    assert len({drawer.draw() for _ in range(500)}) == 500


@pytest.mark.rule("R41")
@pytest.mark.parametrize(
    ("pattern", "quick"),
    [
        ("^[A-Za-z0-9]{4,16}$", True),
        (r"\d{6}", True),
        ("(?:[A-Z]{2}[0-9]{2}-?){3}", True),
        ("(?i:AB|CD)[0-9]+", True),
        ("(?=.*[0-9])[A-Z0-9]{8,12}", True),
        ("(a|b){8}", True),
        ("^(a+)+$", False),
        ("(a|aa)+", False),
        ("(a|a){30}b", False),
        ("(x+x+)+y", False),
        ("a*a*a*b", False),
        ("(?>a+)+", False),
    ],
)
def test_expression__is_quick(pattern: str, quick: bool) -> None:
    assert is_quick(pattern, 64) is quick
