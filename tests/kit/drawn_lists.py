"""Two lists drawn from a seed as people write them, and the truth about each request that is compared with them.

Every row is drawn with what it is: the writer of a list knows whether a request's person is in it, and whether the
delegation is proof, whatever the software makes of it (R94).
"""

import csv
import io
import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from states.validation import usual_uai
from tests.workflow.spreadsheets.files import xlsx_of

SCHOOLS: Final = 160
APPLICATION: Final = "Administration des comptes EduConnect"
NO_END: Final = date(9999, 12, 31)

_NOMS = (
    "Martin", "D'Étienne", "Lefèvre", "Saint-Exupéry", "Le Goff", "De La Tour", "Œuvrard", "N'Guyen", "Muñoz", "Bézier",
    "Dupont-Durand", "Faÿ", "Gaël", "Hébert", "Jaurès", "Castaing", "Vidal", "Ader", "Riquet", "Fabre", "Lübeck", "Roy",
)  # fmt: skip
_PRENOMS = (
    "Anne-Sophie", "Jean-François", "Zoé", "Loïc", "Éloïse", "Marie-Thérèse", "François", "Maël", "Inès", "Noël",
    "Jean Marc", "Chloé", "Rémi", "Cécile", "Ève", "Benoît", "Claire", "Paul", "Luce", "Hélène",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody of a school: a request's own, or another one."""

    uai: str
    nom: str
    prenom: str
    mail: str


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A request, and what is true of it: is its person in the list, does its delegation run, was it the chef's own."""

    person: Person
    listing: str
    delegation: str
    is_listed: bool
    is_delegated: bool


@dataclass
class DrawnLists:
    """``chefs`` by UAI; ``listing`` and ``delegation`` are the rows, titles included; ``draw`` is the seed's."""

    draw: random.Random
    today: date
    truths: list[Truth] = field(default_factory=list)
    chefs: dict[str, str] = field(default_factory=dict)
    listing: list[list[Any]] = field(default_factory=list)
    delegation: list[list[Any]] = field(default_factory=list)
    _mails: set[str] = field(default_factory=set)

    @classmethod
    def drawn(cls, seed: int, count: int, today: date) -> "DrawnLists":
        lists = cls(random.Random(seed), today)
        uais = [usual_uai(f"0811{number:03d}X") for number in range(1, SCHOOLS + 1)]
        lists.chefs = {uai: " ".join(lists._names()) for uai in uais}
        for _ in range(count):
            lists._add(lists.person(lists.draw.choice(uais)))
        for _ in range(count // 2):  # people of whom nobody asks anything
            other = lists.person(lists.draw.choice(uais))
            lists._list(other)
            lists._delegate(other)
        lists.draw.shuffle(lists.listing)
        lists.draw.shuffle(lists.delegation)
        return lists

    def _names(self) -> tuple[str, str]:
        """One of some 400,000 names, so that namesakes are only those that are meant."""
        nom = "-".join(dict.fromkeys(self.draw.sample(_NOMS, 2)))
        prenom = " ".join(dict.fromkeys(self.draw.sample(_PRENOMS, 2))) if self.draw.random() < 0.7 else (
            self.draw.choice(_PRENOMS)
        )  # fmt: skip
        return nom, prenom

    def person(self, uai: str) -> Person:
        nom, prenom = self._names()
        return Person(uai=uai, nom=nom, prenom=prenom, mail=self.mail_of(nom, prenom))

    def mail_of(self, nom: str, prenom: str) -> str:
        base = f"{_plain(prenom)}.{_plain(nom)}".replace(" ", "-").replace("'", "").lower()
        number = next(n for n in range(1, 9999) if f"{base}{n}" not in self._mails)
        self._mails.add(f"{base}{number}")
        return f"{base}{number}@ac-toulouse.fr"

    def _add(self, person: Person) -> None:
        listing, is_listed = self.draw.choice(_LISTINGS)
        delegation, is_delegated = self.draw.choice(_DELEGATIONS)
        self.truths.append(Truth(
            person=person, listing=listing.__name__, delegation=delegation.__name__, is_listed=is_listed,
            is_delegated=is_delegated,
        ))  # fmt: skip
        listing(self, person, self._list)
        delegation(self, person)

    def _list(self, person: Person, usage: str = "", second: str = "") -> None:
        day = self.today - timedelta(days=self.draw.randrange(1, 400))
        row = self._written(person)
        self.listing.append([row.uai, row.nom, row.prenom, usage, row.mail, second, self._date(day)])

    def _delegate(
        self, person: Person, usage: str = "", second: str = "", *, application: str = APPLICATION,
        begins: int = -30, ends: date = NO_END, author: str = "",
    ) -> None:  # fmt: skip
        row = self._written(person)
        first = self.today + timedelta(days=begins)
        chef = self._noisy(author or self.chefs[person.uai])
        civility = self.draw.choice(("", "M. ", "Mme "))
        self.delegation.append(
            [row.uai, row.nom, row.prenom, usage, row.mail, second, self._noisy(application), self._date(first),
             self._date(ends), civility + chef]
        )  # fmt: skip

    def _written(self, person: Person) -> Person:
        """The same person as a list may write him: nothing of it is a difference."""
        mail = person.mail if self.draw.random() < 0.7 else person.mail.upper()
        return replace(person, nom=self._noisy(person.nom), prenom=self._noisy(person.prenom), mail=mail)

    def _noisy(self, text: str) -> str:
        ways: tuple[Callable[[str], str], ...] = (
            str, str.upper, str.lower, _plain, lambda t: _plain(t).upper(), lambda t: t.replace("-", " "),
            lambda t: t.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"), lambda t: f" {t}  ",
        )  # fmt: skip
        return self.draw.choice(ways)(text)

    def _date(self, day: date) -> Any:
        if day == NO_END:
            return self.draw.choice(("31/12/9999", "9999-12-31"))
        return self.draw.choice((day, f"{day:%d/%m/%Y}", day.isoformat()))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("Œ", "Oe").replace("œ", "oe"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


Adder = Callable[..., None]


def written(lists: DrawnLists, person: Person, add: Adder) -> None:
    add(person)


def in_another_order(lists: DrawnLists, person: Person, add: Adder) -> None:
    add(replace(person, nom=person.prenom, prenom=person.nom))


def under_a_used_name(lists: DrawnLists, person: Person, add: Adder) -> None:
    add(replace(person, nom=lists._names()[0]), usage=person.nom)


def at_a_second_mail(lists: DrawnLists, person: Person, add: Adder) -> None:
    add(replace(person, mail=lists.mail_of("autre", "adresse")), second=person.mail)


def with_a_letter_changed(lists: DrawnLists, person: Person, add: Adder) -> None:
    at = lists.draw.randrange(len(person.nom))
    add(replace(person, nom=f"{person.nom[:at]}z{person.nom[at + 1 :]}"))


def absent(lists: DrawnLists, person: Person, add: Adder) -> None:
    pass


def namesake_elsewhere(lists: DrawnLists, person: Person, add: Adder) -> None:
    other = lists.draw.choice([uai for uai in lists.chefs if uai != person.uai])
    add(replace(person, uai=other, mail=lists.mail_of(person.nom, person.prenom)))


def namesake_here(lists: DrawnLists, person: Person, add: Adder) -> None:
    add(replace(person, mail=lists.mail_of(person.nom, person.prenom)))


def elsewhere(lists: DrawnLists, person: Person, add: Adder) -> None:
    add(replace(person, uai=lists.draw.choice([uai for uai in lists.chefs if uai != person.uai])))


def relative_here(lists: DrawnLists, person: Person, add: Adder) -> None:
    other = next(p for p in _PRENOMS if p not in person.prenom)
    add(replace(person, prenom=other, mail=lists.mail_of(person.nom, other)))


def successor_at_the_same_mail(lists: DrawnLists, person: Person, add: Adder) -> None:
    nom, prenom = lists._names()
    add(replace(person, nom=nom, prenom=prenom))


_LISTINGS = (
    *[(written, True)] * 8, (in_another_order, True), (under_a_used_name, True), (at_a_second_mail, True),
    (with_a_letter_changed, True), (absent, False), (namesake_elsewhere, False), (namesake_here, False),
    (elsewhere, False), (relative_here, False), (successor_at_the_same_mail, False),
)  # fmt: skip


def _of_person(how: Any) -> Any:
    def add(lists: DrawnLists, person: Person) -> None:
        how(lists, person, lists._delegate)

    add.__name__ = how.__name__
    return add


def by_the_chef(lists: DrawnLists, person: Person) -> None:
    lists._delegate(person, ends=lists.draw.choice((NO_END, lists.today, lists.today + timedelta(days=200))))


def beside_other_applications(lists: DrawnLists, person: Person) -> None:
    lists._delegate(person, application="Base élèves", ends=lists.today - timedelta(days=90))
    lists._delegate(person)


def made_again(lists: DrawnLists, person: Person) -> None:
    lists._delegate(person, begins=-400, ends=lists.today - timedelta(days=60))
    lists._delegate(person)


def by_a_former_chef(lists: DrawnLists, person: Person) -> None:
    lists._delegate(person, author=" ".join(lists._names()))


def ended(lists: DrawnLists, person: Person) -> None:
    lists._delegate(person, ends=lists.today - timedelta(days=lists.draw.randrange(1, 25)))


def to_come(lists: DrawnLists, person: Person) -> None:
    lists._delegate(person, begins=lists.draw.randrange(1, 90))


def of_another_application(lists: DrawnLists, person: Person) -> None:
    lists._delegate(person, application=lists.draw.choice(("Base élèves", "Affelnet", "Siècle")))


_DELEGATIONS = (
    *[(by_the_chef, True)] * 8, (beside_other_applications, True), (made_again, True), (by_a_former_chef, False),
    (ended, False), (to_come, False), (of_another_application, False),
    *((_of_person(how), truth) for how, truth in _LISTINGS[8:]),
)  # fmt: skip

LISTING_TITLES: Final = ("UAI", "Nom", "Prénom", "Nom d'usage", "Courriel", "Autre adresse", "Déclaré le")
DELEGATION_TITLES: Final = (
    "N° UAI", "NOM", "Prénom", "Nom d'usage", "Mél", "Seconde adresse", "Module", "Date de début", "Date de fin",
    "Délégué par",
)  # fmt: skip


def file_of(draw: random.Random, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, bytes]:
    """The list as a file of a drawn kind, with a title above, and empty lines under it; its kind is said too."""
    above: list[list[Any]] = [["Extraction pour l'académie de Toulouse"], []]
    whole = [*above, list(titles), *map(list, rows), [], [""], []]
    kind = draw.choice(("windows-1252", "utf-8-sig", "xlsx"))
    if kind == "xlsx":
        whole[0] += [None] * 3
        return kind, xlsx_of(whole, merged=((0, 0, 0, 3),))
    text, separator = io.StringIO(), draw.choice(("\t", ";", ","))
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(
        [[f"{cell:%d/%m/%Y}" if isinstance(cell, date) else cell for cell in row] for row in whole]
    )
    return f"{kind}, {separator!r}", text.getvalue().encode(kind)
