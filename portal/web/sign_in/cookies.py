"""The session's cookie, put and taken away with the same attributes: browsers heed the second only so."""

from starlette.responses import Response

from portal.web.installed import Installed


def give(response: Response, here: Installed, secret: str) -> None:
    """The browser keeps it until it is closed; the session itself ends sooner or later (R73)."""
    response.set_cookie(here.cookie, secret, path="/", httponly=True, samesite="lax", secure=here.is_https)


def take_away(response: Response, here: Installed) -> None:
    """Neither the session nor the establishment in view remains."""
    for name in (here.cookie, here.uai_cookie):
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=here.is_https)
