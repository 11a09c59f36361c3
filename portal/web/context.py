"""The application with the parts that pages need: sessions, links, templates."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, Self
from urllib.parse import urlsplit

from jinja2 import BaseLoader

from portal.web.rendering import Pages
from workflow.app import App
from workflow.auth.sessions import Sessions, SignIn
from workflow.auth.sign_in_links import Links
from workflow.settings.infrastructure import PortalSettings


class Demo(Protocol):
    """A demonstration's own templates, beside those of the pages."""

    @property
    def loader(self) -> BaseLoader: ...


@dataclass(frozen=True, kw_only=True)
class WebContext:
    """``demo`` is what a demonstration adds; None in a real installation, where nothing of it can be reached."""

    app: App
    sessions: Sessions
    links: Links
    sign_in: SignIn
    pages: Pages
    demo: Demo | None = field(default=None)

    @classmethod
    def of(cls, app: App, demo: Demo | None = None) -> Self:
        portal = app.settings.portal
        sessions = Sessions(
            app.database, app.people,
            idle=timedelta(minutes=portal.session_idle_minutes), longest=timedelta(hours=portal.session_hours),
        )  # fmt: skip
        links = Links(app.database, app.clock, app.hasher, app.mailer, app.settings, app.dispatcher.wake)
        sign_in = SignIn(app.database, app.clock, app.hasher, app.people, sessions, links)
        return cls(
            app=app, sessions=sessions, links=links, sign_in=sign_in,
            pages=Pages(app, *([demo.loader] if demo else [])), demo=demo,
        )  # fmt: skip

    @property
    def settings(self) -> PortalSettings:
        return self.app.settings.portal

    @property
    def is_https(self) -> bool:
        """True if people reach us by HTTPS: then the cookies never travel otherwise."""
        return urlsplit(self.settings.address).scheme == "https"

    @property
    def cookie(self) -> str:
        """The session's cookie; its prefix makes the browser refuse it from any other host or path."""
        return "__Host-oda" if self.is_https else "oda"

    @property
    def uai_cookie(self) -> str:
        """The cookie of the establishment that a mailbox has in view: a choice, no right."""
        return "__Host-oda-uai" if self.is_https else "oda-uai"
