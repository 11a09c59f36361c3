"""What is allowed in the settings but deserves a look: the warnings of ``oda check-config``."""

from collections.abc import Iterator
from datetime import date, timedelta
from ipaddress import ip_address

from states.french import day as french_day
from states.french import listing, plural
from states.school_calendar import DayKind, EndRule, SchoolCalendar, SchoolDays, SchoolYear, YearEnd, year_around
from states.validation import fold_mail
from workflow.settings.model import Settings

_FORESEEN = 365
"""Days ahead: what the calendar page shows, too."""


_FEWEST = 84
"""Days of holidays in a year, Sundays included: an ordinary year has more than a hundred."""


def days_warnings(settings: Settings, running: SchoolYear, today: date) -> Iterator[str]:
    """French warnings on the days off; ``running`` is the school year of ``today``."""
    days = settings.school_days()
    yield from _unknown(days, today)
    yield from _notices(settings, days, running)
    yield from _incomplete(settings, running)
    yield from _rentrees(settings, days, today)


def _unknown(days: SchoolDays, today: date) -> Iterator[str]:
    ahead = (today + timedelta(days=n) for n in range(_FORESEEN + 1))
    if unknown := [day for day in ahead if days.kind(day) is DayKind.UNKNOWN]:
        years = listing(sorted({str(year_around(day)) for day in unknown}))
        yield (
            f"holidays.school : les vacances sont inconnues à partir du {french_day(unknown[0])}, et rien n'y sera"
            f" rappelé aux établissements ; donner celles de {years} (R77)"
        )


def _notices(settings: Settings, days: SchoolDays, running: SchoolYear) -> Iterator[str]:
    """Of the running year alone: nobody can know the calendar of the years after the next."""
    last_day = settings.calendar().end_of(running).last_day
    for before in settings.school_year.notices:
        day = last_day - timedelta(days=before)
        if days.last_school_day(day) is None:
            yield (
                f"school_year.notices : la fin de {running} est à annoncer {plural(before, 'jour')} avant, le"
                f" {french_day(day)}, et les vacances sont alors inconnues ; donner celles de {year_around(day)} dans"
                " holidays.school (R78)"
            )


def _incomplete(settings: Settings, running: SchoolYear) -> Iterator[str]:
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
