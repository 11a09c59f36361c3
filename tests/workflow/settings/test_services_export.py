"""``removals.export``: what the file of removals is called and how it is written (R83)."""

import pytest
from pydantic import ValidationError

from workflow.settings.services import ExportSettings


def test_default__is_what_a_spreadsheet_opens() -> None:
    defaults = ExportSettings()
    assert (defaults.filename, defaults.media_type, defaults.encoding, defaults.line_ends) == (
        "retraits.csv", "text/csv", "utf-8-sig", "crlf",
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"filename": "../x.csv"}, {"filename": 'a"b.csv'}, {"filename": ".cache"}, {"filename": "é.csv"},
        {"filename": "a\r\nb"}, {"media_type": "csv"}, {"media_type": "text/csv; charset=x"}, {"encoding": "utf-16"},
        {"line_ends": "cr"}, {"nom": "x"},
    ],
)  # fmt: skip
def test_wrong__nothing_that_could_leave_its_header(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ExportSettings.model_validate(wrong)
