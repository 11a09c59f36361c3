"""Why a sign-in by a provider did not succeed: a code for programs, and a few words for the log (R101)."""

from enum import Enum


class ProviderProblem(Enum):
    """What stopped a sign-in by a provider; the pages have the words."""

    UNAVAILABLE = "unavailable"
    BUSY = "busy"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    LOST = "lost"
    NOT_BELIEVED = "not_believed"
    TOO_WEAK = "too_weak"
    NOT_FRESH = "not_fresh"
    OTHER_PERSON = "other_person"


class ProviderFailure(Exception):
    """A sign-in by a provider that did not succeed.

    ``detail`` says what to look at, for the log alone: it never quotes a claim, a code nor a secret. ``role``: whose
    level of assurance was not reached.
    """

    def __init__(self, problem: ProviderProblem, detail: str, role: str = "") -> None:
        super().__init__(detail)
        self.problem, self.detail, self.role = problem, detail, role


def not_believed(detail: str) -> ProviderFailure:
    """An answer of a provider that is not what it must be."""
    return ProviderFailure(ProviderProblem.NOT_BELIEVED, detail)


def unavailable(detail: str) -> ProviderFailure:
    """A provider that does not answer, or answers something that cannot be used."""
    return ProviderFailure(ProviderProblem.UNAVAILABLE, detail)
