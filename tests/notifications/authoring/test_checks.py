"""What is said of the académie's templates before any mail leaves: file, line, words."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from notifications.authoring.checks import paper_problems, problems
from notifications.authoring.examples import MAIL_CONTEXT
from notifications.messages.catalogue import MailContext
from notifications.rendering.environment import OWN, TemplateLoader, TemplateProblem, own_names
from tests.notifications.templates import HEAD, Check, check, folder_of, mail

__all__ = ["check"]
MISSING = "cette ligne emploie ce qui n'existe pas :"


def in_declared(check: Check, body: str) -> list[str]:
    """What is said of a body of the mail ``declared``, without its file."""
    return [problem.removeprefix("modeles/mails/declared.j2") for problem in check({"mails/declared.j2": mail(body)})]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder that holds a copy of every template of this package."""
    return Path(shutil.copytree(str(OWN), tmp_path / "modeles"))


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    "context",
    [
        MAIL_CONTEXT,
        replace(MAIL_CONTEXT, drane_sent_by_us=True, drane_address=None, links=(), one_key_a_person=False),
    ],
    ids=["usual", "otherwise"],
)
def test_own_templates__pass_their_own_check(own: Path, context: MailContext) -> None:
    wordings = TemplateLoader(own)
    assert wordings.overridden() == own_names()
    assert problems(wordings, context) == []


@pytest.mark.rule("R68", "R69")
def test_own_papers__pass_their_own_check(own: Path) -> None:
    shutil.rmtree(own / "mails")
    assert problems(TemplateLoader(own), MAIL_CONTEXT, paper_problems) == []


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("body", "start"),
    [
        ("{{ rupn.surname }}", f", ligne 6 : {MISSING} « surname »"),
        ("a\n\n{{ rupn.ful }}", f", ligne 8 : {MISSING} « ful »"),
        ("{{ here.links[0].adresse }}", f", ligne 6 : {MISSING} « adresse »"),
        ("{{ facts.rupn.x }}", f", ligne 6 : {MISSING} « x »"),
        ('{{ rupn["x"] }}', f", ligne 6 : {MISSING} « x »"),
        ("{% for l in here.links %}\n{{ l.titl }}\n{% endfor %}", f", ligne 7 : {MISSING} « titl »"),
        ("{{ here.links|map(attribute='titre')|listing }}", f", ligne 6 : {MISSING} « titre »"),
        ("{{ here.links|selectattr('titre')|list }}", f", ligne 6 : {MISSING} « titre »"),
        ("{{ (here.links|first).titre }}", f", ligne 6 : {MISSING} « titre »"),
        ("{% set p = rupn %}{{ p.x }}", f", ligne 6 : {MISSING} « x »"),
        ("{% with p = rupn %}{{ p.x }}{% endwith %}", f", ligne 6 : {MISSING} « x »"),
        ("{{ expires_on }}", f", ligne 6 : {MISSING} « expires_on »"),
        ("{{ p }}{% set p = 1 %}", ", ligne 6 : « p » n'existe pas ;"),
        (
            "{% for p in here.links %}{{ p.url }}{% endfor %}\n{% if for_operators %}{{ p }}{% endif %}",
            ", ligne 7 : « p » n'existe pas ;",
        ),
        ("{{ refrence }}", ", ligne 6 : « refrence » n'existe pas ; vouliez-vous dire « reference » ?"),
        ("{% if by_operator %}{{ no }}{% endif %}", ", ligne 6 : « no » n'existe pas ;"),
        ("{{ 'a' if by_operator else no }}", ", ligne 6 : « no » n'existe pas ;"),
        ("{% if for_operators %}{{ no }}{% endif %}", ", ligne 6 : « no » n'existe pas ;"),
        ("{{ has_code and no }}", ", ligne 6 : « no » n'existe pas ;"),
        ("{% if no is defined %}{% endif %}", ", ligne 6 : « no » n'existe pas ;"),
        ("{{ year.last_day.annee }}", f", ligne 6 : {MISSING} « annee »"),
        ("{{ day(year.last_day) }}", ", ligne 6 : « day » est un filtre : l'écrire après une barre, « valeur|day »"),
        ("{{ loop.index }}", ", ligne 6 : « loop » n'existe pas ;"),
        ("{{ rupn.full|dya }}", ", ligne 6 : le filtre « dya » n'existe pas ; vouliez-vous dire « day » ?"),
        ("{{ rupn.full is dfined }}", ", ligne 6 : le test « dfined » n'existe pas ; vouliez-vous dire"),
        (
            "{% if has_code %}{{ rupn.full|dya }}{% endif %}",
            ", ligne 6 : le filtre « dya » n'existe pas ; vouliez-vous",
        ),
        ("{% if kind == 'declard' %}{% endif %}", ", ligne 6 : « declard » n'est pas une valeur de « kind » ;"),
        ("{% include 'mails/parts/yeer.j2' %}", ", ligne 6 : le modèle « mails/parts/yeer.j2 » n'existe pas"),
        ("{% include rupn.nom %}", ", ligne 6 : le modèle « Martin » n'existe pas"),
        ("{% include 'mails/declared.j2' %}", ", ligne 6 : le modèle s'appelle lui-même sans fin"),
        ("{{ super().x }}{{ self.nothing.__class__ }}", f", ligne 6 : {MISSING} « x »"),
    ],
)
def test_names__unknown_to_the_mail(check: Check, body: str, start: str) -> None:
    assert [problem[: len(start)] for problem in in_declared(check, body)] == [start]


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    "body",
    [
        "{{ rupn.nom.upper() }}, {{ year.last_day.year }}, {{ year.last_day.strftime('%d') }}",
        "{% for l in here.links %}{{ loop.index }} {{ l.title }}{% else %}rien{% endfor %}",
        "{% for l in here.links if l.title %}{{ l.url }}{% endfor %}",
        "{{ here.links|map(attribute='title')|listing }}, {{ (here.links|sort(attribute='url')|first).title }}",
        "{% set ns = namespace(n=0) %}{% for l in here.links %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
        "{% macro m(x, y='') %}{{ x }}{{ y }}{{ caller() }}{% endmacro %}{% call m(kind) %}{{ renews }}{% endcall %}",
        "{% set texte %}{{ rupn.full }}{% endset %}{{ texte }}{% filter upper %}a{% endfilter %}",
        "{% for a, b in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}{{ here.links[:1]|length }}",
        "{{ why|default('') }}{{ expires_on is defined }}{% if expires_on is defined %}{{ expires_on.x }}{% endif %}",
        "{% if for_operators %}{{ expires_on }}{% endif %}{{ 'a' if not has_code else expires_on }}",
        "{% if kind != 'declared' %}{{ why }}{% elif kind in ('declared', 'check') %}a{% else %}{{ why }}{% endif %}",
        "{{ has_code and expires_on }}{{ not has_code or expires_on }}",
        "{% include ['mails/parts/autre.j2', 'mails/parts/year.j2'] %}{% include 'x' ignore missing %}",
        "{% from 'mails/parts/year.j2' import x as y with context %}{{ y is defined }}",
        "{{ renews or 'aucune' }} {{ kind.label }} {{ facts.year.label }} {{ here.day_of is callable }}",
    ],
)  # fmt: skip
def test_names__what_can_be_written(check: Check, body: str) -> None:
    assert in_declared(check, body) == []


@pytest.mark.rule("R68")
def test_names__of_a_shared_part_are_those_of_every_mail_that_draws_it_in(check: Check) -> None:
    (problem,) = check({"mails/parts/year.j2": "{{ year.label }} {{ drane_declared_on is defined }} {{ renews }}"})
    assert problem.startswith(f"modeles/mails/parts/year.j2, ligne 1 : {MISSING} « renews »")
    assert "key_extended" in problem
    (problem,) = check({"mails/parts/year.j2": "{{ expires_on|default('') }}\n{{ yaer.label }}"})
    assert "ligne 2 : « yaer » n'existe pas ; vouliez-vous dire « year » ?" in problem
    assert "expires_on" not in problem


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("start", "body"),
    [
        ("{% macro m(x) %}{{ x }}{% endmacro %}", "{{ m(kind) }}"),
        ("{% set p = 1 %}", "{{ p }}"),
        ("{% set p %}a{% endset %}", "{{ p }}"),
        ("{% import 'mails/parts/year.j2' as m with context %}", "{{ m is defined }}"),
        ("{% from 'mails/parts/year.j2' import x, y as z with context %}", "{{ x is defined }}{{ z is defined }}"),
    ],
)
def test_names__set_before_the_blocks_are_those_of_every_block(check: Check, start: str, body: str) -> None:
    assert check({"mails/declared.j2": mail(body).replace("\n", f"\n{start}\n", 1)}) == []


@pytest.mark.rule("R68")
def test_names__of_a_loop_are_those_of_what_it_draws_in_and_no_other(check: Check) -> None:
    loop = "{% for l in here.links %}{{ loop.index }}{% include 'mails/parts/year.j2' %}{% endfor %}"
    part = "{{ l.title if l is defined }}{{ loop.index if loop is defined }}"
    assert check({"mails/declared.j2": mail(loop), "mails/parts/year.j2": part}) == []
    (problem,) = check({"mails/declared.j2": mail(loop), "exports/removals.j2": "{{ l is defined }}"})
    assert problem.startswith("modeles/exports/removals.j2, ligne 1 : « l » n'existe pas")


@pytest.mark.rule("R68")
def test_names__of_a_loop_around_a_block(check: Check) -> None:
    layout = (Path(str(OWN)) / "mails/layout.j2").read_text(encoding="utf-8")
    loop = "{% for l in here.links %}{% block lien scoped %}{{ l.title }}{% endblock %}{% endfor %}"
    filled = mail("Bonjour") + "{% block lien %}{{ l.url }}{% endblock %}"
    assert check({"mails/layout.j2": layout + loop, "mails/declared.j2": filled}) == []
    unscoped = check({"mails/layout.j2": layout + loop.replace(" scoped", "")})
    assert f"{MISSING} « l »" in unscoped[0]


@pytest.mark.rule("R68")
def test_names__of_the_layout_are_those_of_every_mail(check: Check) -> None:
    layout = (Path(str(OWN)) / "mails/layout.j2").read_text(encoding="utf-8")
    (problem,) = check({"mails/layout.j2": layout + "{{ rupn.full }}"})
    assert f"{MISSING} « rupn » (à l'essai avec l'exemple « removal_confirmed_one »)" in problem
    assert check({"mails/layout.j2": layout + "{{ rupn.full if rupn is defined }}"}) == []


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("{% if rupn %}", 7, "Encountered unknown tag 'endblock'"),
        ("{% endfor %}", 6, "Encountered unknown tag 'endfor'"),
        ("{% boucle %}", 6, "Encountered unknown tag 'boucle'"),
        ("{{ a b }}", 6, "expected token 'end of print statement', got 'b'"),
        ("{{ rupn.nom | }}", 6, "expected token 'name', got 'end of print statement'"),
        ("{{ rupn.nom", 7, "expected token 'end of print statement', got '{'"),
        ("{# rupn", 6, "Missing end of comment tag"),
        ("{{ }}", 6, "Expected an expression, got 'end of print statement'"),
        ("{% block body %}{% endblock %}", 6, "block 'body' defined twice"),
    ],
)
def test_syntax__is_told_in_french_with_its_line_and_the_words_of_jinja(
    check: Check, body: str, line: int, words: str
) -> None:
    (problem,) = in_declared(check, body)
    assert problem.startswith(f", ligne {line} : le modèle n'est pas bien écrit ({words}")


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ 1 / 0 }}", "cette ligne ne peut pas être calculée (ZeroDivisionError"),
        ("{{ drane_declared_on|day }}", "cette ligne emploie une valeur qui peut manquer"),
        ("{{ range(10**9)|list }}", "cette ligne demande trop de tours"),
        ("{{ rupn.nom|attr('__class__') }}", "cette ligne emploie ce qui est interdit à un modèle"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "le modèle s'appelle lui-même sans fin"),
        ("{{ (here.links|list)[7].title }}", "cette ligne emploie ce qui n'existe pas : "),
    ],
)
def test_trial__what_fails_is_told_with_its_line_and_example(check: Check, body: str, words: str) -> None:
    (problem,) = in_declared(check, body)
    assert problem.startswith(f", ligne 6 : {words}")
    assert problem.endswith("(à l'essai avec l'exemple « declared »)")


@pytest.mark.rule("R68")
def test_trial__tries_every_example(check: Check) -> None:
    (problem,) = in_declared(check, "{% if renews %}{{ renews / 2 }}{% endif %}")
    assert problem.startswith(", ligne 6 : ")
    assert problem.endswith("« declared_renewed »)")


@pytest.mark.rule("R60", "R68")
@pytest.mark.parametrize(
    "body",
    ["Le code.", "{{ slot }}\n\n{{ slot }}", "Le code : {{ slot }}", "{% if by_operator %}{{ slot }}{% endif %}"],
)
def test_slot__exactly_one_in_a_code_mail(check: Check, body: str) -> None:
    (problem,) = check({"mails/code_issued.j2": mail(body)})
    assert "modeles/mails/code_issued.j2 : il faut un objet, puis un seul « {{ slot }} », seul sur sa ligne" in problem
    assert check({"mails/code_issued.j2": mail("Voici :\n\n{{ slot }}\n\nFin.")}) == []


@pytest.mark.rule("R60", "R68")
def test_slot__none_in_another_mail_nor_lost_with_a_part(check: Check) -> None:
    (problem,) = in_declared(check, "{{ slot }}")
    assert "pas de « {{ slot }} » : ce courriel ne porte aucun code" in problem
    problems = check({"mails/declared.j2": mail("a"), "mails/parts/handover.j2": "Le code."})
    assert {problem.partition(" : ")[0] for problem in problems} == {"modeles/mails/parts/handover.j2"}


@pytest.mark.rule("R68")
def test_subject__is_required(check: Check) -> None:
    assert "il faut un objet à la première ligne" in check({"mails/declared.j2": ""})[0]
    assert check({"mails/declared.j2": "Objet\n\nSans charpente, pour {{ rupn.full }}."}) == []


@pytest.mark.rule("R68")
def test_blocks__must_be_those_of_the_layout(check: Check) -> None:
    assert check({"mails/declared.j2": HEAD.replace("body", "corps") + "x{% endblock %}"}) == [
        "modeles/mails/declared.j2 : il manque le bloc « body », que mails/layout.j2 demande",
        "modeles/mails/declared.j2, ligne 5 : le bloc « corps » n'existe pas dans mails/layout.j2 ;"
        " ce qu'il peut employer ici : body, subject",
    ]
    assert check({"mails/declared.j2": mail("a") + "Au revoir"}) == [
        "modeles/mails/declared.j2, ligne 8 : ceci est hors des blocs et ne paraîtrait pas : le mettre dans un bloc"
    ]


@pytest.mark.rule("R68")
def test_blocks__that_a_layout_drops_are_told_once(check: Check) -> None:
    all_problems = check({"mails/declared.j2": "Objet\na", "mails/layout.j2": "{% block subject %}{% endblock %}\n"})
    assert all_problems == ["modeles/mails/layout.j2 : il manque le bloc « body », que d'autres modèles remplissent"]


def test_blocks__super_is_the_block_of_the_template_extended(check: Check) -> None:
    layout = "{% block subject %}{% endblock %}\n{% block body %}{{ here.x }}{% endblock %}"
    assert check({"mails/layout.j2": layout}) == []
    (problem,) = check({"mails/layout.j2": layout, "mails/declared.j2": mail("{{ super() }}")})
    assert problem.startswith(f"modeles/mails/layout.j2, ligne 2 : {MISSING} « x »")


def test_import__itself(check: Check) -> None:
    all_problems = check({"mails/declared.j2": "Objet\n{% import 'mails/declared.j2' as m %}"})
    assert all_problems[0].startswith("modeles/mails/declared.j2, ligne 2 : le modèle s'appelle lui-même sans fin")


def test_extends__itself_or_nothing(check: Check) -> None:
    assert (
        "le modèle s'appelle lui-même sans fin" in check({"mails/declared.j2": "{% extends 'mails/declared.j2' %}"})[0]
    )
    (problem,) = check({"mails/declared.j2": "{% extends 'mails/layuot.j2' %}"})
    assert "ligne 1 : le modèle « mails/layuot.j2 » n'existe pas" in problem


@pytest.mark.rule("R68")
def test_frame__shows_the_content_and_knows_its_own_names(check: Check) -> None:
    assert check({"mails/frame.html.j2": "<p>{{ title }}</p>{{ content }}{{ foot }}"}) == []
    for frame in ("<p>{{ title }}</p>", "{{ content }}{{ content }}", "{% if content %}{% endif %}"):
        (problem,) = check({"mails/frame.html.j2": frame})
        assert problem.startswith("modeles/mails/frame.html.j2 : il faut « {{ content }} » une seule fois")
    (problem,) = check({"mails/frame.html.j2": "{{ content }}{{ rupn.full }}"})
    assert "ligne 1 : « rupn » n'existe pas ; ce qu'il peut employer ici : academie, academie_de, content" in problem


@pytest.mark.rule("R68")
def test_problems__are_all_told_at_once_by_file_and_line(check: Check) -> None:
    all_problems = check({
        "mails/revoked.j2": mail("{{ a }}\n{{ b }}"),
        "mails/declared.j2": mail("{% faute %}"),
        "autre.txt": "x",
    })  # fmt: skip
    assert [problem.partition(" : ")[0] for problem in all_problems] == [
        "modeles/autre.txt",
        "modeles/mails/declared.j2, ligne 6",
        "modeles/mails/revoked.j2, ligne 6",
        "modeles/mails/revoked.j2, ligne 7",
    ]


def test_problems__the_papers_are_told_with_the_rest(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mails/declared.j2": mail("{{ a }}")})
    paper = TemplateProblem(folder / "papers/charter.typ", 2, "faute")
    all_problems = problems(TemplateLoader(folder), MAIL_CONTEXT, lambda *_: [paper])
    assert [problem.path.name for problem in all_problems] == ["declared.j2", "charter.typ"]


@pytest.mark.rule("R69")
@pytest.mark.parametrize(
    ("text", "line", "start"),
    [
        ("// version : 2026-1\n\n#let x = ", 3, "typst refuse ce modèle"),
        ("Charte", 1, "la première ligne doit donner la version de la charte"),
        (
            "// version : 2031-7\nCharte",
            1,
            "cette charte est en version 2031-7, et le réglage charter.version dit 2026-1",
        ),
    ],
)
def test_papers__what_is_wrong_has_its_line(tmp_path: Path, text: str, line: int, start: str) -> None:
    wordings = TemplateLoader(folder_of(tmp_path, {"papers/charter.typ": text}))
    messages = {problem.line: problem.message for problem in paper_problems(wordings, MAIL_CONTEXT)}
    assert messages[line].startswith(start)


def test_papers__nothing_is_made_when_none_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.authoring.checks.compile_paper", None)
    assert paper_problems(TemplateLoader(folder_of(tmp_path, {"mails/declared.j2": mail("a")})), MAIL_CONTEXT) == []
