"""The browser that asks for a link: its cookie, to which the link is bound (R104)."""

import re
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.context import Context, WebContext
from workflow.auth.rate_limit import new_secret
from workflow.auth.sign_in_links import LinkRequest

SENT_PATH: Final = "/connexion/envoye"

_SECRET: Final = re.compile(r"[\w-]{43}")


def with_back(path: str, back: str) -> str:
    """The address of a page of signing in, which remembers where to return."""
    return f"{path}?suite={quote(back, safe='/')}" if back else path


def client_address(request: Request) -> str:
    """The network address of the browser; behind a proxy, the one that it gives when the settings trust it."""
    return request.client.host if request.client else ""


Client = Annotated[str, Depends(client_address)]


def browser_secret(request: Request, context: Context) -> str:
    """The secret of a browser that asked for a link; empty for one that never did, or no longer."""
    secret = request.cookies.get(context.asking_cookie, "")
    return secret if _SECRET.fullmatch(secret) else ""


BrowserSecret = Annotated[str, Depends(browser_secret)]


@dataclass(frozen=True, slots=True)
class AskingBrowser:
    """A browser that asks for a link, whether or not there is somebody to send it to: all that it gets is the same."""

    context: WebContext
    client: str
    user_agent: str
    former: str

    def of(
        self, *, back: str = "", session: str = "", is_proof: bool = False, identity: str = "", provider: str = ""
    ) -> LinkRequest:  # fmt: skip
        """What it asks. Links asked for one after the other are of one browser: each opens in it."""
        return LinkRequest(
            client=self.client, back=back, session=session, browser=self.former or new_secret(),
            user_agent=self.user_agent, is_proof=is_proof, identity=identity, provider=provider,
        )  # fmt: skip

    def sent(self, link_request: LinkRequest, **query: str) -> Response:
        """Lead to the page of the next steps, which asks for the six digits; the cookie lives as long as the link."""
        context = self.context
        response = RedirectResponse(f"{SENT_PATH}?{urlencode(query)}", status_code=303)
        response.set_cookie(
            context.asking_cookie, link_request.browser, max_age=context.settings.link_minutes * 60, path="/",
            httponly=True, samesite="lax", secure=context.is_https,
        )  # fmt: skip
        return response


def asking_browser(request: Request, context: Context, client: Client, former: BrowserSecret) -> AskingBrowser:
    """The browser of a form that asks for a link."""
    return AskingBrowser(context, client, request.headers.get("user-agent", ""), former)


Asking = Annotated[AskingBrowser, Depends(asking_browser)]
