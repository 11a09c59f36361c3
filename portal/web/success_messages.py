"""The message of an action just done, shown once, on the page to which the action leads.

It travels in a cookie of the browser that acted, signed for its session and for that page's address: no address can
make a page claim what nobody did, a reload does not repeat it, and another tab does not take it (R10).
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from portal.web.security import Visitor
from workflow.journal.chain import JournalHasher

KEPT_SECONDS: Final = 600
"""The time in which the page is to be opened: warnings may have to be read before it."""


@dataclass(frozen=True)
class SuccessMessages:
    """``hasher`` signs them; ``is_https``: their cookies never travel otherwise."""

    hasher: JournalHasher
    is_https: bool

    def redirect(self, visitor: Visitor | None, address: str, sentence: str) -> RedirectResponse:
        """Lead to a page that says what was done. ``sentence`` is one of ours, without its capital and full stop."""
        response = RedirectResponse(address, status_code=303)
        self.attach(response, visitor, address, sentence)
        return response

    def attach(self, response: Response, visitor: Visitor | None, address: str, sentence: str) -> None:
        """Have the page of this address say what was done, to this visitor or, without one, to nobody signed in."""
        path = urlsplit(address).path
        text = urlsafe_b64encode(sentence.encode()).decode().rstrip("=")
        response.set_cookie(
            self._cookie(path), f"{text}.{self._signature(visitor, path, sentence)}", path="/", httponly=True,
            samesite="lax", secure=self.is_https, max_age=KEPT_SECONDS,
        )  # fmt: skip

    def read(self, request: Request, visitor: Visitor | None) -> str | None:
        """The sentence of the action that led this visitor to this page."""
        path = request.url.path
        text, _, signature = request.cookies.get(self._cookie(path), "").partition(".")
        try:
            sentence = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except ValueError:
            return None
        expected = self._signature(visitor, path, sentence)
        return sentence if sentence and hmac.compare_digest(signature.encode(), expected.encode()) else None

    def forget(self, request: Request, response: Response) -> None:
        """Remove the message of the page that has just been made, whether or not it was believed."""
        cookie = self._cookie(request.url.path)
        if cookie in request.cookies:
            response.delete_cookie(cookie, path="/", httponly=True, samesite="lax", secure=self.is_https)

    def _cookie(self, path: str) -> str:
        """One cookie a page: two tabs that act together do not lose each other's message."""
        page = hashlib.sha256(path.encode()).hexdigest()[:8]
        return f"{'__Host-' if self.is_https else ''}oda-done-{page}"

    def _signature(self, visitor: Visitor | None, path: str, sentence: str) -> str:
        secret = visitor.secret if visitor else ""
        return self.hasher.digest("\x1f".join(("success", secret, path, sentence)))
