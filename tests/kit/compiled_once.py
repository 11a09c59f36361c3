"""What a process compiles is compiled once: templates and routes are the same in each test's own portal.

Without this a test's first page takes ten times as long as its second. Only what is derived from the source is
shared; environments, filters, settings and databases stay each test's own.
"""

import types
from typing import Any

from fastapi import routing
from jinja2 import Environment


def share_compilation() -> None:
    """Have every Jinja environment and FastAPI application of this process share what is compiled."""
    _share_templates()
    _share_routes()


def _share_templates() -> None:
    compiled: dict[tuple[Any, ...], types.CodeType] = {}
    compile_anew: Any = Environment.compile

    def compile_once(
        self: Environment,
        source: Any,
        name: str | None = None,
        filename: str | None = None,
        *options: Any,
        **named: Any,
    ) -> Any:
        if not isinstance(source, str) or options or named:
            return compile_anew(self, source, name, filename, *options, **named)
        key = (
            type(self), source, name, filename, self.autoescape, self.undefined, self.trim_blocks, self.lstrip_blocks,
            frozenset(self.filters), frozenset(self.tests), tuple(self.extensions),
        )  # fmt: skip
        if key not in compiled:
            compiled[key] = compile_anew(self, source, name, filename)
        return compiled[key]

    Environment.compile = compile_once  # type: ignore[method-assign]


def _share_routes() -> None:
    contexts: dict[tuple[Any, ...], Any] = {}
    routes: list[Any] = []
    kind: Any = routing._EffectiveRouteContext
    derive_anew: Any = kind.from_api_route.__func__

    def derive_once(cls: Any, *, original_route: Any, include_context: Any) -> Any:
        dependencies = tuple(dependency.dependency for dependency in include_context.dependencies)
        key = (id(original_route), include_context.prefix, tuple(include_context.tags), dependencies)
        if key not in contexts:
            routes.append(original_route)  # kept, so that no other route takes its identity
            contexts[key] = derive_anew(cls, original_route=original_route, include_context=include_context)
        return contexts[key]

    kind.from_api_route = classmethod(derive_once)
