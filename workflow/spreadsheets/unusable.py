"""The refusal of a whole file: why, at which line, what to do (R67, R91)."""

from typing import Final

ADVICE: Final = "donner un fichier CSV, XLSX, XLS ou ODS"


class UnusableFile(Exception):
    """The file cannot be taken and nothing has changed; the message says why and what to do, in French (R67, R91)."""


def unusable(why: str, line: int | None = None, *, advice: str) -> UnusableFile:
    """The refusal of a whole file; ``line`` counts from 1."""
    where = f"ligne {line} : " if line else ""
    return UnusableFile(f"{where}{why}. Que faire : {advice}.")


def formula(line: int | None, where: str) -> UnusableFile:
    """The refusal of a formula: none is evaluated, and the value that it last had may be an old one."""
    return unusable(
        f"une cellule contient une formule ({where}), et aucune n'est calculée", line,
        advice="dans le tableur, copier la feuille, la coller en « valeurs » (collage spécial), et donner ce fichier",
    )  # fmt: skip


def password_protected() -> UnusableFile:
    return unusable("ce fichier est protégé par un mot de passe", advice="l'enregistrer sans mot de passe")


def broken_workbook() -> UnusableFile:
    return unusable("ce classeur est abîmé ou incomplet", advice="le télécharger ou l'enregistrer de nouveau, entier")


def too_many_columns(most: int, line: int | None = None) -> UnusableFile:
    return unusable(f"plus de {most} colonnes", line, advice="n'exporter que les colonnes utiles")
