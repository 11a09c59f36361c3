"""The warnings of ``oda check-config``: settings that are allowed but deserve a look."""

import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from states.french import day as french_day
from states.french import listing, plural
from states.school_calendar import DayKind, EndRule, SchoolCalendar, SchoolDays, SchoolYear, year_around
from states.validation import fold_mail
from states.vocabulary import Role
from workflow.settings.infrastructure import is_this_machine
from workflow.settings.model import Settings
from workflow.settings.secrets import is_read_only


def check_settings(settings: Settings, today: date) -> list[str]:
    """List the French warnings on settings that load; ``today``, the académie's day, gives the years to look at."""
    calendar = settings.calendar()
    around = (SchoolYear(today.year + shift) for shift in (-2, -1, 0, 1))
    running = next(year for year in around if today <= calendar.end_of(year).last_day)
    days = settings.school_days()
    return [
        *_year_ends(settings, calendar, running),
        *_unknown_days(days, today),
        *_notices_on_unknown_days(settings, days, running),
        *_incomplete_years(settings, running),
        *_rentrees(settings, days, today),
        *_mail(settings),
        *_people(settings),
        *_identities(settings),
        *_code(settings),
        *_drawn_code(settings),
        *_shown_to_chefs(settings),
    ]


_FORESEEN = 365
"""Days ahead to look at, as on the calendar page."""


_FEWEST = 84
"""Days of holidays in a year, Sundays included: an ordinary year has more than a hundred."""


def _unknown_days(days: SchoolDays, today: date) -> Iterator[str]:
    ahead = (today + timedelta(days=n) for n in range(_FORESEEN + 1))
    if unknown := [day for day in ahead if days.kind(day) is DayKind.UNKNOWN]:
        years = listing(sorted({str(year_around(day)) for day in unknown}))
        yield (
            f"holidays.school : les vacances sont inconnues à partir du {french_day(unknown[0])}, et rien n'y sera"
            f" rappelé aux établissements ; donner celles de {years} (R77)"
        )


def _notices_on_unknown_days(settings: Settings, days: SchoolDays, running: SchoolYear) -> Iterator[str]:
    """Warn of the running year alone: nobody can know the calendar of the years after the next."""
    last_day = settings.calendar().end_of(running).last_day
    for before in settings.school_year.notices:
        day = last_day - timedelta(days=before)
        if days.last_school_day(day) is None:
            yield (
                f"school_year.notices : la fin de {running} est à annoncer {plural(before, 'jour')} avant, le"
                f" {french_day(day)}, et les vacances sont alors inconnues ; donner celles de {year_around(day)} dans"
                " holidays.school (R78)"
            )


def _incomplete_years(settings: Settings, running: SchoolYear) -> Iterator[str]:
    for year, periods in settings.holidays.school.items():
        count = sum((period.last - period.first).days + 1 for period in periods)
        if year >= running and count < _FEWEST:
            yield (
                f"holidays.school : {year} n'a que {plural(count, 'jour')} de vacances ; les donner toutes, été"
                " compris, car aucune n'y est ajoutée (R77)"
            )


def _rentrees(settings: Settings, days: SchoolDays, today: date) -> Iterator[str]:
    for year, rentree in settings.school_year.rentree_dates.items():
        kind = days.kind(rentree)
        if rentree >= today and kind not in (DayKind.SCHOOL, DayKind.UNKNOWN):
            yield (
                f"school_year.rentree_dates : le {french_day(rentree)}, rentrée de {year}, n'est pas un jour de classe"
                f" ({kind.label}) ; revoir cette date, ou holidays"
            )


def _year_ends(settings: Settings, calendar: SchoolCalendar, running: SchoolYear) -> Iterator[str]:
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


def _mail(settings: Settings) -> Iterator[str]:
    if settings.mail.reply_to is None:
        yield (
            f"mail.reply_to : sans adresse, les réponses iront à l'expéditeur {settings.mail.sender_address} ;"
            " donner celle du centre de service (R59)"
        )


def _people(settings: Settings) -> Iterator[str]:
    people = settings.people
    operators = {fold_mail(address) for address in people.operators}
    for address in people.readers:
        if fold_mail(address) in operators:
            yield f"people.readers : {address} est aussi opérateur ; l'ôter d'une des deux listes"
    if settings.four_eyes and len(people.operators) == 1:
        yield (
            "four_eyes : avec un seul opérateur, une demande où il a agi au nom de l'établissement restera sans code"
            " (R6) ; en ajouter un dans people.operators"
        )


def _code(settings: Settings) -> Iterator[str]:
    code, fields = settings.code, type(settings.code).model_fields
    if code.format != fields["format"].default and code.example == fields["example"].default:
        yield (
            "code.example : code.format a changé, et les opérateurs liront encore l'exemple de l'ancienne forme ;"
            " dire la nouvelle en quelques mots (R41)"
        )


def _identities(settings: Settings) -> Iterator[str]:
    doors = settings.sign_in
    if doors.has_other_doors and doors.mapping.binding and "chef" not in doors.mail_link:
        yield (
            "sign_in.mapping.binding : une identité qui ne dit pas la fonction ne pourra pas se lier, le lien par"
            " courriel étant fermé aux chefs ; l'ouvrir (mail_link), ou mettre false (R103)"
        )


_FEW_BITS = 30
"""Bits of a drawn code below which it could be guessed by who may try often."""


def _drawn_code(settings: Settings) -> Iterator[str]:
    drawer = settings.code.drawer
    if drawer and drawer.bits() < _FEW_BITS:
        yield (
            f"code.format : un code tiré n'a qu'environ {drawer.bits()} bits de hasard ; allonger code.length, ou"
            " admettre des lettres et des chiffres (R97)"
        )


def _shown_to_chefs(settings: Settings) -> Iterator[str]:
    if settings.drane.declaration == "by_chef" and settings.drane.address is None:
        yield "drane.address : le chef doit déclarer son RUPN à la DRANE (R25) et ne saura pas où ; donner l'adresse"
    if settings.oda.address is None:
        yield "oda.address : le courriel qui porte le code ne dira pas où le RUPN le saisit ; donner cette adresse"
    if not settings.documentation.links and not settings.documentation.files:
        yield "documentation.links : aucun lien ; le courriel qui porte le code ne renverra à aucune documentation"


# The posture of an installation: what lets in, shows or lets change more than it should (``oda check-config``).
#
# Every point is allowed, for a trial or behind something else: it is said, and ``--strict`` refuses it.


LONGEST_LINK: Final = 30
"""Minutes of a sign-in link that are still prudent."""


LONGEST_SESSION: Final = 12
"""Hours of a session: a working day."""


LARGEST_NETWORK: Final = 65_536
"""Addresses of a network of proxies that are believed."""


VERIFYING: Final = ("verify-ca", "verify-full")
"""The values of libpq's ``sslmode`` with which the server proves who it is."""


class Installation(NamedTuple):
    """The settings, and the environment of the process."""

    settings: Settings
    environment: Mapping[str, str]


def check_posture(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """List what the posture leaves to be desired, in French, each with what to do."""
    installation = Installation(settings, environment)
    return [f"{name} : {problem}" for name, judge in POINTS for problem in judge(installation)]


def _address(installation: Installation) -> Iterator[str]:
    parts = urlsplit(installation.settings.portal.address)
    if parts.scheme == "http" and is_this_machine(parts.hostname or ""):
        yield (
            "c'est le nom de cette machine, et les liens des courriels ne s'ouvriront nulle part ailleurs ; donner"
            " l'adresse publique du portail, en https"
        )
    elif parts.scheme == "http":
        yield "http : connexions et cookies passent en clair ; mettre un serveur HTTPS devant, et son adresse ici"


def _host(installation: Installation) -> Iterator[str]:
    host = installation.settings.portal.host
    if not is_this_machine(host):
        yield (
            f"« {host} » se laisse atteindre par d'autres machines, en clair ; garder 127.0.0.1 et mettre le serveur"
            " HTTPS sur cette machine, ou n'ouvrir ce port qu'à lui par le pare-feu"
        )


def _proxies(installation: Installation) -> Iterator[str]:
    for proxy in installation.settings.portal.proxies:
        if ip_network(proxy).num_addresses > LARGEST_NETWORK:
            yield (
                f"{proxy} fait croire presque n'importe qui : chacun se donnerait l'adresse qu'il veut, et aucune"
                " limite ne tiendrait ; n'y laisser que le serveur mandataire"
            )


def _link_minutes(installation: Installation) -> Iterator[str]:
    minutes = installation.settings.portal.link_minutes
    if minutes > LONGEST_LINK:
        yield f"{plural(minutes, 'minute')} : un lien qui traîne dans une boîte reste un accès ; {LONGEST_LINK} au plus"


def _session_hours(installation: Installation) -> Iterator[str]:
    hours = installation.settings.portal.session_hours
    if hours > LONGEST_SESSION:
        yield f"{plural(hours, 'heure')} : un poste laissé ouvert reste un accès ; {LONGEST_SESSION} au plus"


def _relay(installation: Installation) -> Iterator[str]:
    relay = installation.settings.mail.relay
    if relay.security == "none" and not is_this_machine(relay.host):
        password = ", mot de passe du relais compris" if relay.username else ""
        yield (
            f"none vers {relay.host} : les courriels, donc les codes, passent en clair sur le"
            f" réseau{password} ; préférer starttls ou tls"
        )


def _database(installation: Installation) -> Iterator[str]:
    url = urlsplit(installation.settings.database.url)
    if url.scheme == "sqlite":
        return
    query = parse_qs(url.query)
    host = query.get("host", [url.hostname or ""])[0]
    mode = query.get("sslmode", [installation.environment.get("PGSSLMODE", "prefer")])[0]
    if host and not host.startswith("/") and not is_this_machine(host) and mode not in VERIFYING:
        yield (
            f"vers {host}, sslmode={mode} ne vérifie pas le serveur, et peut passer en clair ; finir l'adresse par"
            " ?sslmode=verify-full&sslrootcert=/chemin/ca.pem"
        )


def _four_eyes(installation: Installation) -> Iterator[str]:
    settings = installation.settings
    if not settings.four_eyes and len(settings.people.operators) > 1:
        yield "false : un opérateur peut à lui seul agir pour un établissement et émettre le code ; mettre true (R6)"


def _seal(installation: Installation) -> Iterator[str]:
    seal = installation.settings.seal
    if seal.mail is None and seal.folder is None:
        yield (
            "aucun sceau du journal ne sort du service : qui tient la machine pourrait tout récrire ; donner seal.mail"
            " ou seal.folder (R109)"
        )


def _providers(installation: Installation) -> Iterator[str]:
    doors = installation.settings.sign_in
    for provider in doors.providers:
        if not provider.acr_of(Role.OPERATOR) and doors.second_factor != "required":
            yield (
                f"{provider.name} : un opérateur peut n'avoir donné qu'un mot de passe ; exiger un niveau"
                " (acr: {operator: […]}), ou second_factor: required"
            )


def _legal_facts(installation: Installation) -> Iterator[str]:
    portal = installation.settings.portal
    facts = {
        "publisher": (portal.publisher, "qui publie le portail"),
        "hosting": (portal.hosting, "qui l'héberge, avec son adresse et son téléphone"),
        "data_protection": (portal.data_protection, "comment écrire au délégué à la protection des données"),
    }
    missing = [f"portal.{name} ({meaning})" for name, (value, meaning) in facts.items() if value is None]
    if missing:
        yield f"à donner pour les pages que la loi demande : {', '.join(missing)}"


def _security_contact(installation: Installation) -> Iterator[str]:
    if installation.settings.security_contact.contact is None:
        yield (
            "null : qui trouve une faille ne sait à qui le dire ; donner une adresse électronique ou une page en https"
            " (/.well-known/security.txt)"
        )


def _files(installation: Installation) -> Iterator[str]:
    settings = installation.settings
    database = settings.database.sqlite_file(settings.folder)
    said: set[Path] = set()
    for path, meaning, is_private in (
        (settings.source, "les réglages", False),
        (database, "la base", True),
        (settings.templates_folder, "les modèles", False),
        (settings.secrets_directory, "les secrets", True),
    ):
        if path is None or not path.exists():
            continue
        path = path.resolve()
        for place in (path, *path.parents):
            if place not in said and _is_writable_by_all(place):
                said.add(place)
                yield f"{place} se laisse changer par tous, et avec lui {meaning} ; chmod o-w {place}"
        if is_private and not is_read_only(path) and _is_readable_by_all(path):
            yield f"{path} se laisse lire par tous : {meaning} ; chmod o-rwx {path}"


def _is_writable_by_all(path: Path) -> bool:
    """Return True for a file that anybody changes, or a folder in which anybody replaces what is another's."""
    mode = path.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)


def _is_readable_by_all(path: Path) -> bool:
    """Return True when anybody reads this file, or opens this folder: every folder above lets them through."""
    mode = path.stat().st_mode
    own = mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH)
    return bool(own) and all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)


POINTS: Final[tuple[tuple[str, Callable[[Installation], Iterator[str]]], ...]] = (
    ("portal.address", _address),
    ("portal.host", _host),
    ("portal.proxies", _proxies),
    ("portal.link_minutes", _link_minutes),
    ("portal.session_hours", _session_hours),
    ("mail.relay.security", _relay),
    ("database.url", _database),
    ("four_eyes", _four_eyes),
    ("seal", _seal),
    ("sign_in.providers", _providers),
    ("mentions légales", _legal_facts),
    ("security_contact.contact", _security_contact),
    ("droits des fichiers", _files),
)
"""Every point that is judged: the setting, and what is wrong with it."""
