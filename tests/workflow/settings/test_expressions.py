"""An expression of the settings keeps nobody waiting, whatever the text (R41)."""

import pytest

from workflow.settings.expressions import is_quick


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
