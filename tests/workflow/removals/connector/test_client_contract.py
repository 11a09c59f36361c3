"""The contract of docs/connecteur.md: its own verifier, run; its tables against the code; curl's line (R84)."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from states.vocabulary import RemovalOutcome
from tests.kit.oda_server import SECRET
from workflow.removals.connector import client as signing
from workflow.removals.connector.client import ACTIONS, PING, ping
from workflow.removals.connector.service import PONG
from workflow.settings.services import ConnectorSettings

pytestmark = pytest.mark.rule("R84")
PAPER = (Path(__file__).parents[4] / "docs" / "connecteur.md").read_text(encoding="utf-8")
NOW = datetime(2027, 9, 1, 8, 0, tzinfo=UTC)
URL = "https://oda.ac-toulouse.fr/retraits"
BODY = '{"nom": "Étienne"}'.encode()


def block(language: str, number: int = 0) -> str:
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAPER, re.DOTALL | re.MULTILINE)
    return blocks[number]


@pytest.fixture
def paper() -> dict[str, Any]:
    """What the paper's verifier defines."""
    names: dict[str, Any] = {}
    exec(block("python"), names)
    return names


def headers(key: str = "k", secret: str = SECRET) -> dict[str, str]:
    return signing.headers(SecretStr(secret), NOW, URL, BODY, key)


def test_verifier__of_the_paper_takes_our_signature_and_no_other(paper: dict[str, Any]) -> None:
    verified, now = paper["verified"], NOW.timestamp()
    assert verified(headers(), BODY, SECRET, now)
    assert not verified(headers(), BODY + b" ", SECRET, now)
    assert not verified(headers(secret="x" * 32), BODY, SECRET, now)
    assert not verified(headers() | {"X-ODA-Timestamp": str(int(now) + 1)}, BODY, SECRET, now)
    assert not verified(headers(), BODY, SECRET, now + 301), "an old call is not replayed"
    assert not verified(headers() | {"Idempotency-Key": "other"}, BODY, SECRET, now), "nor under another key"
    elsewhere = signing.headers(SecretStr(SECRET), NOW, f"{URL}/ailleurs", BODY, "k")
    assert not verified(elsewhere, BODY, SECRET, now), "nor sent elsewhere"
    for broken in ({}, {"X-ODA-Timestamp": "é"}, headers() | {"X-ODA-Signature": "é"}):
        assert not verified(broken, BODY, SECRET, now)


def test_server__of_the_paper_has_one_effect_for_a_key(paper: dict[str, Any]) -> None:
    done: list[bytes] = []

    def remove(body: bytes) -> dict[str, int]:
        done.append(body)
        return {"n": len(done)}

    ask = paper["answered"]
    assert [ask(headers(key), BODY, SECRET, remove, NOW.timestamp()) for key in ("a", "a", "b")] == [
        (200, {"n": 1}), (200, {"n": 1}), (200, {"n": 2}),
    ]  # fmt: skip
    assert ask({}, BODY, SECRET, remove)[0] == 401


def test_signature__is_what_openssl_makes_of_it(tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("no openssl here")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "connector-key").write_text(SECRET)
    script = block("sh", 1).partition("curl ")[0].replace("$(date +%s)", "1819785600")
    command = ["sh", "-c", f"{script}\nprintf %s $signature"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert printed == signing.signature(SecretStr(SECRET), "1819785600", URL, "essai-1819785600", ping())


def test_paper__names_what_the_code_says() -> None:
    for word in (*ACTIONS.values(), PING, PONG, *(outcome.value for outcome in RemovalOutcome)):
        assert f"`{word}`" in PAPER
    table = PAPER.partition("| réglage | effet |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(ConnectorSettings.model_fields)
    assert set(json.loads(block("json"))) == {
        "reference", "action", "kind", "uai", "person", "school_year", "expires_on", "kept_for", "opened_at",
    }  # fmt: skip
