"""Templates that are faulty, or the académie's: one error, and nothing that gets out unescaped."""

from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, DictLoader, PackageLoader

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.rendering import child
from notifications.rendering.environment import OWN, TemplateLoader
from notifications.rendering.markup import HTML_SLOT
from notifications.rendering.renderer import FRAME, Renderer, Unrenderable
from tests.notifications.pages import Page
from tests.notifications.templates import folder_of, mail


@pytest.mark.rule("R68")
def test_rendering__a_frame_of_the_academie_is_given_html_alone() -> None:
    frame = "<p>{{ subject }}|{{ title }}|{{ preview }}|{{ signature }}|{{ academie }}</p>{{ content }}<hr>{{ foot }}"
    words = "[Clé ODA] <a>\nBonjour,\n\nC'est <b> & tout.\n\n--\n| <i>"
    loader = DictLoader({"mails/declared.j2": words, FRAME: frame})
    context = replace(MAIL_CONTEXT, signature="A & <b>", academie="<i>")
    html = Renderer(TemplateLoader(loader=loader)).render(*EXAMPLES["declared"], context).html
    start = "<p>[Clé ODA] &lt;a&gt;|&lt;a&gt;|C&#x27;est &lt;b&gt; &amp; tout.|A &amp; &lt;b&gt;|&lt;i&gt;</p>"
    assert html.startswith(start)
    assert Page(html).skeleton == ["p", "p", "p", "p", "hr", "p"]


@pytest.mark.rule("R55")
def test_rendering__words_without_a_button_are_given_one() -> None:
    page = "https://oda.ac-toulouse.fr/etablissement/demandes/ODA-2027-00042/delegation"
    button = f"Ouvrir la page du portail :\n{page}\n"
    assert body_of("Objet\nTexte") == f"Texte\n\n{button}"
    assert body_of("Objet\nTexte\n\n--\n| Pied") == f"Texte\n\n{button}\n--\nPied\n"
    assert body_of("Objet\n> Attester\n\nTexte") == f"Attester :\n{page}\n\nTexte\n"
    assert body_of(f"Objet\nVoyez {page}") == f"Voyez\n{page}\n"  # an académie's words, older than the buttons


@pytest.mark.rule("R55")
def test_rendering__no_button_in_a_mail_that_leads_nowhere() -> None:
    loader = DictLoader({"mails/submitted.j2": "Objet\nTexte\n\n> Ouvrir", FRAME: "{{ content }}"})
    assert Renderer(TemplateLoader(loader=loader)).render(*EXAMPLES["submitted"], MAIL_CONTEXT).body == "Texte\n"


@pytest.mark.rule("R55")
@pytest.mark.parametrize("subject", ["Nouvelle demande", "[ODA] Nouvelle demande"])
def test_rendering__the_subject_of_an_operators_mail_is_tagged_once(subject: str) -> None:
    loader = DictLoader({"mails/new_request.j2": f"{subject}\nTexte", FRAME: "{{ content }}"})
    rendered = Renderer(TemplateLoader(loader=loader)).render(*EXAMPLES["new_request"], MAIL_CONTEXT)
    assert rendered.subject == "[ODA] Nouvelle demande"


def body_of(source: str) -> str:
    return renderer_of(source).render(*EXAMPLES["declared"], MAIL_CONTEXT).body.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Objet\n{{ inconnu }}", "cette ligne emploie ce qui n'existe pas : « inconnu »"),
        ("Objet\n{{ rupn.inconnu }}", "cette ligne emploie ce qui n'existe pas : « inconnu »"),
        ("\n\n", "il faut un objet et 0 emplacement pour le code ou le lien"),
        ("{% for", "le modèle n'est pas bien écrit (unexpected 'end of template')"),
        ("Objet\n{{ 1 / 0 }}", "cette ligne ne peut pas être calculée"),
        ("Objet\n{{ slot }}", "il faut un objet et 0 emplacement pour le code ou le lien"),
        ("Objet\n> Ici\n\n> Là", "il faut un seul bouton"),
    ],
)
def test_rendering__a_faulty_template_is_one_error_in_french(source: str, message: str) -> None:
    with pytest.raises(Unrenderable) as caught:
        renderer_of(source).render(*EXAMPLES["declared"], MAIL_CONTEXT)
    assert str(caught.value).startswith(f"mails/declared.j2 : {message}")


@pytest.mark.parametrize("frame", ["{{ inconnu }}", "{% for", "{{ content }}" + HTML_SLOT])
def test_rendering__a_faulty_frame_is_the_same_error(frame: str) -> None:
    assert body_of("Objet\nTexte").startswith("Texte\n")
    with pytest.raises(Unrenderable):
        renderer_of("Objet\nTexte", frame).render(*EXAMPLES["declared"], MAIL_CONTEXT)


@pytest.mark.rule("R60")
@pytest.mark.parametrize("frame", ["", "{{ content }}{{ content }}"])
def test_rendering__a_frame_shows_the_code_once(frame: str) -> None:
    renderer = Renderer(
        TemplateLoader(loader=ChoiceLoader([DictLoader({FRAME: frame}), PackageLoader("notifications")]))
    )
    with pytest.raises(Unrenderable):
        renderer.render(*EXAMPLES["code_issued"], MAIL_CONTEXT)


def renderer_of(source: str, frame: str = "{{ content }}") -> Renderer:
    return Renderer(TemplateLoader(loader=DictLoader({"mails/declared.j2": source, FRAME: frame})))


def test_rendering__a_missing_template_is_the_same_error() -> None:
    with pytest.raises(Unrenderable):
        Renderer(TemplateLoader(loader=DictLoader({}))).render(*EXAMPLES["declared"], MAIL_CONTEXT)


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "trop long"),
        ("{{ 10**(10**8) }}", "trop long"),
        ('{{ "x" * (10**9 if rupn.nom else 1) }}', "trop gros"),
        ('{{ "%*d"|format(10**9, 1) }}', "trop gros"),
    ],
    ids=["a loop", "one operation", "a text", "a filter"],
)
def test_endless__a_template_that_only_some_data_make_endless_stops_its_own_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, reason: str
) -> None:
    monkeypatch.setattr(child, "STEP_S", 0.3)
    texts = {"mails/declared.j2": mail(words), "mails/submitted.j2": mail("")}
    renderer = Renderer(TemplateLoader(folder_of(tmp_path, texts)))
    assert renderer.render(*EXAMPLES["submitted"], MAIL_CONTEXT).subject
    with pytest.raises(Unrenderable, match=rf"mails/declared\.j2 : {reason}"):
        renderer.render(*EXAMPLES["declared"], MAIL_CONTEXT)
    assert renderer.render(*EXAMPLES["submitted"], MAIL_CONTEXT).subject


@pytest.mark.rule("R68")
def test_replaced__a_mail_is_the_same_to_the_byte_from_the_kept_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {f"mails/{name}.j2": (OWN / f"mails/{name}.j2").read_text("utf-8") for name in ("declared", "code_issued")}
    renderer, own = Renderer(TemplateLoader(folder_of(tmp_path, texts))), Renderer()
    started: list[object] = []
    start = child.Child._started

    def counted(process: child.Child) -> object:
        started.append(process)
        return start(process)

    monkeypatch.setattr(child.Child, "_started", counted)
    for example in ("declared", "code_issued", "declared", "submitted"):
        expected = own.render(*EXAMPLES[example], MAIL_CONTEXT)
        assert renderer.render(*EXAMPLES[example], MAIL_CONTEXT) == expected
    assert len(started) == 1
