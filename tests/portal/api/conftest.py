"""Programs that call the interface, each with its token, on each database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import update

from notifications.outbox.store import MAILS
from notifications.vocabulary import Stage
from portal.api.problems import MEDIA_TYPE
from states.vocabulary import Scope
from tests.kit.portal import STAFF, Portal, open_portal
from workflow.auth.sessions import SessionUser

PREFIX = "/api/v1"
CONTENT = ["application/json", "application/pdf"]


class Program:
    """A program with its token. Every answer is checked: JSON, a paper or a problem, never a page."""

    def __init__(self, client: TestClient, secret: str | None) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self.answers: list[str] = []

    def get(self, path: str, **query: Any) -> Response:
        return self.check(self.client.get(PREFIX + path, params=query or None, headers=self.headers))

    def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> Response:
        all_headers = self.headers | ({"Idempotency-Key": key} if key else {}) | headers
        return self.check(self.client.post(PREFIX + path, json=body, headers=all_headers))

    def put(self, path: str, body: Any) -> Response:
        return self.check(self.client.put(PREFIX + path, json=body, headers=self.headers))

    def do(self, path: str, body: Any, key: str | None = None) -> dict[str, Any]:
        """What must be accepted."""
        answer = self.post(path, body, key)
        assert answer.status_code in (200, 201), answer.text
        content: dict[str, Any] = answer.json()
        return content

    def check(self, answer: Response) -> Response:
        self.answers.append(answer.text)
        is_kind_right = answer.headers["content-type"] in ([MEDIA_TYPE] if answer.status_code >= 400 else CONTENT)
        assert is_kind_right, answer.text[:500]
        if answer.status_code >= 400:
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert problem["type"] == f"urn:oda:refus:{problem['reasons'][0]['code']}"
            assert problem["instance"] == f"urn:oda:requete:{answer.headers['X-Request-Id']}"
            assert problem["title"]
            assert problem["detail"]
        return answer


def unnumbered(answer: Response) -> str:
    """A refusal without the number of its request, which is another each time."""
    return answer.text.replace(answer.headers["X-Request-Id"], "")


class Api:
    """The interface of a portal."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.clock, self.app = portal.clock, portal.app

    def token(self, session_user: SessionUser, scope: Scope = Scope.ACT, days: int = 90) -> str:
        """The secret of a token of this person."""
        subject = session_user.uais or (session_user.subject,)
        _, secret = self.app.tokens.create(
            self.portal.actor(STAFF), session_user.role, subject, scope=scope, label="essai", days=days
        )
        return secret

    def program(self, session_user: SessionUser | None = None, scope: Scope = Scope.ACT) -> Program:
        """A program that calls for this person, or for nobody."""
        return Program(self.portal.client(), self.token(session_user, scope) if session_user else None)

    def delivered(self) -> None:
        """The relay has taken every mail."""
        with self.app.database.write() as connection:
            connection.execute(update(MAILS).values(stage=Stage.SENT.value, next_attempt_at=None))

    def described(self) -> dict[str, Any]:
        """The description, as anybody reads it."""
        document: dict[str, Any] = json.loads(self.program().get("/openapi.json").text)
        return document


@contextmanager
def open_api(folder: Path, url: str, settings: str = "", *, hold_seconds: int = 0) -> Iterator[Api]:
    """The interface of a few schools, on 14 September 2026 at ten; ``settings`` is added to ``config.yaml``."""
    with open_portal(folder, url, settings=settings, hold_seconds=hold_seconds) as portal:
        yield Api(portal)


@pytest.fixture
def api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    """The interface on each database."""
    with open_api(tmp_path, database_url) as api:
        yield api
