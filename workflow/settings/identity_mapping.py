"""How the claims of an identity are read: their names, and what makes a chef, an operator, a reader (R103)."""

from typing import Annotated

from pydantic import Field

from notifications.settings import OneLine, Section

ClaimNames = Annotated[tuple[OneLine, ...], Field(min_length=1, max_length=20)]

Values = Annotated[tuple[OneLine, ...], Field(max_length=200)]


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
    """What the values of those claims make of somebody (R103)."""

    claims: ClaimNamesSettings = Field(
        default_factory=ClaimNamesSettings, description="Les noms sous lesquels une identité dit chaque chose."
    )
    chef_functions: Values = Field(
        ("DIR",),
        description="Les fonctions d'un chef d'établissement (DIR, celle de son adjoint aussi) ; vide : être"
        " responsable suffit.",
    )
    deputy_functions: Values = Field(
        (), description="Les fonctions d'un adjoint, là où elles se distinguent ; sinon on lui demande s'il l'est."
    )
    deputy_groups: Values = Field((), description="Les groupes d'un adjoint, là où ils le distinguent.")
    operator_groups: Values = Field(
        (), description="Un opérateur de people.operators doit aussi être de l'un de ces groupes ; vide : aucun exigé."
    )
    reader_groups: Values = Field((), description="De même pour un lecteur de people.readers.")
    binding: bool = Field(
        True,
        description="Une identité qui ne dit pas la fonction se lie une fois à un établissement, par un lien envoyé à"
        " sa boîte ; false : elle est refusée.",
    )
