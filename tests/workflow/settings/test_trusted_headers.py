"""The settings of the académie's gate (R102)."""

import pytest
from pydantic import ValidationError

from workflow.settings.trusted_headers import TrustedHeadersSettings

pytestmark = pytest.mark.rule("R102")


@pytest.mark.parametrize(
    "values",
    [
        {"proxies": ["0.0.0.0/0"]},
        {"proxies": ["10.0.0.0/8"]},
        {"proxies": ["le-guichet"]},
        {"mail": "Cookie"},
        {"person": "X-Forwarded-For"},
        {"person": "Sec-Fetch-Site"},
        {"mail": "content_type"},
        {"mail": "a b"},
        {"mail": "ct_remote-user"},
        {"others": ["CTEMAIL"]},
    ],
)
def test_settings__what_would_let_anybody_in_or_break_a_visit_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrustedHeadersSettings.model_validate(values)
    assert TrustedHeadersSettings.model_validate({"proxies": ["10.1.2.0/24", "::1"], "person": "eppn"}).proxies
