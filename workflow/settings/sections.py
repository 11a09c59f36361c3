"""The sections of the settings that no other module holds."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from notifications.settings import (
    MAX_ALL_BYTES,
    MAX_BYTES,
    MailAddress,
    OneLine,
    Section,
    document_problem,
    matching,
    megabytes,
    refusal,
    refusals,
)
from states.validation import MailDomains, code_of_departement, fold_mail

_DRANE_COLUMNS = (
    ("Mouvement", "movement"), ("UAI", "uai"), ("Établissement", "establishment"), ("Commune", "commune"),
    ("Département", "departement_name"), ("Nom", "nom"), ("Prénom", "prenom"), ("Adresse électronique", "mail"),
    ("Année scolaire", "school_year"), ("Référence", "reference"),
)  # fmt: skip

ResourceKind = Literal["affiche", "flyer", "diaporama", "vidéo", "infographie", "courrier", "guide"]

_CORSICA_AND_OVERSEAS = re.compile(r"2[AB]|620|720|9[78]\d")


def spellings(departement: str) -> list[str]:
    """The forms in which the directory may write a département: ``31`` and ``031``, ``2A`` and ``02A``."""
    bare = departement.strip().upper().lstrip("0")
    return sorted({bare, bare.zfill(2), bare.zfill(3)})


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
    except ValueError:
        fine = False
    if not fine:
        raise refusal(f"« {text} » n'est pas une adresse web", "une adresse qui commence par https://")
    return text


WebAddress = Annotated[str, AfterValidator(_web_address), Field(json_schema_extra={"format": "uri"})]


class SecretsSettings(Section):
    """The folder of the secret files."""

    directory: OneLine = Field(
        "secrets", description="Dossier des secrets, relatif au dossier de ce fichier ; aucun secret ici même."
    )


class DraneColumn(Section):
    """A column of the file for the DRANE (R96)."""

    title: OneLine = Field(description="Titre de la colonne.")
    cell: Literal[
        "movement", "uai", "establishment", "commune", "departement", "departement_name", "nom", "prenom", "mail",
        "school_year", "reference",
    ] = Field(description="Ce qu'elle contient ; movement : ajout, correction ou retrait.")  # fmt: skip


class DraneSettings(Section):
    """The declaration of the RUPN to the DRANE (R25, R96)."""

    declaration: Literal["by_chef", "sent_by_us"] = Field(
        "by_chef",
        description="by_chef : le chef déclare le RUPN dans l'application de la DRANE ; sent_by_us : le rectorat le"
        " transmet (R25).",
    )
    address: WebAddress | None = Field(
        None, description="Adresse de l'application de la DRANE, montrée au chef, ou null."
    )
    name: OneLine = Field(
        "direction de région académique du numérique pour l'éducation (DRANE)",
        description="Nom de la DRANE, tel qu'il est dit au chef.",
    )
    columns: tuple[DraneColumn, ...] = Field(
        tuple(DraneColumn.model_validate({"title": title, "cell": cell}) for title, cell in _DRANE_COLUMNS),
        min_length=1, description="Colonnes du fichier transmis à la DRANE, dans l'ordre (R96).",
    )  # fmt: skip


class ActivationSettings(Section):
    """The targets of the EduConnect accounts that are activated, in percent (R100)."""

    target_pupils: int | None = Field(
        None, ge=1, le=100, description="Objectif des comptes d'élèves activés, en % ; au-dessous, « vigilance »."
    )
    target_parents: int | None = Field(
        None, ge=1, le=100, description="Objectif des comptes de responsables activés, en %."
    )


class CharterSettings(Section):
    """The charter in force (R27)."""

    version: OneLine = Field("2026-1", max_length=40, description="Version de la charte en vigueur (R27).")


class KeySettings(Section):
    """The scope of a key, a person or a request (R42), and whether it serves other applications (R48)."""

    scope: Literal["person", "request"] = Field(
        "person", description="Une clé par personne (person) ou une par demande (request) (R42)."
    )
    other_uses: Literal["possible", "never"] = Field(
        "possible",
        description="possible : une clé peut servir à d'autres applications, un retrait n'ôte que ses droits ; never :"
        " il la supprime (R48).",
    )


class OdaSettings(Section):
    """The ODA server's own page for those who bear a key."""

    address: WebAddress | None = Field(
        None,
        description="Adresse de la page où le RUPN se sert de sa clé et choisit son code PIN, montrée avec le code, ou"
        " null.",
    )


class ChecksSettings(Section):
    """The validity of a check, in days (R36)."""

    max_age_days: int = Field(30, ge=1, le=366, description="Jours pendant lesquels une vérification vaut (R36).")


class LimitsSettings(Section):
    """The most of what an establishment may have (R18)."""

    live_requests: int = Field(
        200, ge=1, le=10_000, description="Demandes en cours par établissement, toutes années ensemble (R18)."
    )


class HandlingSettings(Section):
    """The rectorat's announced handling time, and how long a request stays with who says that they handle it."""

    expected_days: int = Field(10, ge=1, le=366, description="Délai de traitement annoncé à l'établissement, en jours.")
    assignment_minutes: int = Field(
        240, ge=5, le=10080,
        description="Durée, en minutes, pendant laquelle une demande est dite suivie par qui s'en occupe (R88).",
    )  # fmt: skip


class LinkSettings(Section):
    """A page of documentation, quoted beside the code."""

    title: OneLine = Field(description="Titre du lien, tel qu'il est affiché.")
    url: WebAddress = Field(description="Adresse de la page, en https://.")


class FileSettings(Section):
    """A PDF file joined to the mail with the code.

    ``file`` is checked against the folder of the settings, as ``templates.directory`` is.
    """

    title: OneLine = Field(description="Titre du document, tel qu'il est cité dans le courriel.")
    file: OneLine = Field(description="Chemin du PDF, relatif au dossier de ce fichier ; 5 Mo au plus.")

    @field_validator("file")
    @classmethod
    def _can_be_joined(cls, value: str, info: ValidationInfo) -> str:
        if problem := document_problem(str(_folder(info) / value)):
            raise refusal(problem, f"le chemin d'un PDF lisible, de {megabytes(MAX_BYTES)} au plus")
        return value


class DocumentationSettings(Section):
    """The documentation sent to the establishment with the code (R59)."""

    links: tuple[LinkSettings, ...] = Field((), description="Documentation citée avec le code : title et url.")
    files: tuple[FileSettings, ...] = Field(
        (),
        description="Documentation jointe au code, en PDF : title et file ; 8 Mo au plus pour tous les fichiers (R59).",
    )

    @field_validator("files")
    @classmethod
    def _can_go_in_one_mail(cls, value: tuple[FileSettings, ...], info: ValidationInfo) -> tuple[FileSettings, ...]:
        names = [Path(document.file).name.casefold() for document in value]
        if twice := next(
            (document for document in value if names.count(Path(document.file).name.casefold()) > 1), None
        ):
            name = Path(twice.file).name
            raise refusal(f"deux fichiers s'appellent « {name} » : dans le courriel, rien ne les distinguerait")
        size = sum((_folder(info) / document.file).stat().st_size for document in value)
        if size > MAX_ALL_BYTES:
            raise refusal(
                f"ces fichiers pèsent ensemble {megabytes(size)}, trop pour un courriel : en alléger, ou en donner"
                " certains par un lien (documentation.links)",
                f"{megabytes(MAX_ALL_BYTES)} au plus pour tous",
            )
        return value


class ResourceSettings(LinkSettings):
    """A document of the library for establishments: a poster, a letter, a video."""

    kind: ResourceKind = Field(
        description="Ce que c'est : affiche, flyer, diaporama, vidéo, infographie, courrier ou guide."
    )
    audience: Literal["familles", "établissement"] = Field(
        "familles", description="À qui elle s'adresse : familles ou établissement."
    )


class ResourcesSettings(Section):
    """Help for an establishment to help families: the national assistance, and a library of links."""

    assistance: WebAddress = Field(
        "https://educonnect.education.gouv.fr/educt-aide/contacts/",
        description="L'assistance nationale d'EduConnect, donnée aux familles.",
    )
    library: tuple[ResourceSettings, ...] = Field(
        (), max_length=200, description="Affiches, flyers, courriers… : title, url, kind et audience."
    )


class MailboxesSettings(Section):
    """The mailboxes that operators set for establishments (R6, R14). ``hold_hours`` 0: a code leaves at once."""

    hold_hours: int = Field(
        24,
        ge=0,
        le=240,
        description="Heures pendant lesquelles aucun code ne part vers une boîte qu'un opérateur vient de fixer, tant"
        " qu'un autre ne l'a pas confirmée ; 0 : aussitôt (R14).",
    )
    stand_in_days: int = Field(
        30,
        ge=0,
        le=366,
        description="Jours pendant lesquels, four_eyes réglé, qui avait fixé la boîte d'un établissement ou fait son"
        " jeton n'y envoie toujours pas de code (R6).",
    )


class DelegceSettings(Section):
    """The delegated right, as DelegCE names it (R26)."""

    module: OneLine = Field(
        "Administration des comptes EduConnect", description="Nom du module délégué, tel que DelegCE l'affiche (R26)."
    )
    applications: tuple[OneLine, ...] = Field(
        ("EduConnect",),
        description="Autres noms de ce module dans la liste des délégations, dont l'applicationname de l'attribut"
        " FrEduResDel (R94).",
    )


class TemplatesSettings(Section):
    """The académie's own wording of mails and papers (R68).

    ``directory`` is checked against the folder of the settings, which the validation's context gives as ``folder``.
    """

    directory: OneLine | None = Field(
        None,
        description="Dossier des modèles de courriels et de documents que l'académie remplace, relatif au dossier de ce"
        " fichier, ou null (R68).",
    )

    @field_validator("directory")
    @classmethod
    def _is_a_folder(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return value
        folder, problem = _folder(info) / value, None
        if not os.path.exists(folder):  # which, unlike Path's, never raises
            problem = f"le dossier {folder} n'existe pas : le créer, ou corriger le chemin"
        elif not os.path.isdir(folder):
            problem = f"{folder} n'est pas un dossier : donner celui qui contient les modèles"
        elif not os.access(folder, os.R_OK | os.X_OK):
            problem = f"le dossier {folder} ne peut pas être lu : en donner le droit au compte du service"
        if problem:
            raise refusal(problem, "le chemin d'un dossier, ou null")
        return value


def normalise_departement(text: str) -> str:
    """``031`` and ``31`` become ``31``, ``9``, ``009`` and « Ariège » become ``09``, ``02a`` becomes ``2A``.

    Raises ValueError, in French, when no département bears this code.
    """
    code = code_of_departement(text) or text.strip().upper().lstrip("0").zfill(2)
    if _CORSICA_AND_OVERSEAS.fullmatch(code) or (re.fullmatch("[0-9]{2}", code) and 1 <= int(code) <= 95):
        return code
    raise ValueError(f"« {text} » n'est pas un code de département")


def _departement(value: object) -> object:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return value
    try:
        return normalise_departement(str(value))
    except ValueError as error:
        raise refusal(str(error), "par exemple 09, 31, 2A ou 974") from None


def _text_or_number(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "string", "pattern": pattern}, {"type": "integer", "minimum": 1}]})


Departement = Annotated[str, BeforeValidator(_departement), _text_or_number("^0{0,2}([0-9]{1,3}|2[ABab])$")]


class AcademieSettings(Section):
    """The académie that this installation serves."""

    nom: OneLine = Field(description="Nom de l'académie, tel qu'il est affiché.")
    code: Annotated[str, _text_or_number("^[0-9]{1,2}$")] = Field(
        description="Code de l'académie dans l'annuaire, par exemple 16 pour Toulouse."
    )
    zone: Literal["A", "B", "C"] | None = Field(
        None, description="Zone de vacances : A, B ou C ; null hors des zones (Corse, outre-mer)."
    )
    departements: tuple[Departement, ...] = Field(
        min_length=1, description="Codes des départements de l'académie, comme 09, 31, 2A ou 974."
    )

    @field_validator("code", mode="before")
    @classmethod
    def _in_two_digits(cls, value: object) -> object:
        if not isinstance(value, str | int) or isinstance(value, bool):
            return value
        code = str(value).strip().zfill(2)
        if not re.fullmatch("[0-9]{2}", code):
            raise refusal(f"« {value} » n'est pas un code d'académie", "un nombre à deux chiffres, 16 pour Toulouse")
        return code


Addresses = Annotated[
    tuple[MailAddress, ...],
    AfterValidator(
        lambda addresses: tuple({fold_mail(address): address for address in addresses[::-1]}.values())[::-1]
    ),
]
"""Each once, as it was written first."""

MailDomain = Annotated[
    str,
    matching(
        r"(?ai)[a-z0-9*](?:[a-z0-9*.-]*[a-z0-9*])?\.[a-z]{2,}",
        "« {text} » n'est pas un domaine d'adresses",
        "ac-toulouse.fr, ou ac-*.fr pour toutes les académies",
    ),
    AfterValidator(str.lower),
]


class PeopleSettings(Section):
    """The rectorat's people, by address; an establishment's come from the directory (R2, R4)."""

    operators: Addresses = Field(
        min_length=1, description="Adresses des opérateurs du rectorat, qui traitent les demandes."
    )
    readers: Addresses = Field((), description="Adresses de qui voit tout et ne change rien (DRANE).")
    deputy_may_act: bool = Field(True, description="Un adjoint agit comme le chef d'établissement (R4).")
    mail_domains: tuple[MailDomain, ...] = Field(
        ("ac-*.fr",),
        min_length=1,
        description="Domaines des adresses professionnelles, celui de l'académie d'abord ; * remplace des lettres. Une"
        " adresse de RUPN ou d'établissement d'un autre domaine est à confirmer (R16).",
    )
    accounts: dict[OneLine, MailAddress] = Field(
        default_factory=dict,
        description="Compte système du serveur : adresse de l'opérateur au nom de qui sa ligne de commande agit.",
    )

    @field_validator("accounts")
    @classmethod
    def _accounts_are_operators(cls, accounts: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if "operators" not in info.data:
            return accounts
        known = {fold_mail(address) for address in info.data["operators"]}
        problems = [
            (account, refusal(f"« {address} » n'est pas dans people.operators"))
            for account, address in accounts.items()
            if fold_mail(address) not in known
        ]
        if problems:
            raise refusals(problems)
        return accounts

    def domains(self) -> MailDomains:
        """The domains of professional addresses; the académie's own is the first written out, else an operator's."""
        whole = [domain for domain in self.mail_domains if "*" not in domain]
        own = whole[0] if whole else self.operators[0].rpartition("@")[2].casefold()
        return MailDomains(patterns=self.mail_domains, own=own)

    def operator_of(self, account: str) -> str | None:
        """The operator's address for whom this system account acts; None when it is nobody's."""
        return self.accounts.get(account)


class RetentionSettings(Section):
    """Durations in months; what has its own unit elsewhere (codes, links, sessions) stays where it is."""

    requests: int = Field(
        12, ge=1, le=60,
        description="Mois après la confirmation du retrait, ou la révocation sans retrait à faire, au bout desquels ce"
        " qui est personnel dans une demande est effacé (R110).",
    )  # fmt: skip
    lists: int = Field(
        3, ge=1, le=24,
        description="Mois après lesquels les lignes des listes dont aucune demande n'a besoin sont effacées (R93).",
    )  # fmt: skip
    mails: int = Field(
        3, ge=1, le=24,
        description="Mois après lesquels le texte et le destinataire d'un courriel qui ne partira plus sont"
        " effacés (R110).",
    )  # fmt: skip
    addresses: int = Field(
        6, ge=1, le=12,
        description="Mois pendant lesquels les adresses de réseau du journal de sécurité sont gardées (R108).",
    )  # fmt: skip


class TargetsSettings(Section):
    """Targets of the académie; under one, the page of the figures says « vigilance »."""

    declared: int | None = Field(
        None, ge=1, le=100, description="Pourcentage des établissements ouverts qui ont un RUPN déclaré, ou null (R99)."
    )
    in_service: int | None = Field(
        None, ge=1, le=100,
        description="Pourcentage des demandes en cours dont la clé sert, code remis ou clé étendue, ou null (R99).",
    )  # fmt: skip
    median_days: int | None = Field(
        None, ge=1, le=366,
        description="Jours de la déclaration à la remise du code, en valeur médiane, au plus, ou null (R99).",
    )  # fmt: skip


class FiguresSettings(Section):
    """The figures with which the page of the figures compares what it counts."""

    targets: TargetsSettings = Field(
        default_factory=TargetsSettings, description="Les objectifs ; en deçà, la page dit « vigilance » (R99)."
    )


def _folder(info: ValidationInfo) -> Path:
    """The folder that relative paths start from: the settings' own, else the current one."""
    folder: Path = (info.context or {}).get("folder", Path.cwd())
    return folder
