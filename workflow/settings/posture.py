"""The posture of an installation: what lets in, shows or lets change more than it should (``oda check-config``).

Every point is allowed, for a trial or behind something else: it is said, and ``--strict`` refuses it.
"""

import stat
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from states.french import plural
from states.vocabulary import Role
from workflow.settings.infrastructure import is_this_machine
from workflow.settings.model import Settings
from workflow.settings.secrets import is_read_only

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
