"""Names, mail addresses, UAI and texts as people type them: cleaned, checked, compared (R11, R16, R17).

Every room asks this module: a name, a mail, a terminal and a paper must not each have a list of their own of the
characters that nobody sees, those of a name and the plain letter of each, which Unicode's properties give. A name's
usual writing and the domain that an address probably means are proposed, and never imposed. The départements, and the
collectivities that have a code, go by the code that people write.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

_NOT_SHOWN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
"""General categories without a picture: control, format, private, unassigned, surrogate, line and paragraph ends."""

_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""``Other_Default_Ignorable_Code_Point`` and ``Variation_Selector``, which Python does not know (PropList.txt)."""

_LETTERS_OF_A_STYLE: Final = ("<font>", "<wide>", "<narrow>", "<circle>", "<square>")
"""Compatibility decompositions of letters that only look otherwise: 𝐌, Ｍ."""

_LONGEST_LOCAL_PART: Final = 64
"""Characters of an address before its « @ » (RFC 5321, 4.5.3.1.1): a relay need take no more."""

_HARMLESS: Final = frozenset({"BN", "L", "R", "AL"})
"""Bidirectional classes of the format characters that turn nothing round."""

_APOSTROPHES: Final = "'’‘ʼʻʽʾʿ"

_HYPHENS: Final = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")

_MOST_MARKS: Final = 4
"""Marks upon one letter: Hebrew and Vietnamese need three."""

_EAST_ASIAN: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"})
"""Scripts that stand together in one name, by the first word of their letters' names."""

_OF_NO_SCRIPT: Final = frozenset({"COMBINING", "MODIFIER", "FEMININE", "MASCULINE"})

_WITH_SOMETHING: Final = re.compile(r"LATIN SMALL LETTER ([A-Z]) WITH .+")

_PLAIN: Final = {
    "ı": "i", "ȷ": "j", "œ": "oe", "æ": "ae", "ð": "d", "þ": "th", "ŋ": "n", "ĸ": "k", "ə": "e", "ǝ": "e", "ɛ": "e",
    "ɔ": "o",
}  # fmt: skip
"""Letters whose name does not tell the plain one."""

MAX_NAME = 100

_MAX_TEXT = 1000

UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"

_UAI = re.compile(r"[0-9]{7}[A-Z]")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")

_LINE_ENDS = str.maketrans("\n\r\t", "   ")

_PARTICLES: Final = frozenset({"de", "du", "des", "d", "dit", "dite", "y", "von", "der", "den"})
"""Words that begin with a small letter inside a name, and before one."""

_WORDS: Final = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f][^\W\d_]*)*")

_MC: Final = re.compile(r"mc[^\W\d_]{3,}")

_SLIPS: Final = 2
"""Letters added, lost, changed or swapped between two domains that are told apart by a slip of the keyboard."""

_ANY: Final = "*"

_CIVILITIES: Final = frozenset({"m", "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle"})

_DEPARTEMENT_LINES: Final = """
01 Ain|02 Aisne|03 Allier|04 Alpes-de-Haute-Provence|05 Hautes-Alpes|06 Alpes-Maritimes|07 Ardèche|08 Ardennes
09 Ariège|10 Aube|11 Aude|12 Aveyron|13 Bouches-du-Rhône|14 Calvados|15 Cantal|16 Charente
17 Charente-Maritime|18 Cher|19 Corrèze|2A Corse-du-Sud|2B Haute-Corse|21 Côte-d'Or|22 Côtes-d'Armor|23 Creuse
24 Dordogne|25 Doubs|26 Drôme|27 Eure|28 Eure-et-Loir|29 Finistère|30 Gard|31 Haute-Garonne|32 Gers|33 Gironde
34 Hérault|35 Ille-et-Vilaine|36 Indre|37 Indre-et-Loire|38 Isère|39 Jura|40 Landes|41 Loir-et-Cher|42 Loire
43 Haute-Loire|44 Loire-Atlantique|45 Loiret|46 Lot|47 Lot-et-Garonne|48 Lozère|49 Maine-et-Loire|50 Manche
51 Marne|52 Haute-Marne|53 Mayenne|54 Meurthe-et-Moselle|55 Meuse|56 Morbihan|57 Moselle|58 Nièvre|59 Nord
60 Oise|61 Orne|62 Pas-de-Calais|63 Puy-de-Dôme|64 Pyrénées-Atlantiques|65 Hautes-Pyrénées
66 Pyrénées-Orientales|67 Bas-Rhin|68 Haut-Rhin|69 Rhône|70 Haute-Saône|71 Saône-et-Loire|72 Sarthe|73 Savoie
74 Haute-Savoie|75 Paris|76 Seine-Maritime|77 Seine-et-Marne|78 Yvelines|79 Deux-Sèvres|80 Somme|81 Tarn
82 Tarn-et-Garonne|83 Var|84 Vaucluse|85 Vendée|86 Vienne|87 Haute-Vienne|88 Vosges|89 Yonne
90 Territoire de Belfort|91 Essonne|92 Hauts-de-Seine|93 Seine-Saint-Denis|94 Val-de-Marne|95 Val-d'Oise
971 Guadeloupe|972 Martinique|973 Guyane|974 La Réunion|975 Saint-Pierre-et-Miquelon|976 Mayotte
977 Saint-Barthélemy|978 Saint-Martin|986 Wallis-et-Futuna|987 Polynésie française|988 Nouvelle-Calédonie
"""

DEPARTEMENTS: Final = dict(entry.split(" ", 1) for entry in _DEPARTEMENT_LINES.strip().replace("\n", "|").split("|"))

_OLD_CODES: Final = {"620": "2A", "720": "2B"}
"""The codes of Corsica in the numbers of establishments."""

UNKNOWN_DEPARTEMENT: Final = "Département inconnu"


def is_invisible(character: str) -> bool:
    """Return True for a character that shows nothing of its own; a space does show."""
    return unicodedata.category(character) in _NOT_SHOWN or _IGNORABLE.match(character) is not None


def has_invisible(text: str) -> bool:
    """Return True when one of the characters is invisible, a line's end included."""
    if text.isprintable() and not _IGNORABLE.search(text):  # the same question for the whole string at once
        return False
    return any(map(is_invisible, text))


def without_invisible(text: str) -> str:
    """The text without its invisible characters, line ends included."""
    return "".join(c for c in text if not is_invisible(c)) if has_invisible(text) else text


def without_pasted(text: str) -> str:
    """The text without the marks that come with what one pastes: soft hyphens, directions, joiners, selectors (R16).

    Nobody typed them. What stays is to be refused: line ends, controls, characters of no alphabet, and those that turn
    the letters round, which hide what is written.
    """
    return "".join(c for c in text if not _is_pasted(c)) if has_invisible(text) else text


def _is_pasted(character: str) -> bool:
    if _IGNORABLE.match(character):
        return True
    return unicodedata.category(character) == "Cf" and unicodedata.bidirectional(character) in _HARMLESS


def plain_hyphens(text: str) -> str:
    """The text with a plain hyphen for each typographic one, which looks the same."""
    return _HYPHENS.sub("-", text)


def name_flaw(name: str) -> str | None:
    """The part that does not belong in a person's name, in French; None when all does (R16).

    Letters and their marks, of one script; between them spaces, hyphens, apostrophes, and full stops after an
    abbreviation. No address, no sign, no digit: a name stands in the subjects of mails that the rectorat signs.
    """
    if has_invisible(name):
        return "contient un retour à la ligne ou un caractère invisible"
    for character in re.sub("(?<=[lL])·(?=[lL])", "", name):  # without Catalan points
        if not _is_of_a_name(character):
            return f"contient « {character} », qui n'est pas d'un nom"
    if not any(map(str.isalpha, name)):
        return "ne contient aucune lettre"
    if _has_stray_marks(name):
        return "contient un accent qui n'est sur aucune lettre"
    if re.search(r"\.[^\s.'’-]", name):
        return "a un point collé au mot qui suit : mettre une espace après le point"
    scripts = {unicodedata.name(c, "").partition(" ")[0] for c in name if unicodedata.category(c)[0] in "LM"}
    if len({"EAST ASIAN" if script in _EAST_ASIAN else script for script in scripts - _OF_NO_SCRIPT}) > 1:
        return "mêle des lettres de plusieurs alphabets : tout taper dans le même"
    return None


def _is_of_a_name(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] == "L":
        return not unicodedata.decomposition(character).startswith(_LETTERS_OF_A_STYLE)
    return category in ("Mn", "Mc", "Pd", "Zs") or character in _APOSTROPHES or character == "."


def _has_stray_marks(name: str) -> bool:
    marks, after_letter = 0, False
    for character in name:
        is_mark = unicodedata.category(character)[0] == "M"
        marks = marks + 1 if is_mark else 0
        if marks > _MOST_MARKS or (is_mark and not after_letter):
            return True
        after_letter = is_mark or character.isalpha()
    return False


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """A name without case, accents, hyphens, apostrophes: ``"D'Étienne-Noël"`` is ``"d etienne noel"`` (R17).

    The letters of every script count: two people must not be one because theirs were dropped. A letter, its capital
    and its small one fold alike, and what nobody sees counts for nothing.
    """
    seen = without_pasted(text)
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", seen).casefold())
    if folded.isascii():
        return " ".join("".join(c if c.isalnum() else " " for c in folded).split())
    return " ".join("".join(map(_folded, folded)).split())


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """One character of a decomposed text without case: its plain letter, nothing for an accent, else a space."""
    if unicodedata.combining(character):
        return ""
    if plain := _PLAIN.get(character):
        return plain
    if with_something := _WITH_SOMETHING.fullmatch(unicodedata.name(character, "")):
        return with_something[1].lower()
    return character if unicodedata.category(character)[0] in "LMN" and character not in _APOSTROPHES else " "


def plainest(character: str, encoding: str) -> str:
    """The nearest that an encoding holds: the letter without its accent, the plain letter, else ``?``."""
    for near in (unicodedata.normalize("NFKC", character), _bare(character), plain_hyphens(character)):
        try:
            near.encode(encoding)
        except UnicodeEncodeError:
            continue
        if near:
            return near
    return "?"


def _bare(character: str) -> str:
    """A letter without its marks, of the same case."""
    decomposed = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    plain = "".join(_folded(c) if _folded(c).strip() else c for c in decomposed.lower())
    return plain.capitalize() if decomposed != decomposed.lower() else plain


def is_wrongly_decoded(text: str) -> bool:
    """Return True for UTF-8 that was read as windows-1252, Latin-1 or a console's: « Ã© », « ├® » for « é »."""
    if text.isascii():
        return False
    for encoding in ("windows-1252", "latin-1", "cp850", "cp437"):
        try:
            text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False


def is_storable(text: str) -> bool:
    """Return True when a database can store this text (R7).

    PostgreSQL takes no NUL, and half a surrogate pair is not Unicode.
    """
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text without the characters that no database stores, to show again what was typed."""
    return _UNSTORABLE.sub("", text)


def clean(text: str) -> str:
    """One form for what was typed: NFC, outer and doubled spaces gone, and the marks that nobody sees (R16)."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", without_pasted(text))).strip()


def person_key(nom: str, prenom: str) -> str:
    """Nom and prénom folded, whatever their order: equal for who is presumed the same person (R17)."""
    return " ".join(sorted(f"{fold(nom)} {fold(prenom)}".split()))


def chef_key(name: str) -> str:
    """The name of a chef as compared: folded, without civility nor order; empty when he gave none (R37)."""
    words = fold(name).split()
    return " ".join(sorted([word for word in words if word not in _CIVILITIES] or words))


def chef_sort_key(name: str) -> str:
    """The name of a chef as a list is sorted by it: folded, without civility, the family name first.

    That is what is in capitals, else all that follows the first word: a chef types his name as one text.
    """
    words = [word for word in name.split() if fold(word) not in _CIVILITIES]
    capitals = [word for word in words if word.isupper() and len(fold(word)) > 1]
    family = capitals if len(capitals) < len(words) and capitals else words[1:]
    given = [word for word in words if word not in family]
    return fold(" ".join([*family, *given]))


def fold_mail(mail: str) -> str:
    """A mail address as compared: equal for the same person (R17)."""
    return unicodedata.normalize("NFC", mail).strip().casefold()


def name_problem(text: str) -> str | None:
    """The problem of a nom or a prénom, in French; None when it is fine (R16)."""
    if not text:
        return "est vide"
    if len(text) > MAX_NAME:
        return f"compte {len(text)} caractères, {MAX_NAME} au plus"
    return name_flaw(text)


def clean_mail(text: str) -> str:
    """An address as it is stored: without outer spaces, nor the marks that come with what one pastes."""
    return without_pasted(text).strip()


@lru_cache(maxsize=65536)
def mail_problem(text: str) -> str | None:
    """The problem of a mail address, in French; None when a mail can be sent to it as it is written (R13, R16).

    The only judge, of what is typed, imported or set, and of what is given to the relay: an accented domain is
    refused rather than sent in a form that nobody typed.
    """
    from email_validator import EmailNotValidError, validate_email  # slow to load, and few commands need it

    if not text:
        return "est vide"
    if text.count("@") > 1:
        return "a plusieurs « @ » : donner une seule adresse"
    if re.search(r"\s", text):
        return "contient une espace : l'ôter"
    if foreign := next((c for c in text if not c.isascii() and not is_invisible(c)), None):
        return f"contient « {foreign} » : une adresse électronique s'écrit sans accent ni autre signe"
    if slip := _mail_slip(text):
        return slip
    try:
        if text.isascii() and text.isprintable():
            validate_email(text, check_deliverability=False, allow_smtputf8=False)
            return None
    except EmailNotValidError:
        pass
    return "n'a pas la forme d'une adresse électronique"


def _mail_slip(text: str) -> str | None:
    """The slip of the keyboard in an address, in French, with what to write instead."""
    if "," in text:
        return "contient une virgule : écrire un point à la place"
    if "@" not in text:
        return "n'a pas de « @ »"
    if len(text.rpartition("@")[0]) > _LONGEST_LOCAL_PART:
        return f"a plus de {_LONGEST_LOCAL_PART} caractères avant « @ »"
    if "." not in text.rpartition("@")[2]:
        return "n'a pas de point après « @ »"
    return None


def clean_text(text: str) -> str:
    """A free text as it is stored: without outer spaces, nor the marks that come with what one pastes."""
    return without_pasted(text).strip()


def text_problem(text: str, *, required: bool = True) -> str | None:
    """The problem of a free text (a reason, a note), in French; None when it is fine."""
    text = clean_text(text)
    if not text:
        return "est vide" if required else None
    if len(text) > _MAX_TEXT:
        return f"compte {len(text)} caractères, {_MAX_TEXT} au plus"
    if has_invisible(text.translate(_LINE_ENDS)):
        return "contient un caractère invisible"
    return None


def normalise_reference(text: str) -> str:
    """A request's reference as stored: capitals, no space, a plain hyphen for each typographic one."""
    return re.sub(r"\s+", "", plain_hyphens(without_pasted(text))).upper()


def normalise_uai(text: str) -> str:
    """An UAI as stored: capitals, no space, no hyphen (R11)."""
    return re.sub(r"[\s-]+", "", plain_hyphens(without_pasted(text))).upper()


def uai_problem(uai: str) -> str | None:
    """The problem of a normalised UAI, in French; None when form and check letter agree (R11)."""
    if not _UAI.fullmatch(uai):
        return "un UAI compte 7 chiffres et une lettre, par exemple 0310001H"
    expected = usual_uai(uai)[7]
    if uai[7] != expected:
        return f"la lettre de contrôle ne va pas avec {uai[:7]} : ce serait {expected}, ou un chiffre est mal tapé"
    return None


def usual_uai(uai: str) -> str:
    """The digits of a normalised UAI with the letter that they call for; a few real ones bear another (R11)."""
    return uai[:7] + UAI_LETTERS[int(uai[:7]) % 23]


def has_uai_form(uai: str) -> bool:
    """Return True for seven digits and any letter, as the directory may hold (R11)."""
    return bool(_UAI.fullmatch(uai))


def proposed_name(typed: str) -> str:
    """``Martin`` for ``MARTIN``, ``de La Rochefoucauld`` for ``DE LA ROCHEFOUCAULD``, ``McDonald`` for ``mcdonald``.

    Only the words typed all in capitals or all in small letters are rewritten: ``LeBlanc`` was written with care. The
    letters stay the same, so that it is the same person (R17).
    """
    words = list(_WORDS.finditer(typed))
    proposed = "".join(_pieces(typed, words))
    is_no_worse = name_flaw(proposed) is None or name_flaw(typed) is not None  # µ has its capital in another script
    return proposed if is_no_worse else typed


def _pieces(typed: str, words: list[re.Match[str]]) -> Iterator[str]:
    end = 0
    for match in words:
        yield typed[end : match.start()]
        yield _proposed_word(match[0], is_last=match is words[-1])
        end = match.end()
    yield typed[end:]


def _proposed_word(word: str, *, is_last: bool) -> str:
    lowered = word.lower()
    if not (word.isupper() or word.islower()) or lowered.upper() != word.upper() or len(lowered) != len(word):
        return word
    if lowered in _PARTICLES and not is_last:
        return lowered
    if _MC.fullmatch(lowered):
        return f"Mc{lowered[2:].capitalize()}"
    return lowered.capitalize()


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

    def is_of_establishment(self, mail: str, uai: str) -> bool:
        """Return True for an address that the académie alone gives, to this establishment: its UAI, in a domain that is
        written out (anybody may have one like ``ac-*.fr``). What precedes the UAI is free, as in ``ce.`` (R120)."""
        local = mail.rpartition("@")[0].strip().casefold()
        return local.endswith(uai.casefold()) and _domain_of(mail) in self._known

    def likely_domain(self, mail: str) -> str:
        """The known domain of which this address has nearly the letters; empty when there is none."""
        domain = _domain_of(mail)
        near = [known for known in self._known if domain != known and 0 < slips(domain, known) <= _SLIPS]
        return near[0] if near else ""

    @property
    def _known(self) -> tuple[str, ...]:
        """The domains written out, the académie's own first."""
        return tuple(dict.fromkeys((self.own, *(pattern for pattern in self.patterns if _ANY not in pattern))))


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


def _domain_of(mail: str) -> str:
    return mail.rpartition("@")[2].strip().casefold()


_DEPARTEMENT_CODES: Final = {fold(name): code for code, name in DEPARTEMENTS.items()}


def code_of_departement(name: str) -> str | None:
    """``09`` for « Ariège », whatever the accents, the case and the hyphens; None for what is no département's name."""
    return _DEPARTEMENT_CODES.get(fold(name))


def departement_name(code: str) -> str:
    """``Ariège`` for ``09``, ``9`` or ``009``; the code itself when nobody's, ``UNKNOWN_DEPARTEMENT`` for none."""
    bare = code.strip().upper().lstrip("0").zfill(2)
    if bare == "00":
        return UNKNOWN_DEPARTEMENT
    return DEPARTEMENTS.get(_OLD_CODES.get(bare, bare), code.strip())
