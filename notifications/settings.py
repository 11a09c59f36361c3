"""The mail settings, and the base that every section of ``config.yaml`` shares."""

import os
import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from states.validation import mail_problem, text_problem

_SENDER = re.compile(r"(?:(?P<name>[^<>]*?)\s*<(?P<mail>[^<>]+)>|(?P<bare>[^<>\s]+))")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')

_PDF = b"%PDF"

MAX_BYTES = 5_000_000
"""The largest size of one file, in bytes."""
MAX_ALL_BYTES = 8_000_000
"""The largest size of all together, in bytes: encoded they weigh a third more, and relays have limits."""

SENDER_EXAMPLE = "ODA <oda@ac-toulouse.fr>"


class Section(BaseModel):
    """A section of the settings: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)


def refusal(message: str, allowed: str | None = None) -> PydanticCustomError:
    """A refused value, to raise in a validator: the fault and an allowed value, both in French."""
    return PydanticCustomError("refused", "{message}", {"message": message, "allowed": allowed})


def refusals(errors: Iterable[tuple[str | tuple[str | int, ...], PydanticCustomError]]) -> ValidationError:
    """Several refusals to raise at once in a validator, each with its key, or path, under the field being validated."""
    paths = ((key if isinstance(key, tuple) else (key,), error) for key, error in errors)
    lines = [InitErrorDetails(type=error, loc=path, input=None) for path, error in paths]
    return ValidationError.from_exception_data("settings", lines, hide_input=True)


def matching(pattern: str, problem: str, allowed: str) -> AfterValidator:
    """The check that a text has this form; ``problem`` says « {text} » where it is quoted."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise refusal(problem.format(text=text), allowed)
        return text

    return AfterValidator(check)


def _one_line(text: str) -> str:
    problem = "doit tenir sur une seule ligne" if re.search(r"[\r\n\t]", text) else text_problem(text)
    if problem:
        raise refusal(f"ce texte {problem}" if text else "ce texte est vide")
    return text


def _mail_address(text: str) -> str:
    if problem := mail_problem(text):
        raise refusal(f"« {text} » {problem}" if text else "l'adresse est vide")
    return text


def _sender(text: str) -> str:
    match = _SENDER.fullmatch(_one_line(text))
    if not match:
        raise refusal(f"« {text} » n'est pas un expéditeur", SENDER_EXAMPLE)
    _mail_address(match["mail"] or match["bare"])
    return text


OneLine = Annotated[str, AfterValidator(_one_line), Field(json_schema_extra={"minLength": 1})]
MailAddress = Annotated[str, AfterValidator(_mail_address), Field(json_schema_extra={"format": "email"})]
Host = Annotated[
    str,
    matching(
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+",
        "« {text} » n'est pas un nom de serveur",
        "un nom ou une adresse IP, sans https:// ni port",
    ),
]
Seconds = Annotated[int, Field(ge=1, le=86400)]


class RelaySettings(Section):
    """The SMTP server that takes the mails; its password is the secret ``smtp-password``."""

    host: Host = Field(description="Nom du serveur SMTP (relais) de l'académie.")
    port: int = Field(25, ge=1, le=65535, description="Port du relais : 25, 587 (starttls) ou 465 (tls).")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="Chiffrement de la connexion : starttls, tls (dès l'ouverture) ou none (en clair)."
    )
    username: OneLine | None = Field(
        None, description="Compte sur le relais, ou null. Son mot de passe est le secret smtp-password."
    )
    timeout_seconds: int = Field(30, ge=1, le=300, description="Attente la plus longue d'une réponse, en secondes.")


class MailSettings(Section):
    """The signature, sending and retry of mails. Durations are in seconds."""

    sender: Annotated[str, AfterValidator(_sender)] = Field(
        description=f"Expéditeur des courriels, par exemple {SENDER_EXAMPLE}."
    )
    operators_mailbox: MailAddress = Field(description="Boîte qui reçoit les demandes à traiter et les alertes.")
    operators: Literal["each", "daily"] = Field(
        "each",
        description="each : un courriel aux opérateurs par nouvelle demande, retrait ou signalement ; daily : ils sont"
        " comptés dans le récapitulatif du jour, et seul ce qui presse part aussitôt (R80).",
    )
    step_receipts: bool = Field(
        True,
        description="Accuser réception à l'établissement de chaque étape qu'il fait avant l'envoi de sa demande : la"
        " déclaration, la délégation, la charte (R55).",
    )
    reply_to: MailAddress | None = Field(
        None, description="Adresse où arrivent les réponses : celle du centre de service (R59)."
    )
    message_id_domain: Host | None = Field(
        None, description="Domaine des identifiants de courriel ; null : celui de l'expéditeur."
    )
    relay: RelaySettings = Field(description="Le serveur SMTP à qui les courriels sont remis.")
    connections: int = Field(4, ge=1, le=64, description="Connexions ouvertes à la fois vers le relais.")
    lease_seconds: int = Field(
        120,
        le=3600,
        validate_default=True,
        description="Durée pendant laquelle un envoi est réservé à une machine ; plus du double de timeout_seconds.",
    )
    give_up_days: int = Field(
        5,
        ge=1,
        le=30,
        description="Jours pendant lesquels un courriel remis à plus tard est essayé, avant d'être signalé.",
    )
    max_attempts: int = Field(
        8, ge=1, le=50, description="Essais qu'un courriel a eus, au moins, avant d'être signalé aux opérateurs."
    )
    retry_after_seconds: tuple[Seconds, ...] = Field(
        (60, 300, 900, 3600, 14400),
        min_length=1,
        description="Attentes entre deux essais, en secondes ; la dernière se répète.",
    )
    retry_uncertain: bool = Field(
        True, description="Renvoyer une fois de soi-même un courriel dont on ignore s'il est arrivé."
    )
    signature: OneLine = Field(description="Nom du service, à la fin de chaque courriel.")
    contact: OneLine = Field(description="Comment joindre le service : adresse ou téléphone, affichés tels quels.")

    @field_validator("lease_seconds")
    @classmethod
    def _lease_outlives_timeout(cls, value: int, info: ValidationInfo) -> int:
        relay = info.data.get("relay")
        if relay and value <= 2 * relay.timeout_seconds:
            raise refusal(
                f"la réservation ({value} s) doit durer plus de deux fois relay.timeout_seconds"
                f" ({relay.timeout_seconds} s),"
                " sinon deux machines enverraient le même courriel",
                f"plus de {2 * relay.timeout_seconds}",
            )
        return value

    @property
    def sender_name(self) -> str:
        """The name shown beside the sender's address; empty when the settings give the address alone."""
        match = _SENDER.fullmatch(self.sender)
        name = (match["name"] or "").strip() if match else ""
        quoted = _QUOTED.fullmatch(name)
        return re.sub(r"\\(.)", r"\1", quoted[1]).strip() if quoted else name

    @property
    def sender_address(self) -> str:
        """The sender's address alone, as it is given to the relay."""
        match = _SENDER.fullmatch(self.sender)
        return (match["mail"] or match["bare"]) if match else self.sender

    @property
    def id_domain(self) -> str:
        """The domain of the Message-IDs."""
        return self.message_id_domain or self.sender_address.rpartition("@")[2]


def document_problem(path: str) -> str | None:
    """Say in French why this file cannot be joined to a mail, and what to do; None when it can."""
    if not os.path.exists(path):  # which, unlike Path's, never raises
        return f"le fichier {path} n'existe pas : l'y mettre, ou corriger le chemin"
    if not os.path.isfile(path):
        return f"{path} n'est pas un fichier : donner le chemin d'un PDF"
    try:
        with open(path, "rb") as file:
            start, size = file.read(len(_PDF)), os.fstat(file.fileno()).st_size
    except OSError:
        return f"le fichier {path} ne peut pas être lu : en donner le droit au compte du service"
    return document_content_problem(path, start, size)


def document_content_problem(path: str, start: bytes, size: int) -> str | None:
    """Say in French why a file that begins so and has this size in bytes cannot be joined; None when it can."""
    if not start.startswith(_PDF):
        return f"le fichier {path} n'est pas un PDF : l'enregistrer dans ce format"
    if size > MAX_BYTES:
        return f"le fichier {path} pèse {megabytes(size)}, et {megabytes(MAX_BYTES)} au plus sont admis : l'alléger"
    return None


def megabytes(size: int) -> str:
    """Write a size in bytes for a reader: ``5,2 Mo``; rounded up, so that too much is never shown as enough."""
    tenths = -(-size // 100_000)
    whole, rest = divmod(tenths, 10)
    return f"{whole},{rest} Mo" if rest else f"{whole} Mo"
