"""``oda paper``: who may print what, and where the PDF goes (R3, R69)."""

import errno
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import update

from notifications.messages.facts import DepartementCount
from notifications.outbox.store import MAILS
from notifications.rendering.child import run_in_child
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.papers import compile_paper, stored_year_end_report, to_json
from states import commands as c
from states.vocabulary import CheckOutcome, ReissueReason, State
from tests.kit import factories as make
from tests.portal.cli.desk import AS_CHEF, AS_OPERATOR, AS_READER, Desk, open_desk
from tests.workflow.requests.office import LYCEE


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        monkeypatch.chdir(tmp_path)
        yield desk


def printed(desk: Desk, *args: str, who: str = AS_OPERATOR) -> str:
    """The words of a PDF that must be made, through the standard output."""
    done = desk.oda("paper", *args, "-o", "-", who=who)
    assert done.exit_code == 0, done.output
    pages = PdfReader(io.BytesIO(done.stdout_bytes)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).replace("\u00a0", " ").split())


def not_printed(desk: Desk, *args: str, who: str = AS_OPERATOR, code: int = 1) -> str:
    done = desk.oda("paper", *args, who=who)
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    assert not list(Path().glob("*.pdf"))
    return " ".join(done.stderr.split())


@pytest.mark.rule("R27", "R69")
@pytest.mark.parametrize("who", [AS_OPERATOR, AS_CHEF, AS_READER])
def test_charter__is_written_under_its_own_name(desk: Desk, who: str) -> None:
    reference = desk.office.request(State.DELEGATED)
    done = desk.oda("paper", "charter", reference.lower(), who=who)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"charte-{reference}.pdf : Charte d'usage de la clé ODA, {make.PRENOM} {make.NOM}.\n"
    assert Path(f"charte-{reference}.pdf").read_bytes().startswith(b"%PDF-")
    text = printed(desk, "charter", reference, who=who)
    assert f"{make.PRENOM} {make.NOM}" in text
    assert "31 août 2027" in text


@pytest.mark.rule("R69")
def test_charter__blank_needs_no_request(desk: Desk) -> None:
    assert make.NOM not in printed(desk, "charter", "--blank", who=AS_CHEF)
    assert desk.oda("paper", "charter", "--blank", who=AS_CHEF).exit_code == 0
    assert Path("charte-vierge.pdf").exists()


@pytest.mark.rule("R69")
def test_sheet__of_a_request_or_for_anybody(desk: Desk) -> None:
    reference = desk.office.request(State.CODE_ISSUED)
    assert make.NOM in printed(desk, "first-connection", reference, who=AS_CHEF)
    assert make.NOM not in printed(desk, "first-connection", "--blank", who=AS_CHEF)


@pytest.mark.parametrize("name", ["charter", "first-connection"])
@pytest.mark.parametrize("args", [(), ("ODA-2027-00001", "--blank")])
def test_paper__a_request_or_blank(desk: Desk, name: str, args: tuple[str, ...]) -> None:
    assert "--blank" in not_printed(desk, name, *args, code=2)


@pytest.mark.rule("R3")
@pytest.mark.parametrize("name", ["charter", "slip"])
def test_paper__a_chef_prints_those_of_his_own_establishments(desk: Desk, name: str) -> None:
    elsewhere = desk.office.request(State.CODE_ISSUED, LYCEE)
    message = not_printed(desk, name, elsewhere, who=AS_CHEF)
    assert message == not_printed(desk, name, "ODA-2027-09999", who=AS_CHEF), "whether it exists is not told"
    assert "R3" in message
    assert elsewhere in printed(desk, name, elsewhere)


def test_paper__an_unknown_request(desk: Desk) -> None:
    assert "ODA-2027-00404" in not_printed(desk, "charter", "ODA-2027-00404")


@pytest.mark.rule("R31", "R60")
@pytest.mark.parametrize("state", [State.CODE_ISSUED, State.REVOKED])
def test_slip__once_a_code_was_issued_without_it(desk: Desk, state: State) -> None:
    reference = desk.office.request(state)
    text = printed(desk, "slip", reference, who=AS_CHEF)
    assert f"{make.PRENOM} {make.NOM}" in text
    assert "Ne pas inscrire le code" in text
    assert make.CODE not in text
    assert "remplace le précédent" not in text


@pytest.mark.rule("R44")
def test_slip__of_a_code_that_replaces_another(desk: Desk) -> None:
    reference = desk.office.request(State.CODE_ISSUED)
    desk.office.do(
        c.ReissueCode(reference=reference, reason=ReissueReason.LOST, code=c.Code(clear="N0uveau123"),
                      new_key_confirmed=True)
    )  # fmt: skip
    assert "remplace le précédent" in printed(desk, "slip", reference)


@pytest.mark.rule("R31")
def test_slip__before_any_code_is_refused(desk: Desk) -> None:
    reference = desk.office.request(State.REQUESTED)
    assert "aucun code n'a été émis" in not_printed(desk, "slip", reference, who=AS_CHEF)


@pytest.mark.rule("R40")
def test_slip__of_an_extended_key_is_refused_to_a_chef_too(desk: Desk) -> None:
    first = desk.office.request(State.CODE_ISSUED, LYCEE)
    second = desk.office.request(State.REQUESTED)
    outcome: dict[str, Any] = {"outcome": CheckOutcome.POSITIVE, "source": "liste"}
    desk.office.do(
        c.CheckListing(reference=second, **outcome), c.CheckDelegation(reference=second, **outcome),
        c.IssueCode(reference=second, extends=first),
    )  # fmt: skip
    message = not_printed(desk, "slip", second, who=AS_CHEF)
    assert "étendue" in message
    assert first not in message


def test_paper__no_file_is_overwritten_by_mistake(desk: Desk) -> None:
    reference = desk.office.request(State.DELEGATED)
    place = Path("déjà.pdf")
    place.write_text("à moi")
    done = desk.oda("paper", "charter", reference, "-o", str(place))
    assert done.exit_code == 1
    assert "déjà.pdf existe déjà, rien n'est écrit." in done.stderr
    assert "--force" in done.stderr
    assert place.read_text() == "à moi"
    assert desk.oda("paper", "charter", reference, "-o", str(place), "--force").exit_code == 0
    assert place.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(("place", "code"), [("nulle/part.pdf", 1), (".", 2), ("", 2)])
def test_paper__a_place_where_nothing_can_be_written(desk: Desk, place: str, code: int) -> None:
    not_printed(desk, "charter", "--blank", "-o", place, code=code)


class _Full(io.FileIO):
    """A file on a disk that fills up."""

    def write(self, content: Any) -> int:
        super().write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_paper__a_full_disk_leaves_no_half(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Path.open
    monkeypatch.setattr(
        Path, "open", lambda at, mode="r", *a, **k: (_Full if mode == "xb" else usual)(at, mode, *a, **k)
    )
    assert "plus de place sur le disque" in not_printed(desk, "charter", "--blank")


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the trial of the templates answered: the first command makes it for all, since the folder stays as it is."""
    answers: list[Any] = []

    def try_first(*arguments: Any) -> Any:
        if not answers:
            answers.append(run_in_child(*arguments))
        return answers[0]

    monkeypatch.setattr("notifications.authoring.checks.run_in_child", try_first)
    return answers


@pytest.mark.rule("R68", "R69")
@pytest.mark.parametrize("name", ["charter", "handover_slip", "first_connection", "year_end_report"])
def test_paper__of_the_academie_s_own_template(desk: Desk, trials: list[Any], name: str) -> None:
    folder = desk.config.parent / "modeles" / "papers"
    folder.mkdir(parents=True)
    own = "// version : 2026-1\n#set document(title: [Papier])\nPapier de notre académie"
    (folder / f"{name}.typ").write_text(own, encoding="utf-8")
    with desk.config.open("a", encoding="utf-8") as config:
        config.write("templates:\n  directory: modeles\n")
    reference = desk.office.request(State.CODE_ISSUED)
    reported(desk)
    prints = {
        "charter": [("charter", reference), ("charter", "--blank")],
        "handover_slip": [("slip", reference)],
        "first_connection": [("first-connection", reference), ("first-connection", "--blank")],
        "year_end_report": [("year-end", "2026-2027")],
    }
    for paper, commands in prints.items():
        for command in commands:
            assert ("Papier de notre académie" in printed(desk, *command)) is (paper == name), command
    assert trials == [[]]


@pytest.mark.rule("R68")
def test_paper__is_made_of_what_was_checked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is read once, as mails do: a file changed meanwhile is not printed unchecked."""
    monkeypatch.setattr(
        "notifications.rendering.environment.TemplateLoader.__init__", _read_once(TemplateLoader.__init__)
    )
    with desk.config.open("a", encoding="utf-8") as config:
        config.write("templates:\n  directory: modeles\n")
    (desk.config.parent / "modeles").mkdir()
    assert "Charte" in printed(desk, "charter", "--blank")


def _read_once(usual: Callable[..., None]) -> Callable[..., None]:
    read: list[Path] = []

    def init(self: TemplateLoader, folder: Path | None = None) -> None:
        if folder:
            assert folder not in read
            read.append(folder)
        usual(self, folder)

    return init


@pytest.mark.rule("R68")
def test_paper__a_faulty_template_is_told_with_its_line(desk: Desk) -> None:
    folder = desk.config.parent / "modeles" / "papers"
    folder.mkdir(parents=True)
    (folder / "charter.typ").write_text("// version : 2026-1\n#data.inconnu", encoding="utf-8")
    with desk.config.open("a", encoding="utf-8") as config:
        config.write("templates:\n  directory: modeles\n")
    message = not_printed(desk, "charter", "--blank", code=78)
    assert "papers/charter.typ, ligne 2" in message.replace("modeles/", "")


def reported(desk: Desk) -> int:
    """The year ends, as far as the operators' mail is concerned; returns its number."""
    counts = (DepartementCount(code="031", establishments=2, revoked=3, removals=2, questions=1),)
    end = desk.app.policy.calendar.end_of(make.YEAR)
    draft = desk.app.mailer.reports.year_end_report(
        end, revoked=3, establishments=2, removals=2, questions=1, departements=counts
    )
    with desk.app.database.write() as connection:
        desk.app.mailer.enqueue(connection, [draft], make.NOW)
        mail: int = connection.execute(MAILS.select().where(MAILS.c.kind == "year_end_report")).one().id
    return mail


@pytest.mark.rule("R54", "R69")
@pytest.mark.parametrize("who", [AS_OPERATOR, AS_READER])
def test_year_end__is_the_report_of_that_year(desk: Desk, who: str) -> None:
    reported(desk)
    assert "3 demandes révoquées 2 établissements concernés" in printed(desk, "year-end", "2026-2027", who=who)
    assert desk.oda("paper", "year-end", "2026-2027", who=who).exit_code == 0
    assert Path("bilan-2026-2027.pdf").exists()


@pytest.mark.rule("R69")
def test_year_end__what_was_attached_is_printed_again_to_the_byte(desk: Desk) -> None:
    mail = reported(desk)
    context = desk.app.mailer.mail_context
    with desk.app.database.write() as connection:
        report = stored_year_end_report(connection, "2026-2027", context, TemplateLoader(), make.NOW)
        assert report is not None
        attached, _ = report
        values = {"papers": to_json([attached]), "dated_at": make.ISSUED_AT}
        connection.execute(update(MAILS).where(MAILS.c.id == mail).values(**values))
    desk.clock.advance(days=30)
    done = desk.oda("paper", "year-end", "2026-2027", "-o", "-")
    assert done.stdout_bytes == compile_paper(attached, make.ISSUED_AT)


def test_year_end__not_yet(desk: Desk) -> None:
    reported(desk)
    message = not_printed(desk, "year-end", "2027-2028")
    assert "pas encore de bilan de l'année 2027-2028" in message
    assert "oda year-end preview" in message


@pytest.mark.rule("R2", "R54")
def test_year_end__is_not_for_a_chef(desk: Desk) -> None:
    reported(desk)
    assert "operator:ADRESSE" in not_printed(desk, "year-end", "2026-2027", who=AS_CHEF)
