"""Where the security journal is written besides the database, and whom to tell of a flaw (R108, RFC 9116)."""

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from notifications.settings import Section, refusal
from states.validation import mail_problem
from workflow.settings.infrastructure import has_hidden

SecurityLog = Literal["none", "stderr", "syslog"]


def _contact(text: str) -> str:
    if "@" in text and "/" not in text:
        if problem := mail_problem(text):
            raise refusal(f"« {text} » {problem}", "par exemple ssi@ac-toulouse.fr, ou une adresse en https://")
        return text
    return _page(text)


def _page(text: str) -> str:
    parts = urlsplit(text)
    if has_hidden(text) or parts.scheme != "https" or not parts.hostname:
        raise refusal(f"« {text} » n'est pas une adresse en https", "par exemple https://www.ac-toulouse.fr/securite")
    return text


class SecurityContactSettings(Section):
    """What ``/.well-known/security.txt`` says to who has found a flaw; without a contact there is no such file."""

    contact: Annotated[str, AfterValidator(_contact)] | None = Field(
        None,
        description="À qui signaler une faille : une adresse électronique ou une page en https. null : pas de fichier"
        " /.well-known/security.txt.",
    )
    policy: Annotated[str, AfterValidator(_page)] | None = Field(
        None, description="La page en https qui dit ce que l'on fait d'un signalement ; null : aucune."
    )


DAYS_AHEAD: Final = 360
"""Days until the file expires: less than a year, as its RFC asks; it is made anew at each reading."""
