"""docs/modeles.md against the code: what a template may use is written, and nothing else."""

from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from notifications.authoring.checks import problems
from notifications.authoring.examples import MAIL_CONTEXT
from notifications.authoring.reference import (
    ALL_KINDS,
    ALWAYS,
    FILTERS,
    TITLES,
    Variable,
    document,
    full_name,
    given_to,
    kind_of,
    mail_variables,
    members,
    page_variables,
    settings_variables,
    users_of,
)
from notifications.messages.catalogue import facts_class, template_of
from notifications.rendering.environment import TemplateLoader, own_names
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, AnyKind, Kind, TransientMail
from tests.notifications.templates import folder_of

ROOT = Path(__file__).parents[3]


def test_document__is_what_the_code_writes() -> None:
    published = (ROOT / "docs" / "modeles.md").read_text(encoding="utf-8")
    assert published == document(), "refaire : python -m notifications.authoring.reference > docs/modeles.md"


def test_titles__every_template_has_one_and_no_other() -> None:
    assert set(TITLES) == set(own_names())


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_meanings__every_name_of_every_mail_has_one(kind: AnyKind) -> None:
    names = {variable.name.removeprefix("facts.") for variable in mail_variables(kind)}
    assert set(members(facts_class(kind))) <= names
    assert given_to(template_of(kind))[0] - set(ALWAYS) <= names
    assert all(variable.meaning for variable in mail_variables(kind))


def test_examples__every_value_that_is_no_record_shows_one() -> None:
    for variable in (
        *settings_variables(),
        *page_variables(),
        *(variable for kind in (*Kind, *TransientMail) for variable in mail_variables(kind)),
    ):
        assert variable.example or variable.type in ("fiche", "liste de fiches"), variable


def test_full_name__as_it_may_be_typed() -> None:
    assert full_name("declared") == full_name("mails/declared.j2") == "mails/declared.j2"
    assert full_name("code-issued") == "mails/code_issued.j2"
    assert full_name("frame") == "mails/frame.html.j2"
    assert full_name("year") == "mails/parts/year.j2"
    assert full_name("charter") == "papers/charter.typ"
    assert full_name("parts/year.j2") == "mails/parts/year.j2"
    assert full_name("../secrets") is None


def test_users__who_is_concerned() -> None:
    assert users_of("mails/parts/handover.j2") == (Kind.CODE_ISSUED, Kind.CODE_REISSUED)
    assert users_of("mails/layout.j2") == users_of("mails/frame.html.j2") == tuple(Kind)
    assert users_of("papers/handover_slip.typ") == (Kind.CODE_ISSUED, Kind.CODE_REISSUED, Kind.CODE_TO_READ)
    assert [kind_of(name) for name in ("mails/declared.j2", "mails/layout.j2")] == [Kind.DECLARED, None]


def test_names__of_the_package_are_found_below_its_folder() -> None:
    assert TemplateLoader().names() == own_names()


def using(variables: list[Variable]) -> str:
    """A text that writes every one of these names."""
    written = ((variable.loop, f"x {{{{ {variable.name} }}}}") for variable in variables)
    return "\n".join(f"{{% for one in {loop} %}}{text}{{% endfor %}}" if loop else text for loop, text in written)


@pytest.mark.rule("R68")
def test_names__all_that_is_written_here_can_be_used(tmp_path: Path) -> None:
    texts = {"mails/frame.html.j2": using(page_variables())}
    for kind in ALL_KINDS:
        slot = "\n\n{{ slot }}\n\n" if kind in (*CODE_KINDS, *LINK_KINDS) else "\n\n"
        always = [replace(settings_variables()[0], name=name) for name in ALWAYS if name != "slot"]
        texts[template_of(kind)] = (
            f"Objet\n{using(mail_variables(kind))}{slot}{using(always)}\n{using(settings_variables())}"
        )
    wordings = TemplateLoader(folder_of(tmp_path, texts))
    assert len(wordings.overridden()) == len(ALL_KINDS) + 1
    assert problems(wordings, MAIL_CONTEXT) == []


@pytest.mark.parametrize("name", FILTERS)
def test_filters__those_written_here_exist_and_are_shown_in_use(name: str) -> None:
    assert name in TemplateLoader().environment.filters
    assert f"|{name}" in FILTERS[name][1]
    standard = jinja2.Environment(autoescape=True).filters
    assert set(TemplateLoader().environment.filters) - set(standard) == set(FILTERS)
