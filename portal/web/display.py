"""The display settings: the light theme, the dark one, or that of the visitor's machine, without a script.

The design system applies the machine's preference by a script. Here a style sheet made from its own applies its dark
rules when the browser says that the machine is in the dark.
"""

import re
from functools import lru_cache
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from portal.web.context import Context, MaybeVisitor, PostedByAnyone
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.rendering import A_YEAR, DARK_STYLE, THEMES, dsfr_folder, theme_of
from portal.web.security import Visitor

router = APIRouter(include_in_schema=False)

PLACE: Final = "/affichage"

COOKIE_SECONDS: Final = 365 * 24 * 3600

_DARK: Final = "[data-fr-theme=dark]"

_BY_PREFERENCE: Final = "[data-fr-theme=system]"

_RULE: Final = re.compile(r"(?P<head>[^{}]+)\{(?P<body>[^{}]*)\}|(?P<query>@[^{}]+)\{|(?P<end>\})")
"""What a minified style sheet is made of: a rule, the beginning of a condition on rules, its end."""


def _theme_field(theme: str) -> Field:
    return Field(name="theme", label="Thème", shape=Shape.CHOICE, options=tuple(THEMES.items()), value=theme)


@router.get(PLACE)
def show_display(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """The choice of a theme."""
    return context.pages.page(
        request, "public/display.html", visitor, form=blank((_theme_field(theme_of(request)),))
    )  # fmt: skip


@router.post(PLACE)
def choose_theme(request: Request, context: Context, visitor: MaybeVisitor, data: PostedByAnyone) -> Response:
    """Remember the theme in this browser: a preference that names nobody."""
    form = filled((_theme_field(theme_of(request)),), data)
    if not form.is_right:
        return _refused(request, context, visitor, form)
    theme = form.values["theme"]
    response = context.success_messages.redirect(visitor, PLACE, f"l'affichage est réglé : {THEMES[theme].lower()}")
    response.set_cookie(
        context.theme_cookie, theme, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="lax",
        secure=context.is_https,
    )  # fmt: skip
    return response


def _refused(request: Request, context: Context, visitor: Visitor | None, form: Form) -> HTMLResponse:
    return context.pages.page(request, "public/display.html", visitor, status=422, form=form)


@router.get(DARK_STYLE)
def dark_by_preference() -> Response:
    """The dark rules of the design system, for a machine that is in the dark."""
    return Response(dark_rules(), media_type="text/css", headers={"Cache-Control": A_YEAR})


@lru_cache(maxsize=1)
def dark_rules() -> str:
    """The rules of the design system's dark theme, within their conditions, for the machine's preference."""
    rules: list[str] = []
    queries: list[str] = []
    for part in _RULE.finditer((dsfr_folder() / "dsfr.min.css").read_text(encoding="utf-8")):
        if part["query"]:
            queries.append(part["query"])
        elif part["end"]:
            queries = queries[:-1]
        elif _DARK in part["head"]:
            selectors = [each for each in part["head"].split(",") if _DARK in each]
            rule = f"{','.join(selectors).replace(_DARK, _BY_PREFERENCE)}{{{part['body']}}}"
            rules.append("".join(f"{query}{{" for query in queries) + rule + "}" * len(queries))
    return "\n".join(rules)
