"""The invented people: heads of establishment and RUPN, their names drawn from two lists."""

import random
from typing import Final

from portal.demo.places import SCHOOLS, TWO
from states.words import fold

OPERATOR: Final = "operateur.oda@ac-toulouse.fr"
COLLEAGUE: Final = "collegue.oda@ac-toulouse.fr"
READER: Final = "drane@ac-toulouse.fr"

PRENOMS: Final = (
    "Agathe", "Adrien", "Alix", "Amandine", "Anaïs", "Antonin", "Aurélie", "Bastien", "Béatrice", "Camille", "Cécile",
    "Clément", "Coralie", "Damien", "Élodie", "Émile", "Estelle", "Étienne", "Fanny", "Florent", "Gaëlle", "Guilhem",
    "Hélène", "Hugo", "Inès", "Jérôme", "Joëlle", "Julien", "Karine", "Laurent", "Léonie", "Loïc", "Maëlle", "Marius",
    "Mélanie", "Nadège", "Noël", "Océane", "Pascale", "Quentin", "Rémi", "Sabine", "Sylvain", "Thibault", "Valérie",
    "Xavier", "Yaëlle", "Zoé",
)  # fmt: skip
NOMS: Final = (
    "Abadie-Roux", "Barrière", "Bélinguier", "Bousquet-Lane", "Cabanettes", "Calmels", "Castagnède", "Cazaubon",
    "Coustalat", "Dambielle", "Delpérié", "Dufaur", "Escoubès", "Espagnac", "Estrabaut", "Fabrègues", "Fourcassié",
    "Galabert", "Garrigou", "Gintrac", "Issanchou", "Jalabert", "Labarthète", "Lacassagne", "Lafforgue", "Larrouy",
    "Lasserre-Bigorry", "Malaterre", "Marcenac", "Maurandis", "Mazières", "Monestiès", "Naudin", "Oustalet", "Palaprat",
    "Pécharman", "Peyrissac", "Poujade", "Pradeilles", "Quercadou", "Ratabouil", "Roquefeuil", "Sabatier-Pons",
    "Sénac", "Tapiau", "Tournemire", "Verdalle", "Viguerie",
)  # fmt: skip


def couples(seed: int) -> list[tuple[str, str]]:
    """(nom, prénom), as many as there are names, all different; another order for another seed."""
    draw = random.Random(seed)  # noqa: S311 - a story, no secret
    noms, prenoms = list(NOMS), list(PRENOMS)
    draw.shuffle(noms)
    draw.shuffle(prenoms)
    return list(zip(noms, prenoms, strict=True))


def mail_of(nom: str, prenom: str) -> str:
    """The professional address of somebody."""
    return f"{fold(prenom)}.{fold(nom)}@ac-toulouse.fr".replace(" ", "-")


def _chefs() -> dict[str, str]:
    named = {school.uai: f"{prenom} {nom}" for school, (nom, prenom) in zip(SCHOOLS, couples(1), strict=True)}
    return named | {TWO[1].uai: named[TWO[0].uai]}


CHEFS: Final = _chefs()
"""The head of each establishment, by its UAI."""
