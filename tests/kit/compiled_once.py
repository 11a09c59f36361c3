"""What a process compiles is compiled once: templates, routes and SQL are the same in each test's own portal.

Without this a test's first page takes ten times as long as its second. Only what is derived from the source is
shared; environments, filters, settings and databases stay each test's own.
"""

import pickle
import re
import types
from copy import deepcopy
from functools import lru_cache
from typing import Any

from fastapi import routing
from fastapi.openapi import utils
from jinja2 import Environment
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from workflow.settings import loader
from workflow.settings.yaml_reader import YamlDocument

DATABASE_URL = re.compile(r'(?<=^database:\n  url: ")[^"\\\n]+(?="$)', re.MULTILINE)
"""What alone differs between the settings of two tests of a module."""

PLAIN = (str, int, tuple, type(None))
"""The kinds of what a server says of itself."""

STATEMENTS = 3000
"""SQL texts kept for all the engines of this process; SQLAlchemy keeps 500 for each."""


def share_compilation() -> None:
    """Have all that this process makes anew for each test share what is compiled."""
    _share_templates()
    _share_routes()
    _share_description()
    _share_statements()
    _share_settings()
    _share_servers()


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


def _share_description() -> None:
    """What FastAPI says of routes is drawn from them once, which takes as long as a hundred pages; our own words are
    added each time."""
    drawn: dict[tuple[Any, ...], bytes] = {}
    draw_anew = utils.get_openapi

    def draw_once(*, routes: Any, **named: Any) -> dict[str, Any]:
        described = [(each.route, each.path) for each in routing.iter_route_contexts(routes)]
        own = tuple((id(route), path) for route, path in described if isinstance(route, routing.APIRoute))
        key = (own, pickle.dumps(named))
        if key not in drawn:
            drawn[key] = pickle.dumps(draw_anew(routes=routes, **named))
        return pickle.loads(drawn[key])  # type: ignore[no-any-return]

    utils.get_openapi = draw_once


def _share_statements() -> None:
    """Engines of one kind compile a statement once: SQLAlchemy keeps it by dialect, and each engine has its own."""
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)

    def kind(self: Any) -> tuple[Any, ...]:
        return (type(self), self.server_version_info, self.paramstyle, self.default_schema_name)

    Engine._compiled_cache = property(lambda self: compiled, lambda self, own: None)  # type: ignore[assignment]
    DefaultDialect.__hash__ = lambda self: hash(kind(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = (  # type: ignore[method-assign]
        lambda self, other: isinstance(other, DefaultDialect) and kind(self) == kind(other)
    )


def _share_settings() -> None:
    """A text of settings is taken apart once, whatever its database; its values are judged each time."""
    read: Any = loader.read_document  # type: ignore[attr-defined]
    read_once = lru_cache(read)

    def read_document(text: str) -> YamlDocument:
        url = DATABASE_URL.search(text)
        if url is None:
            document: YamlDocument = read(text)
            return document
        document = deepcopy(read_once(DATABASE_URL.sub("", text)))
        if isinstance(document.values, dict) and document.values.get("database") == {"url": ""}:
            document.values["database"]["url"] = url[0]
            return document
        return read(text)  # type: ignore[no-any-return]

    loader.read_document = read_document  # type: ignore[attr-defined]


def _share_servers() -> None:
    """A server of PostgreSQL says once what it is: each engine asks it anew, and a test makes several."""
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    ask_anew: Any = PGDialect_psycopg.initialize

    def ask_once(self: Any, connection: Any) -> None:
        info = connection.connection.driver_connection.info
        server = (info.host, info.port, info.user, info.server_version)
        if server not in known:
            before = dict(vars(self))
            ask_anew(self, connection)
            changed = {name: value for name, value in vars(self).items() if before.get(name, before) != value}
            known[server] = {name: value for name, value in changed.items() if isinstance(value, PLAIN)}
        vars(self).update(known[server])

    PGDialect_psycopg.initialize = ask_once  # type: ignore[method-assign]
