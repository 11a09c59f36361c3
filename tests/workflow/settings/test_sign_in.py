"""The settings of signing in: providers, and the roles that a mail's link admits (R101)."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from states.vocabulary import Role
from tests.workflow.settings.files import only_problem
from workflow.settings.sign_in import SignInSettings, TrustedHeadersSettings

pytestmark = pytest.mark.rule("R101")

PROVIDER = {
    "name": "proconnect", "label": "ProConnect", "issuer": "https://fournisseur.test/api/v2", "client_id": "oda",
}  # fmt: skip


def provided(**other: Any) -> dict[str, Any]:
    return {"providers": [PROVIDER | other]}


def test_providers__secret_scopes_and_levels() -> None:
    settings = SignInSettings.model_validate(
        provided(scopes=["email", "openid"], acr={"operator": ["eidas2", "eidas3"], "chef": ["eidas2"]})
    )
    (provider,) = settings.providers
    assert provider.secret_name == "provider-proconnect"
    assert provider.scopes == ("openid", "email")
    assert provider.acr_of(Role.DEPUTY) == provider.acr_of(Role.CHEF) == ("eidas2",)
    assert provider.acr_of(Role.READER) == ()
    assert provider.all_acr == ("eidas2", "eidas3")
    assert settings.provider("proconnect") is provider
    assert settings.provider("autre") is None


@pytest.mark.parametrize(
    "other",
    [
        {"issuer": "http://fim.education.fr"},
        {"issuer": "https://jean:mdp@fim.education.fr"},
        {"issuer": "https://fim.education.fr?x=1"},
        {"issuer": "https://fim.education.fr#x"},
        {"issuer": "https://fim.education.\tfr"},
        {"issuer": "https://:x"},
        {"name": "Pro/Connect"},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"algorithms": []},
        {"acr": {"admin": ["eidas2"]}},
        {"acr": {"operator": ["eidas2 eidas3"]}},
        {"client_secret": "x"},
    ],
    ids=str,
)
def test_providers__refused(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SignInSettings.model_validate(provided(**other))


def test_providers__http_of_this_machine_alone() -> None:
    assert SignInSettings.model_validate(provided(issuer="http://localhost:8080/realms/oda")).providers


def test_providers__two_of_one_name_refused() -> None:
    with pytest.raises(ValidationError, match="s'appellent"):
        SignInSettings.model_validate({"providers": [PROVIDER, PROVIDER]})


def test_mail_link__last_door_stays_open() -> None:
    with pytest.raises(ValidationError, match="seule porte"):
        SignInSettings.model_validate({"mail_link": ["chef"]})


def test_mail_link__deputy_is_as_chef() -> None:
    settings = SignInSettings.model_validate(provided() | {"mail_link": ["chef"]})
    assert [role for role in Role if settings.may_use_mail(role)] == [Role.CHEF, Role.DEPUTY, Role.RUPN]
    closed = settings.model_copy(update={"rupn": False})
    assert [role for role in Role if closed.may_use_mail(role)] == [Role.CHEF, Role.DEPUTY]


@pytest.mark.rule("R102")
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
def test_trusted_headers__what_would_let_anybody_in_or_break_a_visit_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrustedHeadersSettings.model_validate(values)
    assert TrustedHeadersSettings.model_validate({"proxies": ["10.1.2.0/24", "::1"], "person": "eppn"}).proxies


@pytest.mark.rule("R112")
def test_code_by_link__without_a_national_sign_in_is_refused(tmp_path: Path) -> None:
    by_link = "code:\n  delivery: link\n"
    assert "identité nationale" in str(only_problem(tmp_path, by_link))
