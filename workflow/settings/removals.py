"""The removals to be done on the ODA server (R48, R80, R83, R84)."""

from pydantic import Field

from notifications.settings import Section
from workflow.settings.connector import ConnectorSettings
from workflow.settings.removals_export import ExportSettings


class RemovalsSettings(Section):
    """How the removal of rights is followed."""

    late_after_days: int = Field(
        15, ge=1, le=365, description="Jours après lesquels un retrait encore ouvert est dit en retard (R80)."
    )
    export: ExportSettings = Field(
        default_factory=ExportSettings, description="Le fichier des retraits à faire ; sa forme est un modèle (R83)."
    )
    connector: ConnectorSettings = Field(
        default_factory=ConnectorSettings, description="Le connecteur, qui demande les retraits au serveur ODA (R84)."
    )
