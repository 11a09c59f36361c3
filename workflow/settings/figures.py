"""The settings of the figures: what the académie wants to reach (R99)."""

from pydantic import Field

from notifications.settings import Section


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
    """What the page of the figures compares with what it counts."""

    targets: TargetsSettings = Field(
        default_factory=TargetsSettings, description="Les objectifs ; en deçà, la page dit « vigilance » (R99)."
    )
