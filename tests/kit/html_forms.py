"""The forms of a page as a browser without JavaScript reads and sends them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from fastapi.testclient import TestClient
from httpx2 import Response


@dataclass
class HtmlForm:
    """Where it goes, and what it sends when nothing is changed; ``options`` are the values of its choices."""

    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    options: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self._open: HtmlForm | None = None
        self._area = self._select = ""
        self._in_header = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "header":
            self._in_header = True
        elif tag == "form" and not self._in_header:
            self._open = HtmlForm(attributes.get("action", ""), attributes.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open is not None:
            self._field(self._open, tag, attributes)

    def _field(self, form: HtmlForm, tag: str, attributes: dict[str, str]) -> None:
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if tag == "textarea":
            self._area, form.fields[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option":
            form.options.setdefault(self._select, []).append(value)
            if "selected" in attributes:
                form.fields[self._select] = value
        elif tag == "input" and attributes.get("type") in ("radio", "checkbox"):
            form.options.setdefault(name, []).append(value)
            if "checked" in attributes:
                form.fields[name] = value
        elif tag == "input":
            form.fields[name] = value

    def handle_data(self, data: str) -> None:
        if self._area and self._open is not None:
            self._open.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        elif tag == "header":
            self._in_header = False
        elif tag == "form":
            self._open = None


def forms_of(page: Response) -> list[HtmlForm]:
    """Every form of a page, but the one to sign out, which is in the header of all."""
    reader = _Reader()
    reader.feed(page.text)
    return reader.forms


def unmasked(page: Response) -> str:
    """The text of a page without its tokens, which are masked anew each time: to compare it with another."""
    return re.sub(r'name="csrf" value="\w+"', "", page.text)


def form_to(page: Response, end: str) -> HtmlForm:
    """The form whose address ends so. Raises StopIteration when there is none."""
    return next(form for form in forms_of(page) if form.action.endswith(end))


def send(client: TestClient, form: HtmlForm, **typed: str | list[str]) -> Response:
    """Send a form with what was typed in it; several values of one name for boxes that are ticked together."""
    return client.post(form.action, data=form.fields | typed)
