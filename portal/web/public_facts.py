"""What the public pages may say of this installation: taken from its settings, never from a request."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from states import french
from states.school_year import SchoolYear
from workflow.settings import Settings
from workflow.settings.portal import AccessibilitySettings


def academy(nom: str) -> str:
    """``académie de Toulouse``, from ``Toulouse`` or from the whole."""
    return f"académie{nom[8:]}" if nom.lower().startswith("académie ") else f"académie {french.de(nom)}"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """``here`` of every public page. Durations are in the unit of their name; WORDS tells each in French."""

    academie: str
    service: str
    contact: str
    site: str
    publisher: str
    hosting: str | None
    data_protection: str | None
    accessibility: AccessibilitySettings
    expected_days: int
    link_minutes: int
    session_hours: int
    code_keep_days: int
    check_days: int
    delegce_module: str
    drane_address: str | None
    drane_sent_by_us: bool
    deputy_may_act: bool
    one_key_a_person: bool
    year: str
    year_end: date
    year_end_is_default: bool
    campaign_opens: date

    @classmethod
    def of(cls, settings: Settings, today: date) -> Self:
        """The facts on this day of the académie."""
        calendar = settings.calendar()
        year = next(
            one
            for one in (SchoolYear(today.year - 1), SchoolYear(today.year))
            if today <= calendar.end_of(one).last_day
        )
        end = calendar.end_of(year)
        name = academy(settings.academie.nom)
        return cls(
            academie=name, service=settings.mail.signature, contact=settings.mail.contact,
            site=settings.portal.address, publisher=settings.portal.publisher or f"L'{name}",
            hosting=settings.portal.hosting, data_protection=settings.portal.data_protection,
            accessibility=settings.portal.accessibility, expected_days=settings.handling.expected_days,
            link_minutes=settings.portal.link_minutes, session_hours=settings.portal.session_hours,
            code_keep_days=settings.code.keep_days, check_days=settings.checks.max_age_days,
            delegce_module=settings.delegce.module, drane_address=settings.drane.address,
            drane_sent_by_us=settings.drane.declaration == "sent_by_us",
            deputy_may_act=settings.people.deputy_may_act, one_key_a_person=settings.key.scope == "person",
            year=str(year), year_end=end.last_day, year_end_is_default=end.is_default,
            campaign_opens=calendar.opening_day(year.next),
        )  # fmt: skip


def french_capital(text: str) -> str:
    """The first letter as a capital, the others as they are."""
    return text[:1].upper() + text[1:]


WORDS: Final = {
    "academie": "l'académie, ainsi : académie de Toulouse",
    "service": "le nom du service, celui de la fin des courriels (`mail.signature`)",
    "contact": "à qui s'adresser (`mail.contact`)",
    "site": "l'adresse du portail (`portal.address`)",
    "publisher": "qui le publie (`portal.publisher`) ; à défaut l'académie",
    "hosting": "qui l'héberge (`portal.hosting`), ou rien",
    "data_protection": "comment écrire au délégué à la protection des données (`portal.data_protection`), ou rien",
    "accessibility": "la déclaration d'accessibilité : `status`, `audited_on` et `percentage`, comme dans les réglages",
    "expected_days": "le délai de traitement annoncé, en jours (`handling.expected_days`)",
    "link_minutes": "la durée d'un lien de connexion, en minutes (`portal.link_minutes`)",
    "session_hours": "la durée d'une connexion, en heures (`portal.session_hours`)",
    "code_keep_days": "le nombre de jours après lesquels un code non remis est effacé (`code.keep_days`)",
    "check_days": "le nombre de jours pendant lesquels une vérification vaut (`checks.max_age_days`)",
    "delegce_module": "le nom du module délégué dans DelegCE (`delegce.module`)",
    "drane_address": "l'adresse de l'application de la DRANE (`drane.address`), ou rien",
    "drane_sent_by_us": "le rectorat transmet-il lui-même les déclarations à la DRANE ?",
    "deputy_may_act": "un adjoint agit-il comme le chef ?",
    "one_key_a_person": "une personne n'a-t-elle qu'une clé ?",
    "year": "l'année scolaire en cours, ainsi : 2026-2027",
    "year_end": "son dernier jour, une date",
    "year_end_is_default": "ce jour est-il retenu faute de connaître la rentrée suivante ?",
    "campaign_opens": "le jour où s'ouvrent les déclarations de l'année suivante, une date",
}
"""Each fact, for who writes a page; a test holds the two together, and docs/pages.md with them."""
