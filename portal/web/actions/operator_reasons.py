"""Reasons ready to choose when a request is sent back, each with the step that it makes redo (R38)."""

from dataclasses import dataclass
from itertools import groupby

from states.vocabulary import Step
from workflow.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyReason:
    """``slug`` stands in the address of the form that it fills; ``text`` is what the establishment will read, and may
    be changed first; ``label`` is what the operator chooses."""

    slug: str
    step: Step
    label: str
    text: str


def ready_reasons(settings: Settings) -> tuple[ReadyReason, ...]:
    """The reasons of this académie, step after step."""
    module = settings.delegce.module
    of_the_list = (
        ReadyReason(
            slug="absent-de-la-liste", step=Step.DECLARATION, label="Absent de la liste des RUPN de la DRANE",
            text="Le RUPN n'est pas dans la liste de la DRANE. Déclarez-le dans l'application de la DRANE, puis"
            " reprenez la demande.",
        ),
    )  # fmt: skip
    return (
        *(of_the_list if settings.drane.declaration == "by_chef" else ()),
        ReadyReason(
            slug="identite-differente", step=Step.DECLARATION, label="Nom, prénom ou adresse différents de la liste",
            text="Le nom, le prénom ou l'adresse électronique ne sont pas ceux de la liste des RUPN. Corrigez-les,"
            " puis reprenez la demande.",
        ),
        ReadyReason(
            slug="delegation-introuvable", step=Step.DELEGATION, label="Délégation introuvable dans DelegCE",
            text=f"La délégation du module « {module} » n'apparaît pas dans DelegCE pour ce RUPN. Faites-la dans"
            " DelegCE, puis attestez-la de nouveau.",
        ),
        ReadyReason(
            slug="autre-module", step=Step.DELEGATION, label="Délégation faite pour un autre module",
            text=f"La délégation faite dans DelegCE ne porte pas sur le module « {module} ». Faites-la pour ce module,"
            " puis attestez-la de nouveau.",
        ),
        ReadyReason(
            slug="autre-date", step=Step.DELEGATION, label="Date différente de celle de DelegCE",
            text="La date de la délégation n'est pas celle qui figure dans DelegCE. Attestez-la de nouveau, à la bonne"
            " date.",
        ),
        ReadyReason(
            slug="charte-a-refaire", step=Step.CHARTER, label="Charte à signer de nouveau",
            text="La charte est à signer de nouveau : imprimez-la depuis la page de la demande, faites-la signer au"
            " RUPN, puis enregistrez la date de signature.",
        ),
        ReadyReason(
            slug="identite-a-relire", step=Step.CONFIRMATION, label="Identité à relire",
            text="Relisez le nom, le prénom et l'adresse électronique du RUPN, corrigez-les s'il le faut, puis renvoyez"
            " la demande.",
        ),
    )  # fmt: skip


def by_step(settings: Settings) -> tuple[tuple[Step, tuple[ReadyReason, ...]], ...]:
    """The same, under the step that each makes redo."""
    return tuple((step, tuple(some)) for step, some in groupby(ready_reasons(settings), lambda one: one.step))
