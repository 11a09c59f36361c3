"""The invented establishments and people of the demonstration: their names and numbers are nobody's."""

import csv
import random
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Final

from states.characters import fold
from states.validation import UAI_LETTERS

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
