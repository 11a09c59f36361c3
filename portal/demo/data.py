"""The demonstration's world: invented establishments and people, whose names and numbers are nobody's, and its time.

Its clock stands still until it is run; a loop makes its time pass: the schedule, the mails, the visitor's jumps.
"""

import asyncio
import csv
import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Final

from states.validation import UAI_LETTERS, fold
from workflow.app import App
from workflow.schedule.tick import TickResult

DEPARTEMENTS: Final = {
    "09": ("Ariège", ("Foix", "Pamiers", "Saint-Girons", "Lavelanet", "Mirepoix", "Tarascon-sur-Ariège")),
    "12": ("Aveyron", ("Rodez", "Millau", "Villefranche-de-Rouergue", "Decazeville", "Espalion", "Saint-Affrique")),
    "31": ("Haute-Garonne", ("Toulouse", "Muret", "Saint-Gaudens", "Revel", "Blagnac", "Villefranche-de-Lauragais")),
    "32": ("Gers", ("Auch", "Condom", "Lectoure", "Mirande", "Fleurance", "Nogaro")),
    "46": ("Lot", ("Cahors", "Figeac", "Gourdon", "Souillac", "Prayssac", "Gramat")),
    "65": ("Hautes-Pyrénées", ("Tarbes", "Lourdes", "Bagnères-de-Bigorre", "Lannemezan", "Argelès-Gazost", "Séméac")),
    "81": ("Tarn", ("Albi", "Castres", "Gaillac", "Mazamet", "Carmaux", "Graulhet")),
    "82": ("Tarn-et-Garonne", ("Montauban", "Moissac", "Castelsarrasin", "Caussade", "Valence-d'Agen", "Nègrepelisse")),
}  # fmt: skip
"""The eight départements, each with the communes of its six establishments."""

_KINDS: Final = (
    ("Lycée", "Lycée"), ("Collège", "Collège"), ("Collège", "Collège"), ("Collège", "Collège"),
    ("Lycée", "Lycée professionnel"), ("Collège", "Collège"),
)  # fmt: skip

_NAMES: Final = (
    "des Sept-Fontaines", "du Pont-Neuf-des-Saules", "des Trois-Moulins", "de la Haute-Combe", "du Grand-Cèdre",
    "des Bergeronnettes", "de la Pierre-Blanche", "des Deux-Vallées", "du Champ-des-Lauzes", "de la Garrigue-Haute",
    "du Vieux-Four", "des Genêts-d'Or", "des Tuileries-Hautes", "de la Prairie-Claire", "du Val-des-Ormes",
    "des Quatre-Chemins", "de l'Aubépine", "du Clos-des-Mésanges", "des Collines-Rousses", "de la Font-Vive",
    "du Bois-Dormant", "de la Tour-Ronde", "des Grands-Chênes", "du Pas-du-Loup", "des Causses-Bleus",
    "de la Source-Cachée", "du Roc-Percé", "des Noyers-Hauts", "de la Belle-Rive", "du Saut-du-Lièvre",
    "des Cimes-Neuves", "de la Vallée-des-Buis", "du Lac-Vert", "des Trois-Estives", "de la Cascade", "du Bel-Adret",
    "des Briques-Roses", "des Remparts-Vieux", "du Pastel", "des Tisserands", "de la Forge-Vieille", "du Verger-Haut",
    "des Peupliers-Blancs", "de la Plaine-aux-Cailles", "du Moulin-Brûlé", "des Coquelicots", "de la Vigne-Haute",
    "du Quai-des-Gabarres",
)  # fmt: skip

_PRENOMS: Final = (
    "Agathe", "Adrien", "Alix", "Amandine", "Anaïs", "Antonin", "Aurélie", "Bastien", "Béatrice", "Camille", "Cécile",
    "Clément", "Coralie", "Damien", "Élodie", "Émile", "Estelle", "Étienne", "Fanny", "Florent", "Gaëlle", "Guilhem",
    "Hélène", "Hugo", "Inès", "Jérôme", "Joëlle", "Julien", "Karine", "Laurent", "Léonie", "Loïc", "Maëlle", "Marius",
    "Mélanie", "Nadège", "Noël", "Océane", "Pascale", "Quentin", "Rémi", "Sabine", "Sylvain", "Thibault", "Valérie",
    "Xavier", "Yaëlle", "Zoé",
)  # fmt: skip

_NOMS: Final = (
    "Abadie-Roux", "Barrière", "Bélinguier", "Bousquet-Lane", "Cabanettes", "Calmels", "Castagnède", "Cazaubon",
    "Coustalat", "Dambielle", "Delpérié", "Dufaur", "Escoubès", "Espagnac", "Estrabaut", "Fabrègues", "Fourcassié",
    "Galabert", "Garrigou", "Gintrac", "Issanchou", "Jalabert", "Labarthète", "Lacassagne", "Lafforgue", "Larrouy",
    "Lasserre-Bigorry", "Malaterre", "Marcenac", "Maurandis", "Mazières", "Monestiès", "Naudin", "Oustalet", "Palaprat",
    "Pécharman", "Peyrissac", "Poujade", "Pradeilles", "Quercadou", "Ratabouil", "Roquefeuil", "Sabatier-Pons",
    "Sénac", "Tapiau", "Tournemire", "Verdalle", "Viguerie",
)  # fmt: skip

OPERATOR: Final = "operateur.oda@ac-toulouse.fr"
READER: Final = "drane@ac-toulouse.fr"

DELIVERY_INTERVAL_S: Final = 1.0
"""The pause between two deliveries: nobody should wait for a sign-in link."""

DELIVERIES_A_TICK: Final = 60

JUMP_STEP: Final = timedelta(days=20)
"""A jump is made of such steps, each with a tick: a service that is seen alive is not held back (R52)."""

SWEPT_AFTER: Final = timedelta(minutes=1)
"""The schedule really sweeps in the first minute after the year's last day (R50)."""

_log = logging.getLogger("oda")


@dataclass(frozen=True, kw_only=True)
class School:
    """An invented establishment; ``mailbox`` is empty for the one that has none yet."""

    uai: str
    kind: str
    nom: str
    commune: str
    departement: str
    mailbox: str


def _school(index: int, departement: str, rank: int) -> School:
    digits = f"0{departement}9{101 + rank}"  # a range kept for what is invented (R11)
    uai = f"{digits}{UAI_LETTERS[int(digits) % 23]}"
    kind, name = _KINDS[rank]
    return School(
        uai=uai, kind=kind, nom=f"{name} {_NAMES[index * len(_KINDS) + rank]}",
        commune=DEPARTEMENTS[departement][1][rank], departement=departement,
        mailbox="" if (departement, rank) == ("65", 5) else f"ce.{uai.lower()}@ac-toulouse.fr",
    )  # fmt: skip


SCHOOLS: Final = tuple(
    _school(index, departement, rank) for index, departement in enumerate(DEPARTEMENTS) for rank in range(len(_KINDS))
)


ACTIVE: Final = tuple(school for school in SCHOOLS if school.mailbox)
"""The establishments that have a mailbox."""


REFUSED: Final = next(school for school in SCHOOLS if school.commune == "Mirande")
"""The establishment whose mailbox the relay refuses: there are undeliverable mails to look at."""


NEWCOMER: Final = next(school for school in SCHOOLS if school.commune == "Lectoure")
"""The establishment that has asked for nothing yet: there is the first visit of a chef to look at."""


TWO: Final = tuple(school for school in SCHOOLS if school.commune in ("Muret", "Revel"))
"""Two establishments of one chef."""


def shuffled_names(seed: int) -> list[tuple[str, str]]:
    """(nom, prénom), as many as there are names, all different; another order for another seed."""
    draw = random.Random(seed)  # noqa: S311 - a story, no secret
    noms, prenoms = list(_NOMS), list(_PRENOMS)
    draw.shuffle(noms)
    draw.shuffle(prenoms)
    return list(zip(noms, prenoms, strict=True))


def mail_of(nom: str, prenom: str) -> str:
    """The professional address of somebody."""
    return f"{fold(prenom)}.{fold(nom)}@ac-toulouse.fr".replace(" ", "-")


CHEFS: Final = {school.uai: f"{prenom} {nom}" for school, (nom, prenom) in zip(SCHOOLS, shuffled_names(1), strict=True)}


CHEFS[TWO[1].uai] = CHEFS[TWO[0].uai]
"""The head of each establishment, by its UAI."""


def directory() -> BytesIO:
    """These establishments as the open directory gives them, to be imported like the true school."""
    columns = (
        "identifiant_de_l_etablissement", "nom_etablissement", "type_etablissement", "statut_public_prive",
        "code_postal", "nom_commune", "code_departement", "libelle_departement", "code_academie", "libelle_academie",
        "mail", "telephone", "etat",
    )  # fmt: skip
    text = StringIO(newline="")
    rows = csv.writer(text, delimiter=";", lineterminator="\n")
    rows.writerow(columns)
    for school in SCHOOLS:
        rows.writerow((
            school.uai, school.nom, school.kind, "Public", f"{school.departement}000", school.commune,
            f"0{school.departement}", DEPARTEMENTS[school.departement][0], "16", "Toulouse", school.mailbox, "",
            "OUVERT",
        ))  # fmt: skip
    return BytesIO(text.getvalue().encode())


class DemoClock:
    """Stands still until ``run``; then runs as time does, from wherever it is set."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)
        self._since: float | None = None

    def now(self) -> datetime:
        at, since = self._at, self._since
        return at if since is None else at + timedelta(seconds=time.monotonic() - since)

    def set(self, at: datetime) -> None:
        """Go to this instant."""
        self._at = at.astimezone(UTC)
        if self._since is not None:
            self._since = time.monotonic()

    def run(self) -> None:
        """Let time pass from now on."""
        self._since = time.monotonic()


class BackgroundLoop:
    """Ticks and sends, under one lock: time never jumps while a mail is being sent."""

    def __init__(self, app: App, clock: DemoClock) -> None:
        self._app, self._clock = app, clock
        self._lock = threading.RLock()
        self._wake, self._stop = threading.Event(), threading.Event()

    def tick(self) -> TickResult:
        """Run the schedule once."""
        with self._lock:
            return self._app.ticker.tick()

    def deliver(self) -> int:
        """Send all that is due; return how many mails the relay took."""
        with self._lock:
            return asyncio.run(self._app.dispatcher.run_once())

    def jump(self, until: datetime) -> tuple[TickResult, int]:
        """Go forward to that instant, the schedule passing on the way; return what it did and how many mails left."""
        total, sent, calendar = TickResult(), 0, self._app.policy.calendar
        with self._lock:
            sent += self.deliver()
            while (now := self._clock.now()) < until:
                year_end = calendar.end_of(calendar.open_years(now)[0]).ends_at
                self._clock.set(min(now + JUMP_STEP, until, year_end + SWEPT_AFTER))
                result = self.tick()
                for year, count in result.revoked.items():
                    total.revoked[year] = total.revoked.get(year, 0) + count
                total.new_holds = result.new_holds
                total.erased += result.erased
                total.due_reports += result.due_reports
                total.daily_mails += result.daily_mails
                sent += self.deliver()
        return total, sent

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let time pass, in a thread, while the body runs."""
        self._clock.run()
        self._app.engine.on_commit = self._wake.set
        thread = threading.Thread(target=self._run, name="oda-demo")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._wake.set()
            thread.join()

    def _run(self) -> None:
        deliveries = 0
        while not self._stop.is_set():
            try:
                self.deliver()
                if deliveries % DELIVERIES_A_TICK == 0:
                    self.tick()
            except Exception as error:  # as the worker does: what failed is tried again
                _log.error("tick failed: %s", type(error).__name__)
            deliveries += 1
            self._wake.wait(DELIVERY_INTERVAL_S)
            self._wake.clear()
