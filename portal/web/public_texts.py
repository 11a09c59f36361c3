"""The texts of the public pages, each replaceable by a file of the académie's, checked before it is used (R68).

They say what is kept of people, until when, and who receives it, by the settings; so does the register's entry (R111).
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError, nodes

from notifications.rendering.child import TooLong, step
from notifications.rendering.environment import PAGES, Contents, TemplateProblem, read_folder
from notifications.rendering.renderer import TEMPLATE_ERRORS, why
from states import french
from states.school_calendar import SchoolYear
from workflow.settings.infrastructure import AccessibilitySettings
from workflow.settings.model import Settings

MISSING: Final = "**à compléter**"
"""Stands where the settings say nothing; whoever signs must see it."""

WORDS: Final = {
    "academie": "l'académie, ainsi : académie de Toulouse",
    "service": "le nom du service, celui de la fin des courriels (`mail.signature`)",
    "contact": "à qui s'adresser (`mail.contact`)",
    "site": "l'adresse du portail (`portal.address`)",
    "publisher": "qui le publie (`portal.publisher`) ; à défaut l'académie",
    "publication_director": "qui dirige la publication (`portal.publication_director`), ou rien",
    "hosting": "qui l'héberge (`portal.hosting`), ou rien",
    "data_protection": "comment écrire au délégué à la protection des données (`portal.data_protection`), ou rien",
    "durations": "ce qui est gardé et jusqu'à quand, d'après les réglages (`retention`) : des couples de textes",
    "recipients": "qui reçoit quoi, d'après les réglages : des couples de textes",
    "accessibility": "la déclaration d'accessibilité : ses quatre réglages (`portal.accessibility`)",
    "expected_days": "le délai de traitement annoncé, en jours (`handling.expected_days`)",
    "link_minutes": "la durée d'un lien de connexion, en minutes (`portal.link_minutes`)",
    "session_hours": "la durée d'une connexion, en heures (`portal.session_hours`)",
    "code_keep_days": "le nombre de jours après lesquels un code non remis est effacé (`code.keep_days`)",
    "check_days": "le nombre de jours pendant lesquels une vérification vaut (`checks.max_age_days`)",
    "delegce_module": "le nom du module délégué dans DelegCE (`delegce.module`)",
    "drane_address": "l'adresse de l'application de la DRANE (`drane.address`), ou rien",
    "drane_sent_by_us": "le rectorat transmet-il lui-même les déclarations à la DRANE ?",
    "drane_name": "le nom de la DRANE (`drane.name`)",
    "assistance": "l'adresse de l'assistance nationale d'EduConnect (`resources.assistance`)",
    "oda_address": "l'adresse de la page où le RUPN se sert de sa clé (`oda.address`), ou rien",
    "rupn_page": "l'adresse de la page du RUPN (`sign_in.rupn`), ou rien",
    "deputy_may_act": "un adjoint agit-il comme le chef ?",
    "identity_providers": "les fournisseurs d'identité (`sign_in.providers`), par leur nom, ou rien",
    "one_key_a_person": "une personne n'a-t-elle qu'une clé ?",
    "year": "l'année scolaire en cours, ainsi : 2026-2027",
    "year_end": "son dernier jour, une date",
    "year_end_is_default": "ce jour est-il retenu faute de connaître la rentrée suivante ?",
    "campaign_opens": "le jour où s'ouvrent les déclarations de l'année suivante, une date",
}
"""Each fact, for who writes a page; a test holds the two together, and docs/pages.md with them."""

PIECES: Final = {
    "accueil.html": "l'accueil : la phrase sous le titre",
    "avant-de-commencer.html": "l'accueil : ce qu'il faut savoir et avoir sous la main",
    "familles.html": "l'aide aux familles : ce qui se règle sans clé, et vers qui se tourner",
    "premiere-connexion.html": "la première connexion du RUPN avec sa clé",
    "demarche.html": "la démarche expliquée, sous le schéma",
    "accessibilite.html": "la déclaration d'accessibilité",
    "mentions-legales.html": "les mentions légales",
    "donnees-personnelles.html": "les données personnelles",
    "contact.html": "à qui s'adresser",
}

KNOWN: Final = frozenset({"here", "home"})
"""The names of a piece: the facts, and the address of the visitor's own home, empty for nobody."""

_KNOWN: Final = "une page ne connaît que « here », avec ce que dit docs/pages.md, et « home »"

_REFUSED: Final = (
    (re.compile(r"<h1\b", re.I), "la page a déjà son titre : commencer par <h2>"),
    (re.compile(r"<(script|style|iframe|form)\b", re.I), "cette balise est sans effet ici : l'ôter"),
    (re.compile(r"\s(style|on\w+)\s*=", re.I), "un style ou un script dans une balise est sans effet : l'ôter"),
    (re.compile(r"<(img|source|video|link)\b[^>]*(https?:)?//", re.I), "une page ne charge rien d'un autre site"),
)


@dataclass(frozen=True, kw_only=True)
class PublicFacts:
    """``here`` of every public page, from the settings alone; durations are in the unit of their name."""

    academie: str
    service: str
    contact: str
    site: str
    publisher: str
    publication_director: str | None
    hosting: str | None
    data_protection: str | None
    durations: tuple[tuple[str, str], ...]
    recipients: tuple[tuple[str, str], ...]
    accessibility: AccessibilitySettings
    expected_days: int
    link_minutes: int
    session_hours: int
    code_keep_days: int
    check_days: int
    delegce_module: str
    drane_address: str | None
    drane_sent_by_us: bool
    drane_name: str
    assistance: str
    oda_address: str | None
    rupn_page: str | None
    deputy_may_act: bool
    identity_providers: str
    one_key_a_person: bool
    year: str
    year_end: date
    year_end_is_default: bool
    campaign_opens: date

    @classmethod
    def of(cls, settings: Settings, today: date) -> Self:
        """The facts on this day of the académie."""
        calendar = settings.calendar()
        years = (SchoolYear(today.year - 1), SchoolYear(today.year))
        year = next(year for year in years if today <= calendar.end_of(year).last_day)
        end = calendar.end_of(year)
        name = french.academy(settings.academie.nom)
        return cls(
            academie=name, service=settings.mail.signature, contact=settings.mail.contact,
            site=settings.portal.address, publisher=settings.portal.publisher or f"L'{name}",
            publication_director=settings.portal.publication_director, hosting=settings.portal.hosting,
            data_protection=settings.portal.data_protection,
            durations=tuple(durations(settings)), recipients=tuple(recipients(settings)),
            accessibility=settings.portal.accessibility, expected_days=settings.handling.expected_days,
            link_minutes=settings.portal.link_minutes, session_hours=settings.portal.session_hours,
            code_keep_days=settings.code.keep_days, check_days=settings.checks.max_age_days,
            delegce_module=settings.delegce.module, drane_address=settings.drane.address,
            drane_sent_by_us=settings.drane.declaration == "sent_by_us", drane_name=settings.drane.name,
            assistance=settings.resources.assistance, oda_address=settings.oda.address,
            identity_providers=french.listing([provider.label for provider in settings.sign_in.providers]),
            rupn_page="/rupn" if settings.sign_in.rupn else None,
            deputy_may_act=settings.people.deputy_may_act, one_key_a_person=settings.key.scope == "person",
            year=str(year), year_end=end.last_day, year_end_is_default=end.is_default,
            campaign_opens=calendar.opening_day(year.next),
        )  # fmt: skip


def read_pieces(settings: Settings) -> Contents:
    """The académie's pieces, by their file name, and what is wrong with its files."""
    folder = settings.templates_folder
    if folder is None or not (folder / PAGES).is_dir():
        return Contents()
    return read_folder(folder / PAGES, PIECES)


def piece_problems(settings: Settings, contents: Contents, environment: Environment) -> list[TemplateProblem]:
    """The errors of the académie's pieces, each with its file and line: they are parsed, then rendered (R68)."""
    problems = list(contents.problems)
    for name, text in sorted(contents.texts.items()):
        path = (settings.templates_folder or Path()) / PAGES / name
        try:
            with step(name):
                errors = _parse_errors(text, environment) or _render_errors(text, environment, settings)
        except (TooLong, MemoryError, RecursionError) as error:
            errors = [(_template_line(), why(error))]
        problems += [TemplateProblem(path, line, message) for line, message in errors]
    return problems


def _parse_errors(text: str, environment: Environment) -> list[tuple[int | None, str]]:
    try:
        tree = environment.parse(text)
        environment.compile(tree)
    except TemplateSyntaxError as error:
        return [(error.lineno, f"faute de syntaxe : {error.message}")]
    set_here = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    errors: list[tuple[int | None, str]] = [
        (name.lineno, f"« {name.name} » n'existe pas ici : {_KNOWN}")
        for name in tree.find_all(nodes.Name) if name.ctx == "load" and name.name not in KNOWN | set_here
    ]  # fmt: skip
    errors.extend(
        (fact.lineno, f"« here.{fact.attr} » n'existe pas : {_KNOWN}")
        for fact in tree.find_all(nodes.Getattr)
        if isinstance(fact.node, nodes.Name) and fact.node.name == "here" and fact.attr not in WORDS
    )
    calls = tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))
    errors.extend((call.lineno, "une page n'en appelle pas d'autre : y écrire tout le texte") for call in calls)
    for number, line in enumerate(text.splitlines(), 1):
        errors.extend((number, message) for pattern, message in _REFUSED if pattern.search(line))
    return sorted(errors, key=lambda error: error[0] or 0)


def _render_errors(text: str, environment: Environment, settings: Settings) -> list[tuple[int | None, str]]:
    """The first error of rendering it with every optional fact, then with none."""
    for facts, home in _examples(settings):
        try:
            environment.from_string(text).render(here=facts, home=home)
        except TEMPLATE_ERRORS as error:
            return [(_template_line(), f"échoue quand on l'affiche : {error}")]
    return []


def _examples(settings: Settings) -> tuple[tuple[PublicFacts, str], ...]:
    """The facts of a day without any time-dependent surprise: full, then as bare as settings allow."""
    facts = PublicFacts.of(settings, date(2026, 9, 14))
    audited = AccessibilitySettings(
        status="partiellement", declared_on="le 2 octobre 2026", audited_on="le 1er octobre 2026", percentage=91
    )  # fmt: skip
    full = replace(
        facts, publication_director="Le recteur", hosting="Rectorat", data_protection="dpd@exemple.fr", drane_address="https://drane.exemple.fr",
        oda_address="https://oda.exemple.fr",
        accessibility=audited,
    )  # fmt: skip
    bare = replace(
        facts, publication_director=None, hosting=None, data_protection=None, drane_address=None, oda_address=None,
        accessibility=AccessibilitySettings(),
    )  # fmt: skip
    return (full, "/etablissement"), (bare, "")


def _template_line() -> int | None:
    """The line of the template in the exception being handled."""
    trace, line = sys.exc_info()[2], None
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def durations(settings: Settings) -> Iterator[tuple[str, str]]:
    """The kinds of data that are kept, and until when (R111)."""
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


def recipients(settings: Settings) -> Iterator[tuple[str, str]]:
    """The recipients of data, and what each receives (R111)."""
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
    plain = Environment(  # noqa: S701  Markdown, read by a person, from the settings alone
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    plain.filters["cell"] = lambda text: text.replace("|", "/").replace("\n", " ")
    return plain.get_template("register.md.j2").render(
        settings=settings, academie=french.academy(settings.academie.nom), missing=MISSING,
        durations=durations(settings), recipients=recipients(settings),
    )  # fmt: skip
