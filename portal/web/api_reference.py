"""/aide/api: the description of the JSON interface as a page to read and to print, without any script."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape
from starlette.routing import Mount

from portal.web.context import Context, MaybeVisitor

REFERENCE_PATH: Final = "/aide/api"

OF_EVERY_ROUTE: Final = ("401", "403", "422", "429", "500", "503")
"""Refusals that any operation may answer, said once at the top."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter or a field of a body."""

    name: str
    text: Markup
    is_required: bool


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation, with what it takes, an example of its answer, and its own refusals."""

    anchor: str
    method: str
    path: str
    title: str
    text: Markup
    parameters: Sequence[Parameter]
    body: str
    answer: str
    refusals: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The operations of a tag."""

    anchor: str
    title: str
    text: str
    operations: Sequence[Operation]


@router.get(REFERENCE_PATH)
def show_reference(request: Request, context: Context, visitor: MaybeVisitor) -> HTMLResponse:
    """Every operation, from the very document that programs read."""
    mounts = (route for route in request.app.routes if isinstance(route, Mount) and route.name == "api")
    api: Any = next(mounts).app
    document: Mapping[str, Any] = api.openapi()
    anyone = next(iter(next(iter(document["paths"].values())).values()))
    return context.pages.page(
        request, "public/api_reference.html", visitor, groups=tuple(_groups(document)),
        address=context.settings.address, prefix=document["servers"][0]["url"],
        common=_refusals(anyone, OF_EVERY_ROUTE),
    )  # fmt: skip


def _groups(document: Mapping[str, Any]) -> Iterator[Group]:
    for rank, tag in enumerate(document["tags"], start=1):
        operations = [
            _operation(document, path, method, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        ]
        title = tag["name"][:1].upper() + tag["name"][1:]
        yield Group(anchor=f"groupe-{rank}", title=title, text=tag["description"], operations=operations)


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {})
    schema = document["components"]["schemas"].get(body.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
    fields = [
        Parameter(
            name=name, text=_with_code(member.get("description", "")), is_required=name in schema.get("required", ())
        )
        for name, member in schema.get("properties", {}).items()
    ]
    parameters = [
        Parameter(
            name=parameter["name"], text=_with_code(parameter.get("description", "")),
            is_required=parameter.get("required", False),
        )
        for parameter in operation.get("parameters", [])
    ]  # fmt: skip
    example = next(iter(body.get("examples", {}).values()), None)
    (status,) = (status for status in operation["responses"] if status.startswith("2"))
    answer = operation["responses"][status].get("content", {}).get("application/json", {})
    return Operation(
        anchor=operation["operationId"].replace("_", "-"), method=method.upper(), path=path,
        title=operation["summary"], text=_with_code(operation["description"]), parameters=[*parameters, *fields],
        body=_as_text(example["value"]) if example else "",
        answer=_as_text(answer["example"]) if "example" in answer else "",
        refusals=_refusals(operation, [status for status in operation["responses"] if status not in OF_EVERY_ROUTE]),
    )  # fmt: skip


def _refusals(operation: Mapping[str, Any], statuses: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (status, operation["responses"][status]["description"]) for status in statuses if not status.startswith("2")
    ]


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _with_code(text: str) -> Markup:
    """The sentence with what stands between back quotes as code."""
    parts = text.split("`")
    pieces = (Markup("<code>{}</code>").format(part) if rank % 2 else escape(part) for rank, part in enumerate(parts))
    return Markup("").join(pieces)
