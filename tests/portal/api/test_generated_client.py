"""A client that a generator makes of the description alone does a journey: what is described is what is answered."""

import asyncio
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, STAFF
from tests.portal.api.conftest import PREFIX, Api, open_api
from tests.portal.api.test_life import DECLARATION
from workflow.auth.sessions import SessionUser

CONFIG = Path(__file__).with_name("client.yaml")


def generate(api: Api, folder: Path) -> None:
    """Generate the package ``oda_client``; a description that the generator takes with a warning fails."""
    description = folder / "openapi.json"
    description.write_text(json.dumps(api.described()), encoding="utf-8")
    command = [
        sys.executable, "-m", "openapi_python_client", "generate", "--path", str(description), "--config", str(CONFIG),
        "--meta", "none", "--output-path", str(folder / "oda_client"), "--fail-on-warning",
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout


def test_client__declares_reads_its_pages_and_understands_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_api(tmp_path, url) as api:
        generate(api, tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        client = importlib.import_module("oda_client")
        models = importlib.import_module("oda_client.models")

        def caller(session_user: SessionUser) -> Any:
            token = api.token(session_user)
            transport = httpx.ASGITransport(api.portal.asgi)
            address = f"{api.portal.context.settings.address}{PREFIX}"
            signed = httpx.AsyncClient(
                transport=transport, base_url=address, headers={"Authorization": f"Bearer {token}"}
            )
            return client.AuthenticatedClient(base_url=address, token=token).set_async_httpx_client(signed)

        def call(session_user: SessionUser, operation: str, **parameters: Any) -> Any:
            (place,) = (tmp_path / "oda_client" / "api").glob(f"*/{operation}.py")
            module = importlib.import_module(f"oda_client.api.{place.parent.name}.{operation}")
            return asyncio.run(module.asyncio(client=caller(session_user), **parameters))

        done = call(CHEF, "declare", body=models.DeclareBody(**DECLARATION), idempotency_key="client-1")
        assert (done.reference, done.state.value, done.replayed) == ("ODA-2027-00001", "declared", False)
        assert call(CHEF, "declare", body=models.DeclareBody(**DECLARATION), idempotency_key="client-1").replayed
        listed = call(STAFF, "list_requests", state=[models.State.DECLARED], limit=1)
        assert ([line.reference for line in listed.items], listed.next_) == ([done.reference], None)
        refused = call(CHEF, "submit", reference=done.reference, body=models.SubmitBody("Durand", "Zoé", "z@x.fr"))
        assert (refused.status, refused.reasons[0].rule) == (409, "R1")
        assert refused.instance.startswith("urn:oda:requete:")
        assert call(CHEF, "show_calendar").status == 403
        assert call(STAFF, "show_calendar").items[0].day is not None
        assert call(STAFF, "show_mail", number=1).kind.value == "declared"
