"""What every command is given: the settings' file, and who acts."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from states.vocabulary import Role

if TYPE_CHECKING:
    from workflow.settings import Settings

FORMS = "operator:ADRESSE, chef:UAI[,UAI], adjoint:UAI[,UAI] ou lecteur:ADRESSE"
_ROLES = {
    "operator": Role.OPERATOR,
    "chef": Role.CHEF,
    "adjoint": Role.DEPUTY,
    "lecteur": Role.READER,
    "reader": Role.READER,
}


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts, as typed: the address of an operator or a reader, or the UAI of a chef or an adjoint (R2, R3)."""

    role: Role
    value: tuple[str, ...]


def parse_who(text: str) -> Who:
    """Read ``operator:ADDRESS``, ``chef:UAI[,UAI]``, ``adjoint:UAI[,UAI]``, ``lecteur:ADDRESS`` or ``reader:``.

    Whether such a person exists is not judged here. Raises ValueError, in French, on anything else.
    """
    from states.words import clean, has_uai_form, mail_problem, normalise_uai

    name, _, rest = text.partition(":")
    role = _ROLES.get(name.strip().casefold())
    if role is None or not rest.strip():
        raise ValueError(f"« {text} » ne dit pas qui agit. Formes possibles : {FORMS}.")
    if role in (Role.OPERATOR, Role.READER):
        address = clean(rest)
        problem = mail_problem(address)
        if problem:
            raise ValueError(f"« {address} » {problem}. Formes possibles : {FORMS}.")
        return Who(role, (address,))
    numbers = tuple(dict.fromkeys(normalise_uai(number) for number in rest.split(",")))
    wrong = next((number for number in numbers if not has_uai_form(number)), None)
    if wrong is not None:
        raise ValueError(f"« {wrong} » n'est pas un UAI (7 chiffres et une lettre). Formes possibles : {FORMS}.")
    return Who(role, numbers)


class WhoType(click.ParamType[Who]):
    """The value of ``--as``."""

    name = "qui"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Who:
        if isinstance(value, Who):
            return value
        try:
            return parse_who(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass
class App:
    """The command's surroundings, found in ``ctx.obj`` and passed by ``@pass_app``.

    ``config`` None means the usual settings' file, ``who`` None the operator whom the settings name.
    """

    config: Path | None = None
    who: Who | None = None
    _settings: "Settings | None" = field(default=None, init=False, repr=False)

    def settings(self) -> "Settings":
        """The académie's settings, read at the first call. Raises ``workflow.settings.SettingsError``."""
        if self._settings is None:
            from workflow.settings import find_settings, load_settings

            named = None if self.config is None else str(self.config)
            self._settings = load_settings(find_settings(named, os.environ))
        return self._settings


pass_app = click.make_pass_decorator(App)
