"""Names and addresses as people type them (R16, R17)."""

import pytest

from states.validation import (
    clean,
    clean_mail,
    clean_text,
    fold,
    fold_mail,
    is_wrongly_decoded,
    mail_problem,
    name_problem,
    person_key,
    text_problem,
)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("D'Étienne", "d’etienne"),
        ("Anne-Sophie", "ANNE SOPHIE"),
        ("Lefœuvre", "LEFOEUVRE"),
        ("Œuvrard", "oeuvrard"),
        ("Lætitia", "laetitia"),
        ("Noe\u0308l", "Noël"),
        ("Çağlar", "caglar"),
        ("N'Guyen", "N\u02bcGuyen"),
        ("Łukasz", "lukasz"),
        ("Sørensen", "Sorensen"),
        ("Weiß", "WEISS"),
        ("Ду\u0301брава", "дубрава"),
        ("Анна-Мария", "анна мария"),
        ("De  la   Tour", "de la tour"),
        ("Yıldız", "YILDIZ"),
        ("Ðorđe", "Dorde"),
        ("Þórður", "Thordur"),
        ("Ħal Ŧŋ", "hal tn"),
        ("Əliyev", "Eliyev"),
        ("Mar\u00adtin", "Martin"),
        ("Jean–Paul", "jean paul"),
    ],
)
@pytest.mark.rule("R17")
def test_fold__same_name(name: str, other: str) -> None:
    assert fold(name) == fold(other) != ""


@pytest.mark.parametrize(
    ("name", "other"), [("Иван", "Пётр"), ("Иван A", "Пётр A"), ("李", "王"), ("Martin", "Martine"), ("Anne", "Ane")]
)
@pytest.mark.rule("R17")
def test_fold__other_name(name: str, other: str) -> None:
    assert fold(name) != fold(other)


@pytest.mark.parametrize("text", ["", " ", "-", "'", "’ -"])
def test_fold__nothing_left(text: str) -> None:
    assert fold(text) == ""


@pytest.mark.rule("R17")
def test_person_key__order_is_indifferent() -> None:
    assert person_key("De la Tour", "Anne-Sophie") == person_key("Anne Sophie", "DE LA TOUR")
    assert person_key("Martin", "Paul") == person_key("PAUL", "martin")
    assert person_key("Martin", "Paul") != person_key("Martin", "Paule")
    assert person_key("Ли", "Вэй") == person_key("ВЭЙ", "ли") != person_key("Ли", "Мин")


@pytest.mark.rule("R17")
def test_fold_mail__case_and_spaces_only() -> None:
    assert fold_mail(" Anne.Martin@AC-Toulouse.fr ") == "anne.martin@ac-toulouse.fr"
    assert fold_mail("anne-martin@ac-toulouse.fr") != fold_mail("anne.martin@ac-toulouse.fr")


@pytest.mark.parametrize("space", [" ", "\t", "\u00a0", "\u202f", "\u2009", "\u3000"])
def test_clean__one_space(space: str) -> None:
    assert clean(f"{space}De{space}{space}la Tour{space}") == "De la Tour"


@pytest.mark.parametrize("mark", ["\u00ad", "\u200b", "\u200d", "\u200e", "\u034f", "\ufe0f", "\ufeff", "\u2060"])
@pytest.mark.rule("R16", "R17")
def test_clean__marks_that_come_with_a_paste_go(mark: str) -> None:
    assert clean(f"Mar{mark}tin") == clean_text(f"{mark}Martin ") == clean_mail(f" Martin{mark}") == "Martin"
    assert fold(f"Mar{mark}tin") == "martin"


def test_clean__composed() -> None:
    assert clean("E\u0301tienne") == "Étienne"


@pytest.mark.parametrize(
    "name",
    [
        "Élise",
        "O’Brien",
        "de la Tour-d'Auvergne",
        "李",
        "Ирина",
        "M.",
        "J.-P. Martin",
        "Nguyễn",
        "Gal·la",
        "Mª",
        "שָׁלוֹם",
        "प्रिया",
        "小林さくら",
        "é" * 100,
    ],
)
@pytest.mark.rule("R16")
def test_name__accepted(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "est vide"),
        ("é" * 200, "compte 200 caractères, 100 au plus"),
        ("Martin\nBcc: x@y.fr", "contient un retour à la ligne ou un caractère invisible"),
        ("Martin\r", "contient un retour à la ligne ou un caractère invisible"),
        ("Martin\u2028", "contient un retour à la ligne ou un caractère invisible"),
        ("\u202eMartin", "contient un retour à la ligne ou un caractère invisible"),
        ("Mar\u200ftin", "contient un retour à la ligne ou un caractère invisible"),
        ("Mar\u2066tin", "contient un retour à la ligne ou un caractère invisible"),
        ("Mar\u200btin", "contient un retour à la ligne ou un caractère invisible"),
        ("\u3164", "contient un retour à la ligne ou un caractère invisible"),
        ("Mart\udce9n", "contient un retour à la ligne ou un caractère invisible"),
        ("Mar\u00adtin", "contient un retour à la ligne ou un caractère invisible"),
        ("Mar\u034ftin\ufe0f", "contient un retour à la ligne ou un caractère invisible"),
        ("Martin\ue000", "contient un retour à la ligne ou un caractère invisible"),
        ("- .", "ne contient aucune lettre"),
        ("<b>Martin</b>", "contient « < », qui n'est pas d'un nom"),
        ("martin@x", "contient « @ », qui n'est pas d'un nom"),
        ("Votre compte expire : https://evil.example/login", "contient « : », qui n'est pas d'un nom"),
        ("URGENT (ODA) 100%", "contient « ( », qui n'est pas d'un nom"),
        ("Martin 2", "contient « 2 », qui n'est pas d'un nom"),
        ("Anne 😀", "contient « 😀 », qui n'est pas d'un nom"),
        ("𝐌𝐚𝐫𝐭𝐢𝐧", "contient « 𝐌 », qui n'est pas d'un nom"),
        ("evil.example", "a un point collé au mot qui suit : mettre une espace après le point"),
        ("t.co", "a un point collé au mot qui suit : mettre une espace après le point"),
        ("\u0301Anne", "contient un accent qui n'est sur aucune lettre"),
        ("Z" + "\u0335\u0336\u0337\u0338\u0335", "contient un accent qui n'est sur aucune lettre"),
        ("Мartin", "mêle des lettres de plusieurs alphabets : tout taper dans le même"),
    ],
)
@pytest.mark.rule("R16")
def test_name__refused(name: str, problem: str) -> None:
    assert name_problem(name) == problem


@pytest.mark.parametrize("mail", ["anne.martin@ac-toulouse.fr", "A+B@x.fr", "0810004p@ac-toulouse.fr"])
@pytest.mark.rule("R16")
def test_mail__accepted(mail: str) -> None:
    assert mail_problem(mail) is None


FORM = "n'a pas la forme d'une adresse électronique"


@pytest.mark.parametrize(
    ("mail", "problem"),
    [
        ("anne", "n'a pas de « @ »"),
        ("anne.martin,ac-toulouse.fr", "contient une virgule : écrire un point à la place"),
        ("anne.martin@ac-toulouse,fr", "contient une virgule : écrire un point à la place"),
        ("anne@", "n'a pas de point après « @ »"),
        ("a@localhost", "n'a pas de point après « @ »"),
        ("@x.fr", FORM),
        ("anne.martin@ac-toulouse..fr", FORM),
        ("a b@x.fr", "contient une espace : l'ôter"),
        ("Anne <a@x.fr>", "contient une espace : l'ôter"),
        ("a@x.fr\nBcc: b@y.fr", "a plusieurs « @ » : donner une seule adresse"),
        ("a@x.fr,b@y.fr", "a plusieurs « @ » : donner une seule adresse"),
        ("a@\udce9.fr", FORM),
        ("a@x\u00ad.fr", FORM),
    ],
)
@pytest.mark.rule("R16")
def test_mail__its_fault_is_named(mail: str, problem: str) -> None:
    assert mail_problem(mail) == problem


@pytest.mark.parametrize(
    ("mail", "sign"),
    [("é@x.fr", "é"), ("ce.0319042k@académie-toulouse.fr", "é"), ("a@ac－toulouse.fr", "－"), ("a＠x.fr", "＠"),
     ("a@x。fr", "。")],
)  # fmt: skip
@pytest.mark.rule("R13", "R16")
def test_mail__what_no_relay_takes_is_refused_with_its_sign(mail: str, sign: str) -> None:
    assert mail_problem(mail) == f"contient « {sign} » : une adresse électronique s'écrit sans accent ni autre signe"


@pytest.mark.rule("R13", "R16")
def test_mail__no_longer_before_its_sign_than_a_relay_takes() -> None:
    assert mail_problem("a" * 64 + "@x.fr") is None
    assert mail_problem("a" * 65 + "@x.fr") == "a plus de 64 caractères avant « @ »"


def test_mail__empty() -> None:
    assert mail_problem("") == "est vide"


@pytest.mark.parametrize("text", ["Deux lignes\nsont permises", "fin\r\n", "\ttabulation"])
def test_text__accepted(text: str) -> None:
    assert text_problem(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" \n", "est vide"),
        ("x" * 1001, "compte 1001 caractères, 1000 au plus"),
        ("a\x00b", "contient un caractère invisible"),
        ("a\udc80b", "contient un caractère invisible"),
    ],
)
def test_text__refused(text: str, problem: str) -> None:
    assert text_problem(text) == problem


def test_text__may_be_empty_when_optional() -> None:
    assert text_problem("  ", required=False) is None


@pytest.mark.parametrize("read_as", ["windows-1252", "latin-1", "cp850", "cp437"])
@pytest.mark.parametrize("text", ["gardée", "Élève à Ô", "l’école ; où"])
@pytest.mark.rule("R67", "R83")
def test_decoding__utf_8_read_as_something_else_is_seen(text: str, read_as: str) -> None:
    assert is_wrongly_decoded(text.encode().decode(read_as, "replace" if read_as == "windows-1252" else "strict"))


@pytest.mark.parametrize("text", ["Élève à Ô", "l’école d’Évry", "ÊTRE FORCÉ", "Lycée « À venir »", "ŒUVRE", "ascii"])
@pytest.mark.rule("R67", "R83")
def test_decoding__french_as_it_is_written_is_right(text: str) -> None:
    assert not is_wrongly_decoded(text)
