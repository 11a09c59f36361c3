"""The whole of ``config.yaml``, section by section; its JSON Schema, with which an editor completes and checks it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator
from pydantic.json_schema import GenerateJsonSchema

from notifications.settings import MailSettings, Section, refusal
from states.school_calendar import EndRule, SchoolCalendar, SchoolDays
from workflow.settings.codes import CodeSettings
from workflow.settings.infrastructure import (
    DatabaseSettings,
    MonitoringSettings,
    PortalSettings,
    SealSettings,
    SecurityContactSettings,
    SecurityLog,
)
from workflow.settings.school_calendar import (
    END_RULES,
    CampaignSettings,
    HolidaysSettings,
    RemindersSettings,
    SchoolYearSettings,
    month_day,
    school_days,
    summer_starts,
)
from workflow.settings.sections import (
    AcademieSettings,
    ActivationSettings,
    CharterSettings,
    ChecksSettings,
    DelegceSettings,
    DocumentationSettings,
    DraneSettings,
    FiguresSettings,
    HandlingSettings,
    KeySettings,
    LimitsSettings,
    MailboxesSettings,
    OdaSettings,
    PeopleSettings,
    ResourcesSettings,
    RetentionSettings,
    SecretsSettings,
    TemplatesSettings,
)
from workflow.settings.services import RemovalsSettings, WebhooksSettings
from workflow.settings.sign_in import SignInSettings

TITLE = "Réglages d'ODA délégations"

DESCRIPTION = "Le fichier config.yaml d'une académie. Produit à partir du code : ne pas le modifier à la main."

_HERE = Path(__file__).resolve()

_PACKAGED = _HERE.with_name("starter.yaml")

_CHECKOUT = _HERE.parents[2] / "config.yaml"

SCHEMA_NAME = "config.schema.json"


class Settings(Section):
    """The decisions of an académie; immutable. Made by ``load_settings``, or from plain values in a test."""

    academie: AcademieSettings = Field(description="L'académie que ce service dessert.")
    timezone: str = Field("Europe/Paris", description="Fuseau dans lequel une journée finit (R23).")
    database: DatabaseSettings = Field(default_factory=DatabaseSettings, description="La base de données.")
    secrets: SecretsSettings = Field(
        default_factory=SecretsSettings, description="Où sont les secrets ; aucun n'est dans ce fichier."
    )
    people: PeopleSettings = Field(description="Les personnes du rectorat et leurs rôles.")
    four_eyes: bool = Field(
        False, description="Qui a agi au nom d'un établissement dans une demande n'en émet pas le code (R6)."
    )
    mailboxes: MailboxesSettings = Field(
        default_factory=MailboxesSettings, description="Les boîtes que les opérateurs fixent (R6, R14)."
    )
    campaign: CampaignSettings = Field(default_factory=CampaignSettings, description="La campagne de déclaration.")
    school_year: SchoolYearSettings = Field(
        default_factory=SchoolYearSettings, description="La fin de l'année scolaire et ses annonces (R22, R78)."
    )
    holidays: HolidaysSettings = Field(
        default_factory=HolidaysSettings, description="Les vacances scolaires et les jours chômés (R77)."
    )
    reminders: RemindersSettings = Field(default_factory=RemindersSettings, description="Les rappels (R79).")
    removals: RemovalsSettings = Field(
        default_factory=RemovalsSettings, description="Les retraits à faire sur le serveur ODA."
    )
    drane: DraneSettings = Field(
        default_factory=DraneSettings, description="La déclaration du RUPN auprès de la DRANE (R25)."
    )
    activation: ActivationSettings = Field(
        default_factory=ActivationSettings, description="Les comptes EduConnect activés : les objectifs (R100)."
    )
    charter: CharterSettings = Field(default_factory=CharterSettings, description="La charte que le RUPN signe (R27).")
    sign_in: SignInSettings = Field(
        default_factory=SignInSettings, description="Les portes du portail, et ce que chacune exige (R72, R101)."
    )
    code: CodeSettings = Field(default_factory=CodeSettings, description="Le code d'initialisation (R41, R61).")
    key: KeySettings = Field(default_factory=KeySettings, description="La clé ODA (R42).")
    oda: OdaSettings = Field(default_factory=OdaSettings, description="L'authentification par clé ODA elle-même.")
    checks: ChecksSettings = Field(default_factory=ChecksSettings, description="Les vérifications du rectorat (R36).")
    limits: LimitsSettings = Field(
        default_factory=LimitsSettings, description="Ce qu'un établissement peut avoir au plus."
    )
    handling: HandlingSettings = Field(default_factory=HandlingSettings, description="Le traitement des demandes.")
    figures: FiguresSettings = Field(default_factory=FiguresSettings, description="Les chiffres de l'académie (R99).")
    documentation: DocumentationSettings = Field(
        default_factory=DocumentationSettings, description="La documentation jointe au code."
    )
    resources: ResourcesSettings = Field(
        default_factory=ResourcesSettings, description="L'aide aux familles : l'assistance, et des ressources."
    )
    delegce: DelegceSettings = Field(default_factory=DelegceSettings, description="La délégation dans DelegCE (R26).")
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings, description="Ce qui est personnel, et combien de mois c'est gardé (R110)."
    )
    seal: SealSettings = Field(
        default_factory=SealSettings, description="Le sceau du journal : où part celui de chaque jour (R109)."
    )
    portal: PortalSettings = Field(
        default_factory=PortalSettings, description="Le portail : les pages du chef et celles du rectorat."
    )
    mail: MailSettings = Field(description="Les courriels et leur envoi.")
    monitoring: MonitoringSettings = Field(
        default_factory=MonitoringSettings, description="La supervision, en plus de /sante (R115)."
    )
    webhooks: WebhooksSettings = Field(
        default_factory=WebhooksSettings, description="Les autres logiciels prévenus de ce qui se passe (R118)."
    )
    security_log: SecurityLog = Field(
        "none",
        description="Où le journal de sécurité s'écrit aussi, en lignes JSON sans nom ni adresse électronique :"
        " none (nulle part), stderr (la sortie d'erreur du service), syslog (le journal du système, /dev/log) (R108).",
    )
    security_contact: SecurityContactSettings = Field(
        default_factory=SecurityContactSettings,
        description="À qui signaler une faille : le fichier /.well-known/security.txt.",
    )
    templates: TemplatesSettings = Field(
        default_factory=TemplatesSettings, description="Les modèles que l'académie remplace (R68)."
    )

    _source: Path | None = PrivateAttr(default=None)
    _overrides: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, LookupError):
            message = f"« {name} » n'est pas un fuseau horaire"
            raise refusal(message, "par exemple Europe/Paris ou Indian/Reunion") from None
        return name

    @field_validator("school_year")
    @classmethod
    def _summer_needs_a_zone(cls, value: SchoolYearSettings, info: ValidationInfo) -> SchoolYearSettings:
        academie = info.data.get("academie")
        if value.end == "summer_start" and academie and academie.zone is None:
            raise refusal("avec end: summer_start il faut dire academie.zone", "A, B ou C pour academie.zone")
        return value

    @field_validator("code")
    @classmethod
    def _link_needs_an_identity(cls, value: CodeSettings, info: ValidationInfo) -> CodeSettings:
        sign_in = info.data.get("sign_in")
        if value.delivery == "link" and sign_in and not sign_in.has_other_doors:
            raise refusal(
                "avec delivery: link, le code ne se lit que par une identité nationale, et aucune n'est réglée (R112)",
                "mail, ou un fournisseur dans sign_in.providers, ou un guichet dans sign_in.trusted_headers",
            )
        return value

    @classmethod
    def from_values(
        cls, values: dict[str, Any], source: Path | None = None, overrides: Mapping[str, str] | None = None
    ) -> Self:
        """Settings from plain values, as if read from the file ``source``. Raises pydantic's ValidationError."""
        folder = source.absolute().parent if source else Path.cwd()
        settings = cls.model_validate(values, context={"folder": folder})
        settings._source = source.absolute() if source else None
        settings._overrides = dict(overrides or {})
        return settings

    @property
    def source(self) -> Path | None:
        """The absolute path of the file that was read; None when the settings were made in memory."""
        return self._source

    @property
    def overrides(self) -> Mapping[str, str]:
        """The variables of the environment that gave a setting in the place of the file, with their values."""
        return self._overrides

    @property
    def folder(self) -> Path:
        """The folder to which relative paths refer: the settings file's, else the current one."""
        return self._source.parent if self._source else Path.cwd()

    @property
    def secrets_directory(self) -> Path:
        return self.folder / self.secrets.directory

    @property
    def templates_folder(self) -> Path | None:
        """The folder of the académie's own templates; None when it replaces none (R68)."""
        return self.folder / self.templates.directory if self.templates.directory is not None else None

    @property
    def seal_folder(self) -> Path | None:
        """The folder of the seals' files; None when there is none (R109)."""
        return self.folder / self.seal.folder if self.seal.folder is not None else None

    @property
    def database_url(self) -> str:
        """The database's address for SQLAlchemy, without its password."""
        return self.database.resolved(self.folder)

    @property
    def zoneinfo(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def calendar(self) -> SchoolCalendar:
        """The school years' campaigns and ends under these settings (R20 to R23)."""
        year = self.school_year
        rule = END_RULES.get(year.end, EndRule.FIXED_DAY)
        zone = self.academie.zone
        return SchoolCalendar(
            timezone=self.zoneinfo,
            rule=rule,
            fixed_day=month_day(year.end) if rule is EndRule.FIXED_DAY else None,
            rentrees=dict(year.rentree_dates),
            given_ends=dict(year.end_dates),
            summer_starts=dict(summer_starts(zone)) if zone and rule is EndRule.SUMMER_START else {},
            campaign_opens=month_day(self.campaign.opens),
        )

    def school_days(self) -> SchoolDays:
        """The académie's days off under these settings (R77)."""
        academie = self.academie
        return school_days(self.holidays, academie.departements, academie.zone, self.school_year.rentree_dates)


class _WithoutTitles(GenerateJsonSchema):
    """Titles made of English attribute names would only stand before the French descriptions."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def schema_text() -> str:
    """The text of ``docs/config.schema.json``; a test compares the two."""
    schema = Settings.model_json_schema(schema_generator=_WithoutTitles)
    for section in [schema, *schema["$defs"].values()]:
        # The class's name and its English docstring: the field that holds the section describes it in French.
        section.pop("title", None)
        section.pop("description", None)
        for name, key in section.get("properties", {}).items():  # an enumeration has none
            if name not in section.get("required", ()) and key.get("type") in ("array", "object"):
                key["type"] = [key["type"], "null"]  # ``accounts:`` and nothing after it is a key not given
            if "patternProperties" in key:
                key["additionalProperties"] = False  # a year badly written is refused
    header = {"$schema": GenerateJsonSchema.schema_dialect, "title": TITLE, "description": DESCRIPTION}
    return json.dumps(header | schema, ensure_ascii=False, indent=2) + "\n"


def starter_text() -> str:
    """The settings to write for a new installation; their schema is expected beside them, as ``SCHEMA_NAME``."""
    source = _PACKAGED if _PACKAGED.is_file() else _CHECKOUT
    return source.read_text(encoding="utf-8").replace(f"$schema=docs/{SCHEMA_NAME}", f"$schema={SCHEMA_NAME}", 1)


if __name__ == "__main__":
    print(schema_text(), end="")  # noqa: T201
