"""The warnings of ``oda check-config``: settings that are allowed but deserve a look, and an installation's posture."""

import stat
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

from states.french import day as french_day
from states.french import listing, plural
from states.school_calendar import DayKind, EndRule, SchoolYear, year_around
from states.validation import fold_mail
from states.vocabulary import Role
from workflow.settings.model import Settings
from workflow.settings.secrets import is_read_only
from workflow.settings.services import is_this_machine

_FORESEEN = 365
"""Days ahead to look at, as on the calendar page."""

_FEWEST = 84
"""Days of holidays in a year, Sundays included: an ordinary year has more than a hundred."""

_FEW_BITS = 30
"""Bits of a drawn code below which it could be guessed by who may try often."""

LONGEST_LINK: Final = 30
"""Minutes of a sign-in link that are still prudent."""

LONGEST_SESSION: Final = 12
"""Hours of a session: a working day."""

LARGEST_NETWORK: Final = 65_536
"""Addresses of a network of proxies that are believed."""

VERIFYING: Final = ("verify-ca", "verify-full")
"""The values of libpq's ``sslmode`` with which the server proves who it is."""

Point = Literal[
    "portal.address", "portal.host", "portal.proxies", "portal.link_minutes", "portal.session_hours",
    "mail.relay.security", "database.url", "four_eyes", "seal", "sign_in.providers", "mentions légales",
    "security_contact.contact", "droits des fichiers",
]  # fmt: skip
"""Every point of the posture that is judged: a setting, mostly."""


class _Problem(NamedTuple):
    point: Point
    sentence: str


def check_settings(settings: Settings, today: date) -> list[str]:
    """List the French warnings on settings that load; ``today``, the académie's day, gives the years to look at."""
    return [*_of_the_calendar(settings, today), *_of_people_and_words(settings)]


def check_posture(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """List what lets in, shows or lets change more than it should, in French, each with what to do.

    Every point is allowed, for a trial or behind something else: it is said, and ``--strict`` refuses it.
    """
    problems = (*_of_the_network(settings, environment), *_of_what_is_required(settings), *_of_files(settings))
    return [f"{problem.point} : {problem.sentence}" for problem in problems]


def _of_the_calendar(settings: Settings, today: date) -> Iterator[str]:
    calendar, days = settings.calendar(), settings.school_days()
    around = (SchoolYear(today.year + shift) for shift in (-2, -1, 0, 1))
    running = next(year for year in around if today <= calendar.end_of(year).last_day)
    for year in (running, running.next):
        end = calendar.end_of(year)
        if not end.is_default:
            continue
        if calendar.rule is EndRule.SUMMER_START:
            advice = (
                f"l'été {year.end_year} de la zone {settings.academie.zone} n'est pas connu :"
                f" donner la date dans school_year.end_dates ({year}: …)"
            )
        else:
            advice = f"donner la rentrée des élèves dans school_year.rentree_dates ({year.next}: …)"
        yield f"school_year : la fin de {year} est une date par défaut, le {french_day(end.last_day)} ; {advice}"
    ahead = (today + timedelta(days=n) for n in range(_FORESEEN + 1))
    if unknown := [day for day in ahead if days.kind(day) is DayKind.UNKNOWN]:
        years = listing(sorted({str(year_around(day)) for day in unknown}))
        yield (
            f"holidays.school : les vacances sont inconnues à partir du {french_day(unknown[0])}, et rien n'y sera"
            f" rappelé aux établissements ; donner celles de {years} (R77)"
        )
    for before in settings.school_year.notices:  # of the running year alone: nobody knows the calendar after the next
        day = calendar.end_of(running).last_day - timedelta(days=before)
        if days.last_school_day(day) is None:
            yield (
                f"school_year.notices : la fin de {running} est à annoncer {plural(before, 'jour')} avant, le"
                f" {french_day(day)}, et les vacances sont alors inconnues ; donner celles de {year_around(day)} dans"
                " holidays.school (R78)"
            )
    for year, periods in settings.holidays.school.items():
        count = sum((period.last - period.first).days + 1 for period in periods)
        if year >= running and count < _FEWEST:
            yield (
                f"holidays.school : {year} n'a que {plural(count, 'jour')} de vacances ; les donner toutes, été"
                " compris, car aucune n'y est ajoutée (R77)"
            )
    for year, rentree in settings.school_year.rentree_dates.items():
        kind = days.kind(rentree)
        if rentree >= today and kind not in (DayKind.SCHOOL, DayKind.UNKNOWN):
            yield (
                f"school_year.rentree_dates : le {french_day(rentree)}, rentrée de {year}, n'est pas un jour de classe"
                f" ({kind.label}) ; revoir cette date, ou holidays"
            )


def _of_people_and_words(settings: Settings) -> Iterator[str]:
    people, doors, code = settings.people, settings.sign_in, settings.code
    if settings.mail.reply_to is None:
        yield (
            f"mail.reply_to : sans adresse, les réponses iront à l'expéditeur {settings.mail.sender_address} ;"
            " donner celle du centre de service (R59)"
        )
    operators = {fold_mail(address) for address in people.operators}
    for address in people.readers:
        if fold_mail(address) in operators:
            yield f"people.readers : {address} est aussi opérateur ; l'ôter d'une des deux listes"
    if settings.four_eyes and len(people.operators) == 1:
        yield (
            "four_eyes : avec un seul opérateur, une demande où il a agi au nom de l'établissement restera sans code"
            " (R6) ; en ajouter un dans people.operators"
        )
    if doors.has_other_doors and doors.mapping.binding and "chef" not in doors.mail_link:
        yield (
            "sign_in.mapping.binding : une identité qui ne dit pas la fonction ne pourra pas se lier, le lien par"
            " courriel étant fermé aux chefs ; l'ouvrir (mail_link), ou mettre false (R103)"
        )
    fields = type(code).model_fields
    if code.format != fields["format"].default and code.example == fields["example"].default:
        yield (
            "code.example : code.format a changé, et les opérateurs liront encore l'exemple de l'ancienne forme ;"
            " dire la nouvelle en quelques mots (R41)"
        )
    if code.drawer and code.drawer.bits() < _FEW_BITS:
        yield (
            f"code.format : un code tiré n'a qu'environ {code.drawer.bits()} bits de hasard ; allonger code.length, ou"
            " admettre des lettres et des chiffres (R97)"
        )
    if settings.drane.declaration == "by_chef" and settings.drane.address is None:
        yield "drane.address : le chef doit déclarer son RUPN à la DRANE (R25) et ne saura pas où ; donner l'adresse"
    if settings.oda.address is None:
        yield "oda.address : le courriel qui porte le code ne dira pas où le RUPN le saisit ; donner cette adresse"
    if not settings.documentation.links and not settings.documentation.files:
        yield "documentation.links : aucun lien ; le courriel qui porte le code ne renverra à aucune documentation"


def _of_the_network(settings: Settings, environment: Mapping[str, str]) -> Iterator[_Problem]:
    portal, relay, database = settings.portal, settings.mail.relay, urlsplit(settings.database.url)
    address = urlsplit(portal.address)
    if address.scheme == "http" and is_this_machine(address.hostname or ""):
        yield _Problem(
            "portal.address",
            "c'est le nom de cette machine, et les liens des courriels ne s'ouvriront nulle part ailleurs ; donner"
            " l'adresse publique du portail, en https",
        )
    elif address.scheme == "http":
        yield _Problem(
            "portal.address",
            "http : connexions et cookies passent en clair ; mettre un serveur HTTPS devant, et son adresse ici",
        )
    if not is_this_machine(portal.host):
        yield _Problem(
            "portal.host",
            f"« {portal.host} » se laisse atteindre par d'autres machines, en clair ; garder 127.0.0.1 et mettre le"
            " serveur HTTPS sur cette machine, ou n'ouvrir ce port qu'à lui par le pare-feu",
        )
    for proxy in portal.proxies:
        if ip_network(proxy).num_addresses > LARGEST_NETWORK:
            yield _Problem(
                "portal.proxies",
                f"{proxy} fait croire presque n'importe qui : chacun se donnerait l'adresse qu'il veut, et aucune"
                " limite ne tiendrait ; n'y laisser que le serveur mandataire",
            )
    if (minutes := portal.link_minutes) > LONGEST_LINK:
        yield _Problem(
            "portal.link_minutes",
            f"{plural(minutes, 'minute')} : un lien qui traîne dans une boîte reste un accès ; {LONGEST_LINK} au plus",
        )
    if (hours := portal.session_hours) > LONGEST_SESSION:
        yield _Problem(
            "portal.session_hours",
            f"{plural(hours, 'heure')} : un poste laissé ouvert reste un accès ; {LONGEST_SESSION} au plus",
        )
    if relay.security == "none" and not is_this_machine(relay.host):
        password = ", mot de passe du relais compris" if relay.username else ""
        yield _Problem(
            "mail.relay.security",
            f"none vers {relay.host} : les courriels, donc les codes, passent en clair sur le"
            f" réseau{password} ; préférer starttls ou tls",
        )
    query = parse_qs(database.query)
    host = query.get("host", [database.hostname or ""])[0]
    mode = query.get("sslmode", [environment.get("PGSSLMODE", "prefer")])[0]
    is_elsewhere = bool(host) and not host.startswith("/") and not is_this_machine(host)
    if database.scheme != "sqlite" and is_elsewhere and mode not in VERIFYING:
        yield _Problem(
            "database.url",
            f"vers {host}, sslmode={mode} ne vérifie pas le serveur, et peut passer en clair ; finir l'adresse par"
            " ?sslmode=verify-full&sslrootcert=/chemin/ca.pem",
        )


def _of_what_is_required(settings: Settings) -> Iterator[_Problem]:
    portal, doors = settings.portal, settings.sign_in
    if not settings.four_eyes and len(settings.people.operators) > 1:
        yield _Problem(
            "four_eyes",
            "false : un opérateur peut à lui seul agir pour un établissement et émettre le code ; mettre true (R6)",
        )
    if settings.seal.mail is None and settings.seal.folder is None:
        yield _Problem(
            "seal",
            "aucun sceau du journal ne sort du service : qui tient la machine pourrait tout récrire ; donner seal.mail"
            " ou seal.folder (R109)",
        )
    for provider in doors.providers:
        if not provider.acr_of(Role.OPERATOR) and doors.second_factor != "required":
            yield _Problem(
                "sign_in.providers",
                f"{provider.name} : un opérateur peut n'avoir donné qu'un mot de passe ; exiger un niveau"
                " (acr: {operator: […]}), ou second_factor: required",
            )
    facts = {
        "publisher": (portal.publisher, "qui publie le portail"),
        "publication_director": (portal.publication_director, "qui en dirige la publication"),
        "hosting": (portal.hosting, "qui l'héberge, avec son adresse et son téléphone"),
        "data_protection": (portal.data_protection, "comment écrire au délégué à la protection des données"),
        "accessibility.declared_on": (
            portal.accessibility.declared_on, "quand la déclaration d'accessibilité a été établie",
        ),
    }  # fmt: skip
    if missing := [f"portal.{name} ({meaning})" for name, (value, meaning) in facts.items() if value is None]:
        yield _Problem("mentions légales", f"à donner pour les pages que la loi demande : {', '.join(missing)}")
    if settings.security_contact.contact is None:
        yield _Problem(
            "security_contact.contact",
            "null : qui trouve une faille ne sait à qui le dire ; donner une adresse électronique ou une page en https"
            " (/.well-known/security.txt)",
        )


def _of_files(settings: Settings) -> Iterator[_Problem]:
    """Judge each file and the folders above: who may change what is in them, or read what is private."""
    said: set[Path] = set()
    for path, meaning, is_private in (
        (settings.source, "les réglages", False),
        (settings.database.sqlite_file(settings.folder), "la base", True),
        (settings.templates_folder, "les modèles", False),
        (settings.secrets_directory, "les secrets", True),
    ):
        if path is None or not path.exists():
            continue
        path = path.resolve()
        for place in (path, *path.parents):
            mode = place.stat().st_mode
            is_sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX  # where nobody replaces what is another's
            if place not in said and mode & stat.S_IWOTH and not is_sticky:
                said.add(place)
                yield _Problem(
                    "droits des fichiers",
                    f"{place} se laisse changer par tous, et avec lui {meaning} ; chmod o-w {place}",
                )
        mode = path.stat().st_mode
        is_open = mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH)
        lets_through = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
        if is_private and not is_read_only(path) and is_open and lets_through:
            yield _Problem("droits des fichiers", f"{path} se laisse lire par tous : {meaning} ; chmod o-rwx {path}")
