"""The domains of a professional address: those of the settings, and those that a slip of the keyboard makes (R16)."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

_SLIPS: Final = 2
"""Letters added, lost, changed or swapped between two domains that are told apart by a slip of the keyboard."""

_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class MailDomains:
    """The domains in which the académie's people have their addresses; ``*`` stands for any letters.

    ``own`` is the académie's, that of every example.
    """

    patterns: tuple[str, ...] = ("ac-*.fr",)
    own: str = "ac-toulouse.fr"

    @property
    def example(self) -> str:
        """An address as a person's is written here."""
        return f"prenom.nom@{self.own}"

    def is_usual(self, mail: str) -> bool:
        """Return True for an address in one of these domains, which no slip of the keyboard made of a known one."""
        domain = _domain_of(mail)
        if domain in self._known:
            return True
        return any(fnmatchcase(domain, pattern) for pattern in self.patterns) and not self.likely_domain(mail)

    def likely_domain(self, mail: str) -> str:
        """The known domain of which this address has nearly the letters; empty when there is none."""
        domain = _domain_of(mail)
        near = [known for known in self._known if domain != known and 0 < slips(domain, known) <= _SLIPS]
        return near[0] if near else ""

    @property
    def _known(self) -> tuple[str, ...]:
        """The domains written out, the académie's own first."""
        return tuple(dict.fromkeys((self.own, *(pattern for pattern in self.patterns if _ANY not in pattern))))


def _domain_of(mail: str) -> str:
    return mail.rpartition("@")[2].strip().casefold()


def slips(typed: str, known: str) -> int:
    """Count the letters to add, take away, change or swap with the next to go from one word to the other."""
    if abs(len(typed) - len(known)) > _SLIPS:
        return _SLIPS + 1
    before: list[int] = []
    row = list(range(len(known) + 1))
    for i, letter in enumerate(typed, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(known, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == known[j - 2] and typed[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
