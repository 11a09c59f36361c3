"""What a template may know of each kind of mail, as types: the names given to it, and what each one has (R68)."""

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from notifications.catalogue import CATALOGUE, facts_class
from notifications.surroundings import Surroundings
from notifications.vocabulary import AnyKind, Audience, Kind, Unstored


class NoSuchMember(Exception):
    """The value has nothing of that name; ``known`` is what it has."""

    def __init__(self, known: tuple[str, ...] = ()) -> None:
        super().__init__(known)
        self.known = known


def names_of(kind: AnyKind) -> dict[str, Any]:
    """The names that a template of this mail is given, with their types; Literal for what never changes."""
    facts = facts_class(kind)
    entry = None if isinstance(kind, Unstored) else CATALOGUE[kind]
    return {
        **{name: hint for name, hint in members(facts).items() if name in fields_of(facts)},
        "kind": Literal[kind],
        "has_code": Literal[bool(entry and entry.has_code)],
        "for_operators": Literal[entry is None or entry.audience is Audience.OPERATORS],
        "here": Surroundings,
        "slot": str,
        "facts": facts,
    }


FRAME_NAMES: Final = dict.fromkeys(("subject", "title", "preview", "content", "foot", "signature", "academie"), str)
"""What the page around the HTML of every mail is given: each is HTML already."""


@cache
def names_of_some_mail() -> frozenset[str]:
    """Every fact's name: a part shared by several mails may ask whether it is there."""
    return frozenset(name for entry in CATALOGUE.values() for name in fields_of(entry.facts))


def plain(hint: Any) -> Any:
    """The type without ``None``, a constant's own type; ``Any`` when several remain."""
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        left = [one for one in get_args(hint) if one is not NoneType]
        return plain(left[0]) if len(left) == 1 else Any
    return hint


def constant(hint: Any) -> Any:
    """The value of what never changes in a mail; None when it may."""
    return get_args(hint)[0] if get_origin(hint) is Literal else None


@cache
def members(record: Any) -> dict[str, Any]:
    """The fields and then the properties of a frozen record, with their types."""
    hints = get_type_hints(record)
    own = {name: hints[name] for name in fields_of(record)}
    classes = reversed(record.__mro__)
    found = {name: value for one in classes for name, value in vars(one).items() if isinstance(value, property)}
    return own | {name: get_type_hints(one.fget)["return"] for name, one in found.items() if name[0] != "_"}


def member(hint: Any, name: str) -> Any:
    """The type of ``value.name``. Raises NoSuchMember."""
    if name.startswith("_"):
        raise NoSuchMember
    owner = plain(hint)
    if owner is Any:
        return Any
    if is_dataclass(owner) and isinstance(owner, type):
        known = members(owner)
        if name not in known and not callable(getattr(owner, name, None)):
            raise NoSuchMember(tuple(known))
        return known.get(name, Any)
    if isinstance(owner, type) and issubclass(owner, Enum) and name in ("label", "value", "name"):
        return str
    if not hasattr(get_origin(owner) or owner, name):
        raise NoSuchMember(("label", "value") if isinstance(owner, type) and issubclass(owner, Enum) else ())
    return Any


def item(hint: Any) -> Any:
    """The type of what a sequence holds; Any when nobody knows."""
    kind = plain(hint)
    return get_args(kind)[0] if get_origin(kind) in (tuple, list) else Any


def words(hint: Any) -> tuple[str, ...]:
    """The stored values of a closed list of words; none for any other type."""
    kind = plain(hint)
    if kind in (Kind, Unstored):  # a part that mails share may ask for any of them
        return tuple(one.value for one in (*Kind, *Unstored))
    return tuple(str(one.value) for one in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()


def fields_of(record: Any) -> tuple[str, ...]:
    """The names of a frozen record's fields, in their order."""
    return tuple(field.name for field in fields(record))
