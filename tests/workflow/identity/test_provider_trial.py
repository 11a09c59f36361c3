"""A provider tried for ``oda check-config --connect``: each fault by its name, and what to do (R101)."""

from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.kit.clock import FakeClock
from tests.kit.identity_provider import CLIENT_ID, ISSUER, StrictProvider
from tests.kit.portal import START
from workflow.identity.provider import WELL_KNOWN, ProviderUnfit, try_provider
from workflow.settings.secrets import Secrets
from workflow.settings.sign_in import ProviderSettings

pytestmark = pytest.mark.rule("R101")

SECRETS = Secrets(Path("/nowhere"), {"ODA_PROVIDER_NATIONAL": "un secret assez long"})


def settings(**other: Any) -> ProviderSettings:
    values = {"name": "national", "label": "ProConnect", "issuer": ISSUER, "client_id": CLIENT_ID}
    return ProviderSettings.model_validate(values | other)


@pytest.fixture
def provider() -> StrictProvider:
    return StrictProvider(FakeClock(START))


def unfit(provider: StrictProvider, **other: Any) -> str:
    with pytest.raises(ProviderUnfit) as caught:
        try_provider(settings(**other), SECRETS, START, provider.transport)
    assert caught.value.remedy
    return str(caught.value)


def test_try__a_provider_that_is_well(provider: StrictProvider) -> None:
    assert try_provider(settings(), SECRETS, START, provider.transport) == f"{ISSUER} répond, 2 clés, à l'heure"
    assert set(provider.calls) == {WELL_KNOWN, "/keys"}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"issuer": f"{ISSUER}/"}, f"il se nomme « {ISSUER}/ », et non « {ISSUER} »"),
        ({"token_endpoint": "http://fournisseur.test/token"}, "pas en https : token_endpoint"),
        ({"userinfo_endpoint": None}, "pas en https : userinfo_endpoint"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "il emploie HS256"),
    ],
)
def test_try__each_fault_of_its_configuration(
    provider: StrictProvider, metadata: dict[str, object], words: str
) -> None:
    provider.metadata = metadata
    assert words in unfit(provider)


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        (WELL_KNOWN, httpx2.Response(404), "réponse 404"),
        (WELL_KNOWN, httpx2.Response(200, text="<html>"), "n'est pas celle d'un fournisseur"),
        (WELL_KNOWN, httpx2.Response(302, headers={"Location": "https://ailleurs.test"}), "ne peut pas être lue"),
        ("/keys", httpx2.Response(500), "la liste de ses clés est refusée"),
        ("/keys", httpx2.Response(200, json={"keys": []}), "aucune de ses clés"),
    ],
)
def test_try__each_answer_that_serves_nothing(
    provider: StrictProvider, path: str, answer: httpx2.Response, words: str
) -> None:
    provider.answers[path] = answer
    assert words in unfit(provider)


@pytest.mark.parametrize(
    ("gap", "word"), [(timedelta(minutes=4), "retarde de 4"), (-timedelta(minutes=4), "avance de 4")]
)
def test_try__a_clock_of_another_time_is_said(provider: StrictProvider, gap: timedelta, word: str) -> None:
    answer = StrictProvider(FakeClock(START))._configuration(httpx2.Request("GET", ISSUER))
    date = format_datetime(START + gap)
    provider.answers[WELL_KNOWN] = httpx2.Response(200, content=answer.content, headers={"Date": date})
    assert word in unfit(provider)


def test_try__without_its_secret(provider: StrictProvider) -> None:
    assert "provider-autre" in unfit(provider, name="autre")
    assert provider.calls == []
