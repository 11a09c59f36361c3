"""The browser that signs in: its address, the links that it asks for, the cookies by which it is known again.

A link that is asked for is bound to the browser that asks, by a cookie (R104); its session is in another (R73), what
makes it known to a person of the rectorat in a third (R107).
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.requests import ClientDisconnect

from portal.middleware import browser_name
from portal.web.context import A_YEAR_S, Context, WebContext
from workflow.auth.sessions import Device, SessionUser
from workflow.auth.sign_in_links import LinkRequest
from workflow.journal.chain import network_of
from workflow.settings.secrets import new_secret

SENT_PATH: Final = "/connexion/envoye"

_SECRET: Final = re.compile(r"[\w-]{43}")

_LONGEST_TOKEN: Final = 64


def client_address(request: Request) -> str:
    """The network address of the browser; behind a proxy, the one that it gives when the settings trust it."""
    return request.client.host if request.client else ""


async def client_of(request: Request) -> str:
    """The same; async, so that no thread is taken for it."""
    return client_address(request)


Client = Annotated[str, Depends(client_of)]


async def browser_secret(request: Request, context: Context) -> str:
    """The secret of a browser that asked for a link; empty for one that never did, or no longer."""
    secret = request.cookies.get(context.asking_cookie, "")
    return secret if _SECRET.fullmatch(secret) else ""


BrowserSecret = Annotated[str, Depends(browser_secret)]


@dataclass(frozen=True, slots=True)
class AskingBrowser:
    """A browser that asks for a link, whether or not there is somebody to send it to: all that it gets is the same."""

    context: WebContext
    client: str
    browser_name: str
    former: str

    def of(
        self, *, back: str = "", session: str = "", is_proof: bool = False, identity: str = "", provider: str = ""
    ) -> LinkRequest:  # fmt: skip
        """Its request for a link. Links asked for one after the other are of one browser: each opens in it."""
        return LinkRequest(
            client=self.client, back=back, session=session, browser=self.former or new_secret(),
            browser_name=self.browser_name, is_proof=is_proof, identity=identity, provider=provider,
        )  # fmt: skip

    def sent(self, link_request: LinkRequest, **query: str) -> Response:
        """Lead to the page of the next steps, which asks for the six digits; the cookie lives as long as the link."""
        context = self.context
        response = RedirectResponse(f"{SENT_PATH}?{urlencode(query)}", status_code=303)
        seconds = context.settings.link_minutes * 60
        context.set_cookie(response, context.asking_cookie, link_request.browser, seconds)
        return response


async def asking_browser(
    request: Request, context: Context, client: Client, former: BrowserSecret
) -> AsyncIterator[AskingBrowser]:  # fmt: skip
    """The browser of a form that asks for a link, once its turn has come: whoever opens one waits for no crowd.

    Raises ClientDisconnect when it has left meanwhile.
    """
    async with context.asking_turns.turn(network_of(client)):
        if await request.is_disconnected():
            raise ClientDisconnect
        yield AskingBrowser(context, client, browser_name(request.headers), former)


Asking = Annotated[AskingBrowser, Depends(asking_browser, scope="function")]


def set_session_cookie(response: Response, context: WebContext, secret: str) -> None:
    """The browser keeps the session until it is closed; the session itself ends sooner or later (R73)."""
    context.set_cookie(response, context.cookie, secret)


def device_of(request: Request, context: WebContext) -> Device:
    """The browser of this request; one without its own cookie is given the secret of one."""
    token = request.cookies.get(context.device_cookie, "")[:_LONGEST_TOKEN] or new_secret()
    return Device(browser=browser_name(request.headers), client=client_address(request), token=token)


def keep_device(response: Response, context: WebContext, session_user: SessionUser, device: Device) -> None:
    """Have the browser of the rectorat remember by what it is known again; no other keeps anything (R107)."""
    if session_user.is_of_rectorat:
        context.set_cookie(response, context.device_cookie, device.token, A_YEAR_S)


def delete_cookies(response: Response, context: WebContext) -> None:
    """Forget the session, the establishment in view and the links that were asked for here."""
    for name in (context.cookie, context.uai_cookie, context.asking_cookie, context.provider_cookie):
        context.delete_cookie(response, name)
