"""What each command is on the wire, made from the commands themselves: a new field of a command is a new field here."""

from dataclasses import MISSING, fields
from datetime import date
from functools import cache
from typing import Annotated, Any, Final, Literal, get_type_hints

from pydantic import Field, SecretStr, StrictBool, create_model

from portal.api import words
from portal.api.kinds import LONGEST, Asked, Count, Day, Reference, Text, Year
from states.actors import OnBehalf
from states.commands import COMMANDS, Code, Command
from states.school_year import SchoolYear
from states.vocabulary import RequestedBy, Trigger

OPEN: Final[dict[Trigger, type[Command]]] = {
    trigger: kind for trigger, kind in COMMANDS.items() if trigger is not Trigger.EXPIRE
}
"""The commands open to people: only the schedule says that a year is over (R50)."""


class Behalf(Asked):
    """The establishment's request to an operator (R5)."""

    who: Text = Field(description="Qui, dans l'établissement : nom et fonction.")
    how: RequestedBy = Field(description="Par quel moyen.")
    when: Day = Field(description="Quel jour.")


_KINDS: Final[dict[Any, Any]] = {
    str: Text, bool: StrictBool, int: Count, date: Day, SchoolYear: Year, OnBehalf: Behalf,
    Code: Annotated[SecretStr, Field(max_length=LONGEST)],
}  # fmt: skip
_REFERENCES = ("reference", "extends")


@cache
def body_of(trigger: Trigger) -> type[Asked]:
    """The body of ``POST /requests/{reference}/{trigger}``, or of a birth."""
    kind = OPEN[trigger]
    hints = get_type_hints(kind)
    members: dict[str, Any] = {}
    for one in fields(kind):
        if one.name == "reference":
            continue
        what, _ = words.of_field(trigger, one.name)
        default: Any = ... if one.default is MISSING else one.default
        members[one.name] = (_on_the_wire(one.name, hints[one.name]), Field(default, description=what))
    return create_model(f"{_camel(trigger)}Body", __base__=Asked, **members)


@cache
def entry_of(trigger: Trigger) -> type[Asked]:
    """The same within a batch: it says which command it is, and on which request."""
    members: dict[str, Any] = {"trigger": (Literal[trigger.value], Field(description=f"Toujours « {trigger.value} »."))}
    if any(one.name == "reference" for one in fields(OPEN[trigger])):
        members["reference"] = (Reference, Field(description=words.FIELDS["reference"][0]))
    return create_model(f"{_camel(trigger)}Entry", __base__=body_of(trigger), **members)


def command_of(trigger: Trigger, body: Asked, **more: Any) -> Command:
    """The command that a body asks for; ``more`` is what the address says."""
    kind = OPEN[trigger]
    said = {one.name: _plain(getattr(body, one.name)) for one in fields(kind) if one.name in type(body).model_fields}
    return kind(**(said | more))


@cache
def example_of(trigger: Trigger, *, behalf: bool = False) -> dict[str, Any]:
    """A body that is accepted, for a request that is where it must be."""
    found = {name: words.of_field(trigger, name)[1] for name in body_of(trigger).model_fields}
    return {name: value for name, value in found.items() if value is not None} | (
        {"on_behalf": words.BEHALF} if behalf else {}
    )


def _on_the_wire(name: str, hint: Any) -> Any:
    parts = getattr(hint, "__args__", ())
    if parts and type(None) in parts:
        (inner,) = (part for part in parts if part is not type(None))
        return _on_the_wire(name, inner) | None
    return Reference if name in _REFERENCES else _KINDS.get(hint, hint)


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return Code(clear=value.get_secret_value())
    if isinstance(value, Behalf):
        return OnBehalf(who=value.who, how=value.how, when=value.when.isoformat())
    return value


def _camel(trigger: Trigger) -> str:
    return "".join(part.capitalize() for part in trigger.value.split("_"))
