"""The settings of signing in: mail links, identity providers (R101), a gate's headers (R102), their claims (R103)."""

import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from notifications.settings import OneLine, Section, matching, refusal
from states.vocabulary import Role
from workflow.settings.infrastructure import ProxyAddress
from workflow.settings.secrets import OF_PROVIDER
from workflow.settings.sections import WebAddress
from workflow.settings.services import has_hidden, is_this_machine

ClaimNames = Annotated[tuple[OneLine, ...], Field(min_length=1, max_length=20)]

ClaimValues = Annotated[tuple[OneLine, ...], Field(max_length=200)]

LARGEST_GATE: Final = 1024
"""Addresses of a network that may say who calls: a gate has a few, not those of a whole site."""

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,60}")

_OURS: Final = frozenset(
    {
        "host", "cookie", "authorization", "origin", "referer", "forwarded", "connection", "transfer-encoding", "te",
        "idempotency-key", "user-agent", "upgrade", "range", "via", "date", "expect",
    }
)  # fmt: skip
"""Headers that the portal needs from everybody, as are those of ``_OUR_FAMILIES``."""

_OUR_FAMILIES: Final = ("accept", "content-", "sec-", "x-forwarded-", "if-", "access-control-")

RoleName = Literal["chef", "operator", "reader"]

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""The signatures that a provider's published key checks: never none, nor one made with the shared secret."""

_PROVIDER_NAME = "[a-z][a-z0-9-]{0,29}"

ISSUER_EXAMPLE = "par exemple https://auth.agentconnect.gouv.fr/api/v2"


class ClaimNamesSettings(Section):
    """The names under which an identity says what it is; the first that is there is read.

    Case, underscores and hyphens do not matter; a name is also looked for below ``attributes``.
    """

    mail: ClaimNames = Field(("email", "mail", "ctemail"), description="L'adresse électronique.")
    given_name: ClaimNames = Field(("given_name", "prenom", "ctfn"), description="Le prénom.")
    family_name: ClaimNames = Field(("usual_name", "family_name", "nom", "ctln", "sn"), description="Le nom.")
    function: ClaimNames = Field(("FrEduFonctAdm",), description="La fonction dans l'établissement.")
    responsibility: ClaimNames = Field(
        ("FrEduRneResp",), description="Les établissements dont la personne est responsable."
    )
    groups: ClaimNames = Field(("groups", "ctgrps"), description="Les groupes.")
    siret: ClaimNames = Field(("siret",), description="Le SIRET de l'employeur (ProConnect).")
    delegation: ClaimNames = Field(
        ("FrEduResDel",), description="Les délégations que le RUPN a reçues, proposées à qui vérifie (R113)."
    )


class IdentityMappingSettings(Section):
    """The values of those claims that make somebody a chef, an operator, a reader (R103)."""

    claims: ClaimNamesSettings = Field(
        default_factory=ClaimNamesSettings, description="Les noms sous lesquels une identité dit chaque chose."
    )
    chef_functions: ClaimValues = Field(
        ("DIR",),
        description="Les fonctions d'un chef d'établissement (DIR, celle de son adjoint aussi) ; vide : être"
        " responsable suffit.",
    )
    deputy_functions: ClaimValues = Field(
        (), description="Les fonctions d'un adjoint, là où elles se distinguent ; sinon on lui demande s'il l'est."
    )
    deputy_groups: ClaimValues = Field((), description="Les groupes d'un adjoint, là où ils le distinguent.")
    operator_groups: ClaimValues = Field(
        (), description="Un opérateur de people.operators doit aussi être de l'un de ces groupes ; vide : aucun exigé."
    )
    reader_groups: ClaimValues = Field((), description="De même pour un lecteur de people.readers.")
    binding: bool = Field(
        True,
        description="Une identité qui ne dit pas la fonction se lie une fois à un établissement, par un lien envoyé à"
        " sa boîte ; false : elle est refusée.",
    )


def canonical_header(name: str) -> str:
    """A header's name as a careless server may confuse it with another: no case, hyphens for any sign."""
    return re.sub(r"[^a-z0-9]", "-", name.lower())


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise refusal(f"« {text} » n'est pas un nom d'en-tête", "des lettres, chiffres et tirets : ct-remote-user")
    if canonical_header(text) in _OURS or canonical_header(text).startswith(_OUR_FAMILIES):
        raise refusal(f"« {text} » sert à tous les navigateurs : il serait ôté de chaque visite", "ct-remote-user")
    return text


def _gate(text: str) -> str:
    if ip_network(text).num_addresses > LARGEST_GATE:
        raise refusal(
            f"« {text} » laisserait presque n'importe qui se dire quelqu'un d'autre",
            "l'adresse du guichet seul : 10.1.2.3",
        )
    return text


HeaderName = Annotated[str, AfterValidator(_header)]

GateAddress = Annotated[ProxyAddress, AfterValidator(_gate)]


class TrustedHeadersSettings(Section):
    """A gate of the académie that has identified who calls, and says it in headers; the names are ARENA's.

    ``proxies`` are compared with the address that the connection comes from, never with a forwarded one.
    """

    proxies: tuple[GateAddress, ...] = Field(
        (),
        max_length=20,
        description="Les adresses du guichet, d'où les en-têtes sont lus ; vide : ils ne le sont jamais (R102).",
    )
    label: OneLine = Field("ARENA", max_length=60, description="Le nom du guichet, tel que chacun le connaît.")
    secret: HeaderName = Field(
        "X-Oda-Guichet", description="L'en-tête qui porte le secret partagé avec lui (secret gate-secret)."
    )
    person: HeaderName = Field("ct-remote-user", description="L'identifiant de la personne ; sans lui, pas d'identité.")
    mail: HeaderName = Field("ctemail", description="Son adresse électronique.")
    family_name: HeaderName = Field("ctln", description="Son nom.")
    given_name: HeaderName = Field("ctfn", description="Son prénom.")
    function: HeaderName = Field("FrEduFonctAdm", description="Sa fonction.")
    responsibility: HeaderName = Field("FrEduRneResp", description="Les établissements dont elle est responsable.")
    groups: HeaderName = Field("ctgrps", description="Ses groupes.")
    delegation: HeaderName = Field("FrEduResDel", description="Les délégations qu'elle a reçues (R113).")
    others: tuple[HeaderName, ...] = Field(
        ("FrEduRne", "employeeNumber"),
        max_length=50,
        description="Les autres en-têtes que pose le guichet : ôtés sans être lus.",
    )

    @model_validator(mode="after")
    def _have_names_of_their_own(self) -> Self:
        names = [canonical_header(name) for name in self.names]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise refusal(f"deux en-têtes se confondent : « {twice} »", "un nom différent pour chacun")
        return self

    @property
    def claim_headers(self) -> dict[str, str]:
        """The headers that are read, by what they say, but the secret."""
        return {
            name: getattr(self, name)
            for name in (
                "person",
                "mail",
                "family_name",
                "given_name",
                "function",
                "responsibility",
                "groups",
                "delegation",
            )
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Every header that is taken away from whoever calls, read or not."""
        return (self.secret, *self.claim_headers.values(), *self.others)


def is_secure_address(text: str) -> bool:
    """Return True for an address in https, or in http of this machine alone, without password nor fragment."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    is_plain = text.isascii() and not has_hidden(text) and "@" not in parts.netloc and not parts.fragment
    return is_plain and bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host)))


ProviderName = Annotated[
    str,
    matching(_PROVIDER_NAME, "« {text} » ne peut pas être un nom d'adresse", "des minuscules et tirets : proconnect"),
    Field(json_schema_extra={"pattern": f"^{_PROVIDER_NAME}$"}),
]

Word = Annotated[
    str,
    matching(
        r"[\x21\x23-\x5B\x5D-\x7E]{1,200}",
        "« {text} » contient un espace ou un signe inattendu",
        "un mot, par exemple eidas2",
    ),
]
"""A scope or an ``acr``, in its signs (RFC 6749, 3.3): no space, no quote."""


class ProviderSettings(Section):
    """An identity provider (OpenID Connect); its secret is ``provider-NAME``."""

    name: ProviderName = Field(
        description="Son nom court, dans les adresses et le nom de son secret (provider-NOM) : proconnect."
    )
    label: OneLine = Field(max_length=60, description="Son nom sur le bouton « S'identifier avec … ».")
    issuer: str = Field(
        description="Son adresse (issuer), sous laquelle il publie sa configuration.",
        json_schema_extra={"format": "uri"},
    )
    client_id: OneLine = Field(max_length=200, description="L'identifiant qu'il a donné à ce service.")
    scopes: tuple[Word, ...] = Field(
        ("openid", "profile", "email"), description="Ce qui lui est demandé (scopes) ; openid en est toujours."
    )
    acr: dict[RoleName, tuple[Word, ...]] = Field(
        default_factory=dict,
        description="Les niveaux d'assurance (acr) admis, rôle par rôle : chef (adjoint compris), operator, reader ;"
        " sans liste, tous le sont.",
    )
    two_factors: tuple[Word, ...] = Field(
        (),
        description="Les niveaux (acr) par lesquels il dit avoir demandé deux facteurs : sign_in.second_factor n'en"
        " demande alors pas d'autre (R106).",
    )
    userinfo: Literal["json", "signed", "none"] = Field(
        "json",
        description="Ce qu'il répond sur la personne (userinfo) : json, signed (un jeton signé : ProConnect), ou none"
        " (le jeton d'identité dit tout).",
    )
    algorithms: tuple[Algorithm, ...] = Field(
        ("RS256", "ES256"), min_length=1, description="Les signatures admises de lui ; aucune autre n'est crue."
    )
    mail_is_verified: bool = Field(
        False,
        description="true : il vérifie l'adresse de chacun, même sans le dire (email_verified) ; false : une adresse"
        " n'est crue que s'il la dit vérifiée.",
    )
    about: WebAddress | None = Field(
        None, description="Adresse de la page qui le présente, pour « Qu'est-ce que … ? » sous son bouton, ou null."
    )
    logout: bool = Field(True, description="Se déconnecter ici déconnecte aussi chez lui.")

    @field_validator("issuer")
    @classmethod
    def _is_an_issuer(cls, text: str) -> str:
        if not is_secure_address(text) or urlsplit(text).query:
            raise refusal(f"« {text} » n'est pas l'adresse d'un fournisseur, en https", ISSUER_EXAMPLE)
        return text

    @field_validator("scopes")
    @classmethod
    def _has_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("openid", *scopes)))

    @property
    def secret_name(self) -> str:
        """The name of its secret."""
        return f"{OF_PROVIDER}{self.name}"

    def acr_of(self, role: Role) -> Sequence[str]:
        """The levels of assurance that this role admits; empty when all do, as for a RUPN. A deputy is as a chef."""
        if role is Role.RUPN:
            return ()
        return self.acr.get("operator" if role is Role.OPERATOR else "reader" if role is Role.READER else "chef", ())

    @property
    def all_acr(self) -> tuple[str, ...]:
        """Every level that some role admits, each once."""
        return tuple(dict.fromkeys(level for levels in self.acr.values() for level in levels))


class SignInSettings(Section):
    """The doors of the portal besides tokens, and what each requires."""

    providers: tuple[ProviderSettings, ...] = Field(
        (), max_length=10, description="Les fournisseurs d'identité nationaux ou de l'académie (R101)."
    )
    trusted_headers: TrustedHeadersSettings = Field(
        default_factory=TrustedHeadersSettings,
        description="Le guichet de l'académie (ARENA, Shibboleth) qui dit par des en-têtes qui appelle (R102).",
    )
    mapping: IdentityMappingSettings = Field(
        default_factory=IdentityMappingSettings,
        description="Ce que dit une identité, et ce qu'elle peut être ici (R103).",
    )
    mail_link: tuple[RoleName, ...] = Field(
        ("chef", "operator", "reader"),
        description="Qui peut se connecter par un lien reçu par courriel : chef (la boîte d'un établissement, adjoint"
        " compris), operator, reader (R101).",
    )
    rupn: bool = Field(
        True,
        description="Le RUPN a sa page : où en est sa clé, ce qui est gardé de lui ; par une identité nationale ou un"
        " lien à l'adresse de sa demande (R113).",
    )

    second_factor: Literal["none", "optional", "required"] = Field(
        "none",
        description="Le second facteur des opérateurs (six chiffres d'une application, RFC 6238) : none, optional (qui"
        " le veut), required (R106).",
    )

    step_up_minutes: Annotated[int, Field(ge=1, le=120)] = Field(
        15,
        description="Minutes pendant lesquelles une preuve (se connecter en est une) permet ce qui donne ou ôte"
        " beaucoup : émettre un code, fixer une boîte, agir en nombre (R105) ; ensuite, confirmer que c'est soi.",
    )

    @field_validator("providers")
    @classmethod
    def _have_names_of_their_own(cls, providers: tuple[ProviderSettings, ...]) -> tuple[ProviderSettings, ...]:
        names = [provider.name for provider in providers]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise refusal(f"deux fournisseurs s'appellent « {twice} »")
        return providers

    @model_validator(mode="after")
    def _leaves_a_door(self) -> Self:
        if set(self.mail_link) != {"chef", "operator", "reader"} and not self.has_other_doors:
            raise refusal(
                "sans fournisseur d'identité ni guichet, le lien par courriel est la seule porte : personne d'autre"
                " n'entrerait",
                "chef, operator et reader pour mail_link, un fournisseur dans providers, ou un guichet dans"
                " trusted_headers",
            )
        return self

    @property
    def has_other_doors(self) -> bool:
        """True when somebody may sign in otherwise than by a mail's link."""
        return bool(self.providers or self.trusted_headers.proxies)

    def provider(self, name: str) -> ProviderSettings | None:
        """The provider of this name."""
        return next((provider for provider in self.providers if provider.name == name), None)

    def label_of(self, name: str) -> str:
        """The name by which people call this provider; the gate's, for an empty name."""
        provider = self.provider(name)
        return provider.label if provider else name or self.trusted_headers.label

    def may_use_mail(self, role: Role) -> bool:
        """True when this role signs in by a mail's link. A deputy enters by the mailbox of its establishment."""
        if role is Role.RUPN:
            return self.rupn
        return ("chef" if role is Role.DEPUTY else role.value) in self.mail_link
