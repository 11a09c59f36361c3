"""Public holidays by département, from the package holidays (R77), read only when asked about a day."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final

_SUBDIVISIONS: Final = {
    "57": "57", "67": "6AE", "68": "6AE", "971": "971", "972": "972", "973": "973", "974": "974", "975": "PM",
    "976": "976", "977": "BL", "978": "MF", "984": "TF", "986": "WF", "987": "PF", "988": "NC",
}  # fmt: skip
"""The départements whose public holidays are not those of all France, as the package holidays calls them."""


@lru_cache
def public_holidays(departements: tuple[str, ...]) -> Callable[[int], frozenset[date]]:
    """The public holidays of a calendar year: a day that is off in one of these départements is off (R77)."""
    subdivisions = frozenset(_SUBDIVISIONS.get(code) for code in departements)

    @lru_cache(maxsize=64)
    def of_year(year: int) -> frozenset[date]:
        from holidays import country_holidays

        return frozenset(
            day for subdivision in subdivisions for day in country_holidays("FR", subdiv=subdivision, years=year)
        )

    return of_year


@lru_cache
def ascension(calendar_year: int) -> date:
    """The Thursday of the Ascension."""
    from holidays import country_holidays

    return country_holidays("FR", years=calendar_year).get_named("Ascension")[0]
