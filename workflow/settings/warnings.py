"""The warnings of ``oda check-config``: settings that are allowed but deserve a look."""

from collections.abc import Iterator
from datetime import date, timedelta

from states.french import day as french_day
from states.french import listing, plural
from states.school_calendar import DayKind, EndRule, SchoolCalendar, SchoolDays, SchoolYear, year_around
from states.validation import fold_mail
from workflow.settings.model import Settings


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
