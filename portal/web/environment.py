"""The environment of the pages' templates: their filters and the names that they know.

A child process that tries an académie's texts imports it: it needs neither the web's framework nor a database.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from jinja2 import BaseLoader, ChoiceLoader, DictLoader, Environment, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from notifications.rendering.child import step
from notifications.rendering.environment import Contents, TemplateProblem
from portal.exports.spreadsheet_files import FileFormat
from portal.texts import TRIGGER_TEXTS
from portal.web.public_texts import PublicFacts, piece_problems
from states import french
from states.refusals import Reason
from states.validation import departement_name
from states.vocabulary import State, Trigger
from workflow.settings.model import Settings

OURS: Final = Path(__file__).parent / "static"

STEPS = {
    State.DECLARED: "Délégation",
    State.DELEGATED: "Charte",
    State.CHARTER_SIGNED: "Envoi de la demande",
    State.REQUESTED: "Vérification par le rectorat",
    State.CODE_ISSUED: "Mise en service de la clé",
}
"""The step of each state in the design system's stepper; the declaration comes before them."""

_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")

CHEF_HOME: Final = "/etablissement"

_ADDRESS_OR_NUMBER = re.compile(
    r"(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<number>(?<!\d)(?:\+33|0)(?:[ .\u00a0]?\d){9}(?!\d))"
)
"""An electronic address; a French number of ten digits, however they are grouped."""


@lru_cache(maxsize=1)
def dsfr_folder() -> Path:
    """The files of the design system, found without importing their package, which would want Django."""
    spec = find_spec("dsfr")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package django-dsfr is not installed")
    return Path(spec.origin).parent / "static" / "dsfr" / "dist"


@lru_cache(maxsize=1)
def dsfr_version() -> str:
    """The version in the addresses of its files, so that browsers keep them for a year."""
    return (dsfr_folder().parent / "dsfr_version").read_text().strip()


DARK_STYLE: Final = f"/static/theme/{dsfr_version()}/sombre.css"


@lru_cache(maxsize=1)
def our_version() -> str:
    """The same for our own files: drawn from what they hold."""
    digest = hashlib.sha256()
    for file in sorted(OURS.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def environment_of(
    settings: Settings, pieces: Mapping[str, str], loaders: Iterable[BaseLoader] = (),
    kind: type[Environment] = ImmutableSandboxedEnvironment,
) -> Environment:  # fmt: skip
    """The templates with their filters and names, the académie's own texts first.

    ``pieces``: these texts, by their file name; ``loaders``: of a demonstration's templates. ``kind``: the sandbox
    unless every text is this software's: it makes each page slower.
    """
    own = DictLoader({f"pieces/{name}": text for name, text in pieces.items()})
    environment = kind(
        loader=ChoiceLoader([own, *loaders, PackageLoader("portal.web")]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    zone = settings.zoneinfo
    environment.filters |= {
        "day": french.day,
        "instant": partial(french.instant, timezone=zone),
        "hour": partial(french.hour, timezone=zone),
        "short_day": lambda value: f"{value:%d/%m/%Y}",
        "local_day": lambda value: value.astimezone(zone).date(),
        "plural": french.plural,
        "de": french.de,
        "capital": french.capital,
        "sentence": sentence_of,
        "family_name": french.family_name_in_capitals,
        "contact_links": contact_links,
        "departement": departement_name,
    }
    environment.globals |= {
        "settings": settings, "portal": settings.portal, "State": State, "Trigger": Trigger,
        "STEPS": STEPS, "TRIGGER_TEXTS": TRIGGER_TEXTS, "dsfr": f"/static/dsfr/{dsfr_version()}", "dark": DARK_STYLE,
        "ours": f"/static/oda/{our_version()}", "academie": french.academy(settings.academie.nom),
        "FileFormat": FileFormat, "proof_lasts": timedelta(minutes=settings.sign_in.step_up_minutes),
    }  # fmt: skip
    return environment


def sentence_of(reason: Reason, home: str) -> Markup:
    """Word a reason for whoever has ``home``: with its rule for the rectorat alone, the requests named being links."""
    rule = f" ({reason.rule})" if reason.rule and home != CHEF_HOME else ""
    text = escape(f"{reason.message}{rule}. {reason.remedy}")
    if not home:
        return text
    return Markup(_REFERENCE.sub(rf'<a href="{home}/demandes/\g<0>">\g<0></a>', str(text)))  # noqa: S704 - escaped above


def try_pieces(settings: Settings, contents: Contents) -> list[TemplateProblem]:
    """The errors of texts that were read: what the child process does."""
    return piece_problems(settings, contents, environment_of(settings, contents.texts))


def fill_piece(settings: Settings, name: str, text: str, here: PublicFacts, home: str) -> str:
    """The HTML of one text of the académie's: what the child process does for a page. Raises TemplateError, TooLong."""
    with step(name):
        return environment_of(settings, {name: text}).get_template(f"pieces/{name}").render(here=here, home=home)


def contact_links(text: str) -> Markup:
    """A contact of the settings, escaped, in which an address can be written to and a number called at a touch."""
    parts: list[Markup] = []
    copied = 0
    for match in _ADDRESS_OR_NUMBER.finditer(text):
        scheme = "mailto:" if match["mail"] else "tel:"
        target = match.group() if match["mail"] else re.sub(r"[^\d+]", "", match.group())
        parts += (
            escape(text[copied : match.start()]),
            Markup('<a href="{}{}">{}</a>').format(scheme, target, match.group()),
        )
        copied = match.end()
    return Markup("").join((*parts, escape(text[copied:])))
