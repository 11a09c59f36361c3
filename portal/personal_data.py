"""What is kept of people, until when, and who receives it, by the settings: legal pages and register (R111)."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from states import french
from workflow.settings.model import Settings

Pairs = tuple[tuple[str, str], ...]

MISSING = "**à compléter**"
"""Stands where the settings say nothing; whoever signs must see it."""


def durations(settings: Settings) -> Pairs:
    """What is kept, and until when."""
    return tuple(_durations(settings))


def _durations(settings: Settings) -> Iterator[tuple[str, str]]:
    kept, portal = settings.retention, settings.portal
    code_days = french.plural(settings.code.keep_days, "jour")
    yield from (
        ("L'identité du RUPN, les textes, les notes et les courriels d'une demande",
         f"{kept.requests} mois après la confirmation du retrait de sa clé ou, sans retrait à faire, après la fin de la"
         " demande ; tant qu'un retrait n'est pas confirmé, ils restent"),
        ("Le texte et le destinataire d'un courriel", f"{kept.mails} mois après son départ"),
        ("Les lignes des listes importées dont aucune demande n'a besoin",
         f"{kept.lists} mois après la dernière liste qui les portait"),
        ("Le code d'initialisation, chiffré", f"jusqu'à sa remise, et {code_days} au plus"),
        ("Un lien de connexion", french.plural(portal.link_minutes, "minute")),
        ("Une connexion", f"{french.plural(portal.session_hours, 'heure')} au plus, effacée un jour après"),
        ("Ce qui était tapé à la fin d'une connexion, chiffré", "un jour"),
        ("Le contenu d'un fichier à importer, chiffré", "une heure"),
        ("D'où l'on s'est connecté, l'adresse de réseau et le navigateur du journal de sécurité",
         f"{kept.addresses} mois"),
        ("Le nom d'un chef d'établissement, l'adresse d'un agent qui n'est plus des réglages",
         f"tant qu'une demande gardée les a connus, et {kept.requests} mois après leur dernière action"),
        ("Une suppléance dans ce portail", "un an après sa fin"),
        ("L'effacement demandé par une personne : son jour et une empreinte, illisible sans la clé du journal",
         "sans limite : une sauvegarde restaurée, quel que soit son âge, ne fait pas revenir la personne"),
        ("Le journal et les chiffres",
         "sans limite ; une personne du journal est un numéro, et le nom qu'il désigne, gardé à part, s'efface"),
    )  # fmt: skip
    if settings.sign_in.providers or settings.sign_in.trusted_headers.proxies:
        yield (
            "Le rattachement d'une identité à un établissement",
            "la fin de l'année scolaire, ou plus tôt s'il y est mis fin",
        )
    if settings.sign_in.second_factor != "none":
        yield "Le second facteur d'un opérateur, chiffré", "tant qu'il est opérateur et ne l'a pas retiré"


def recipients(settings: Settings) -> Pairs:
    """Who receives what."""
    return tuple(_recipients(settings))


def _recipients(settings: Settings) -> Iterator[tuple[str, str]]:
    drane = french.capital(settings.drane.name)
    yield "Le chef d'établissement et ses adjoints", "les demandes de leur établissement, et elles seules"
    yield "Les opérateurs du rectorat", "toutes les demandes, sans aucun code"
    if settings.sign_in.rupn:
        yield "Le RUPN", "ses propres demandes, sur sa page, sans aucun code"
    if settings.people.readers:
        yield "Les lecteurs désignés par l'académie", "ce que voient les opérateurs, sans rien pouvoir changer"
    if settings.drane.declaration == "sent_by_us":
        yield drane, "le nom, le prénom, l'adresse, l'établissement et l'année de chaque RUPN, que le rectorat transmet"
    else:
        yield drane, "ce que chaque chef d'établissement y déclare lui-même, hors de ce portail"
    if settings.removals.connector.url is not None:
        yield "Le serveur ODA", "le nom, le prénom, l'adresse et l'établissement du RUPN dont la clé est à retirer"
    if settings.sign_in.providers:
        labels = french.listing([provider.label for provider in settings.sign_in.providers])
        yield french.capital(labels), "qu'une personne qu'il identifie se connecte à ce portail, et quand"
    yield "Le relais de messagerie de l'académie", "les courriels qu'il achemine"
    if settings.portal.hosting:
        yield "L'hébergeur", settings.portal.hosting


def register_text(settings: Settings) -> str:
    """The register's entry (GDPR, article 30) and a short impact assessment, in Markdown, from the settings alone."""
    return _register().render(
        settings=settings, academie=french.academy(settings.academie.nom), missing=MISSING,
        durations=durations(settings), recipients=recipients(settings),
    )  # fmt: skip


@cache
def _register() -> Template:
    files = FileSystemLoader(Path(__file__).parent)
    plain = Environment(  # noqa: S701  Markdown, read by a person, from the settings alone
        loader=files, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    plain.filters["cell"] = lambda text: text.replace("|", "/").replace("\n", " ")
    return plain.get_template("register.md.j2")
