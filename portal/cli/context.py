"""What every command is given: the settings' file, and who acts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from portal.cli.exits import CliFailure, ExitCode
from portal.cli.lazy import load
from states.vocabulary import Role

SETTINGS_LOADER = ("workflow.settings", "load_settings")
"""Where the settings are read: a function of the file's path, or of None for the usual place."""

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
    _settings: Any = None

    def settings(self) -> Any:
        """The académie's settings, read at the first call. Raises CliFailure when the given file is missing."""
        if self._settings is None:
            if self.config is not None and not self.config.is_file():
                raise CliFailure(
                    f"Le fichier de réglages « {self.config} » est introuvable.",
                    ExitCode.SETTINGS,
                    ["Que faire : corriger --config, ou créer un fichier avec « oda init »."],
                )
            self._settings = load(*SETTINGS_LOADER)(self.config)
        return self._settings


pass_app = click.make_pass_decorator(App)
