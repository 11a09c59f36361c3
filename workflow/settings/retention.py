"""How long personal data are kept, in months, kind by kind (R110): one place for the académie to decide it."""

from pydantic import Field

from notifications.settings import Section


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
