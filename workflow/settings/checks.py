"""What is allowed in the settings but deserves a look: the warnings of ``oda check-config``."""

from collections.abc import Iterator
from datetime import date
from ipaddress import ip_address

from states.french import day as french_day
from states.school_year import EndRule, SchoolCalendar, SchoolYear, YearEnd
from states.words import fold_mail
from workflow.settings.days_checks import days_warnings
from workflow.settings.model import Settings


def check_settings(settings: Settings, today: date) -> list[str]:
    """French warnings on settings that load; ``today`` is the académie's day, on which the years in view depend."""
    running = _running_year(settings.calendar(), today)
    return [
        *_year_ends(settings, running),
        *days_warnings(settings, running, today),
        *_mail(settings),
        *_people(settings),
        *_shown_to_chefs(settings),
    ]


def _year_ends(settings: Settings, running: SchoolYear) -> Iterator[str]:
    calendar = settings.calendar()
    for end in (calendar.end_of(running), calendar.end_of(running.next)):
        if end.is_default:
            yield (
                f"school_year : la fin de {end.school_year} est une date par défaut, le {french_day(end.last_day)} ;"
                f" {_how_to_know(settings, calendar, end)}"
            )


def _running_year(calendar: SchoolCalendar, today: date) -> SchoolYear:
    around = (SchoolYear(today.year + shift) for shift in (-2, -1, 0, 1))
    return next(year for year in around if today <= calendar.end_of(year).last_day)


def _how_to_know(settings: Settings, calendar: SchoolCalendar, end: YearEnd) -> str:
    year = end.school_year
    if calendar.rule is EndRule.SUMMER_START:
        return (
            f"l'été {year.end_year} de la zone {settings.academie.zone} n'est pas connu :"
            f" donner la date dans school_year.end_dates ({year}: …)"
        )
    return f"donner la rentrée des élèves dans school_year.rentree_dates ({year.next}: …)"


def _mail(settings: Settings) -> Iterator[str]:
    relay = settings.mail.relay
    if relay.security == "none" and not _is_this_machine(relay.host):
        password = ", mot de passe du relais compris" if relay.username else ""
        yield (
            f"mail.relay.security : none vers {relay.host} : les courriels, donc les codes, passent en clair sur le"
            f" réseau{password} ; préférer starttls ou tls"
        )
    if settings.mail.reply_to is None:
        yield (
            f"mail.reply_to : sans adresse, les réponses iront à l'expéditeur {settings.mail.sender_address} ;"
            " donner celle du centre de service (R59)"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.localdomain")


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


def _shown_to_chefs(settings: Settings) -> Iterator[str]:
    if settings.drane.declaration == "by_chef" and settings.drane.address is None:
        yield "drane.address : le chef doit déclarer son RUPN à la DRANE (R25) et ne saura pas où ; donner l'adresse"
    if not settings.documentation.links and not settings.documentation.files:
        yield "documentation.links : aucun lien ; le courriel qui porte le code ne renverra à aucune documentation"
