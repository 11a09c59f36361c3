import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from notifications.outbox.store import MAILS
from notifications.vocabulary import Stage
from states.vocabulary import State
from tests.kit import factories as make
from tests.portal.cli.desk import AS_CHEF, AS_OPERATOR, AS_READER, Desk, open_desk
from workflow.database.journal_tables import EVENT, NOTE
from workflow.database.tables import ESTABLISHMENT
from workflow.journal.chain import INSTALLATION


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


def mails(desk: Desk, *args: str, who: str = AS_OPERATOR) -> list[dict[str, Any]]:
    done = desk.oda("mail", "list", *args, "--json", who=who)
    assert done.exit_code == 0, done.output
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def dead_code(desk: Desk) -> tuple[str, int]:
    """A request whose code's mail died, and the number of that mail."""
    reference = desk.office.request(State.CODE_ISSUED)
    desk.office.mail_becomes(Stage.DEAD, reference)
    return reference, mails(desk, "--kind", "code-issued")[0]["id"]


def last_event(desk: Desk) -> tuple[str, dict[str, Any], list[str]]:
    """The kind, the data and the notes of the last event of the installation."""
    with desk.app.database.read() as connection:
        query = select(EVENT).where(EVENT.c.stream == INSTALLATION).order_by(EVENT.c.seq.desc())
        event = connection.execute(query.limit(1)).one()
        notes = select(NOTE.c.body).where(NOTE.c.stream == INSTALLATION, NOTE.c.seq == event.seq)
        return event.kind, json.loads(event.canonical)["data"], list(connection.execute(notes).scalars())


@pytest.mark.rule("R58")
def test_list__the_undeliverable_stand_first(desk: Desk) -> None:
    _, dead = dead_code(desk)
    everything = [mail["id"] for mail in mails(desk)]
    assert everything[0] == dead
    assert everything[1:] == sorted(set(everything) - {dead}, reverse=True)
    pages = [mails(desk, "--limit", "1")[0]["id"]]
    while page := mails(desk, "--limit", "2", "--after", str(pages[-1])):
        pages += [mail["id"] for mail in page]
    assert pages == everything
    line = desk.oda("mail", "list").stdout.splitlines()[1]
    assert "non remis : destinataire refusé" in line


def test_list__filters(desk: Desk) -> None:
    reference, dead = dead_code(desk)
    assert [mail["id"] for mail in mails(desk, "--stage", "dead", "--uai", make.UAI)] == [dead]
    assert mails(desk, "--uai", make.OTHER_UAI) == []
    assert {mail["kind"] for mail in mails(desk, "--stage", "pending", "--kind", "declared")} == {"declared"}
    assert len(mails(desk, "--reference", reference.lower())) == len(mails(desk))
    assert desk.oda("mail", "list", "--uai", make.OTHER_UAI).stdout == "Aucun courriel ne correspond.\n"
    assert "--after" in desk.oda("mail", "list", "--stage", "pending", "--limit", "1").stderr


@pytest.mark.rule("R60")
def test_show__masks_the_code(desk: Desk) -> None:
    _, dead = dead_code(desk)
    result = desk.oda("mail", "show", str(dead))
    assert result.exit_code == 0
    assert "[code masqué]" in result.stdout
    assert "tel qu'il partirait maintenant" in result.stdout
    as_json = json.loads(desk.oda("mail", "show", str(dead), "--json").stdout)
    assert (as_json["stage"], as_json["is_written"]) == ("dead", False)
    assert make.CODE not in "".join(desk.outputs)


@pytest.mark.rule("R56", "R58")
def test_retry__leaves_again_and_is_journaled(desk: Desk) -> None:
    reference, dead = dead_code(desk)
    done = desk.oda("mail", "retry", str(dead))
    assert (done.exit_code, done.stdout) == (0, f"Courriel n° {dead} : à envoyer.\n")
    kind, data, _ = last_event(desk)
    assert (kind, data["mail"], data["leaves_as"], data["reference"]) == ("mail_retried", dead, dead, reference)
    again = desk.oda("mail", "retry", str(dead))
    assert (again.exit_code, "(R58)" in again.stderr) == (1, True)


@pytest.mark.rule("R58")
def test_retry__to_the_mailbox_of_today(desk: Desk) -> None:
    _, dead = dead_code(desk)
    with desk.app.database.write() as connection:
        connection.execute(ESTABLISHMENT.update().values(set_mailbox="nouvelle@ac-toulouse.fr"))
    done = desk.oda("mail", "retry", str(dead))
    newest = mails(desk, "--kind", "code-issued")[0]
    assert f"remplacé par le n° {newest['id']}" in done.stdout
    assert (newest["recipient"], newest["replaces_id"]) == ("nouvelle@ac-toulouse.fr", dead)
    with desk.app.database.write() as connection:
        connection.execute(ESTABLISHMENT.update().values(set_mailbox=None, mailbox=None))
    desk.office.mail_becomes(Stage.DEAD, newest["reference"])
    done = desk.oda("mail", "retry", str(newest["id"]))
    assert (done.exit_code, "(R15)" in done.stderr) == (1, True)


@pytest.mark.rule("R62")
def test_retry__not_once_the_code_is_erased(desk: Desk) -> None:
    reference, dead = dead_code(desk)
    desk.did("revoke", reference, "--reason", "error", "--note", "saisie en double")
    done = desk.oda("mail", "retry", str(dead))
    assert done.exit_code == 1
    assert "(R62)" in done.stderr


@pytest.mark.rule("R58")
def test_retry__all_that_one_cause_has_stopped(desk: Desk) -> None:
    """Counted, confirmed, one line and one event for each; an erased code is refused and stops no other."""
    reference = desk.office.request(State.CODE_ISSUED)
    with desk.app.database.write() as connection:
        dead = {"stage": "dead", "fault": "exhausted", "next_attempt_at": None}
        connection.execute(
            MAILS.update().where(MAILS.c.kind.in_(["code_issued", "declared", "submitted"])).values(dead)
        )
    stopped = sorted(mail["id"] for mail in mails(desk, "--stage", "dead"))
    assert len(stopped) == 3
    assert desk.oda("mail", "retry", "--fault", "recipient-refused").stdout.startswith("Aucun courriel non remis")
    unasked = desk.oda("mail", "retry", "--fault", "exhausted")
    assert (unasked.exit_code, "ajouter --yes" in unasked.stderr) == (2, True)
    assert "Aucun" in desk.oda("mail", "retry", "--since", "01/01/2030", "--yes").stdout
    desk.did("revoke", reference, "--reason", "error", "--note", "saisie en double")
    done = desk.oda("mail", "retry", "--fault", "exhausted", "--since", "01/09/2026", "--yes")
    assert done.exit_code == 1
    assert done.stderr.count("1 courriel refusé sur 3, rien n'y a changé ; 2 courriels à envoyer.") == 1
    assert done.stdout.count(" : à envoyer.\n") == 2
    assert "(R62)" in done.stdout
    kind, data, _ = last_event(desk)
    assert (kind, data["mail"] in stopped) == ("mail_retried", True)
    two = [str(mail["id"]) for kind in ("declared", "submitted") for mail in mails(desk, "--kind", kind)]
    again = desk.oda("mail", "retry", *two)
    assert (again.exit_code, "2 courriels refusés sur 2" in again.stderr) == (1, True)


@pytest.mark.rule("R2")
def test_retry__together_by_operators_alone(desk: Desk) -> None:
    for who in (AS_CHEF, AS_READER):
        refused = desk.oda("mail", "retry", "--fault", "exhausted", "--yes", who=who)
        assert (refused.exit_code, "(R2)" in refused.stderr) == (1, True)
    assert desk.oda("mail", "retry", "1", "--fault", "exhausted").exit_code == 2
    assert desk.oda("mail", "retry").exit_code == 2


def undelivered(desk: Desk) -> tuple[str, int, int]:
    """A request revoked while its establishment had no mailbox, its code's mail dead already; both mails' numbers."""
    reference, code = dead_code(desk)
    with desk.app.database.write() as connection:
        connection.execute(ESTABLISHMENT.update().values(mailbox=None))
    desk.did("revoke", reference, "--reason", "error", "--note", "saisie en double")
    return reference, code, mails(desk, "--kind", "revoked")[0]["id"]


@pytest.mark.rule("R15", "R58")
def test_born_dead__is_journaled_and_the_operators_know_its_number(desk: Desk) -> None:
    reference, _, revoked = undelivered(desk)
    kind, data, _ = last_event(desk)
    assert (kind, data["mail"], data["fault"], data["reference"]) == ("mail_dead", revoked, "no_mailbox", reference)
    asyncio.run(desk.app.dispatcher.run_once())
    alert = mails(desk, "--kind", "mail-undeliverable")[1]["id"]  # the other tells of the code
    text = " ".join(desk.oda("mail", "show", str(alert)).stdout.split())
    assert f"Le courriel n° {revoked} « droits révoqués »" in text


@pytest.mark.rule("R14", "R15", "R58", "R62")
def test_retry__all_of_an_establishment_once_it_has_a_mailbox(desk: Desk) -> None:
    reference, code, revoked = undelivered(desk)
    without = desk.oda("mail", "retry", "--uai", make.UAI)
    assert (without.exit_code, f"oda establishment set-mailbox {make.UAI} ADRESSE" in without.stderr) == (1, True)
    new = "nouvelle@ac-toulouse.fr"
    done = desk.oda("establishment", "set-mailbox", make.UAI, new, "--why", "annuaire faux")
    assert done.stdout.splitlines()[1] == (
        f"2 courriels n'avaient pas pu partir : les renvoyer avec « oda mail retry --uai {make.UAI} »."
    )
    done = desk.oda("mail", "retry", "--uai", make.UAI.lower())
    leaving = mails(desk, "--kind", "revoked", "--stage", "pending")[0]
    first, second = done.stdout.splitlines()
    assert first.startswith(f"Courriel n° {code} : refusé. Le code du courriel n° {code} a été effacé")
    assert f"Réémettre un code pour la demande {reference}. (R62)" in first
    assert second == (
        f"Courriel n° {revoked} : à envoyer, remplacé par le n° {leaving['id']} pour la boîte d'aujourd'hui."
    )
    assert leaving["recipient"] == new
    message = f"{make.UAI} : 1 courriel refusé sur 2, rien n'y a changé ; 1 courriel à envoyer.\n"
    assert (done.exit_code, done.stderr) == (1, message)
    desk.oda("mail", "discard", str(code), "--why", "demande close")
    done = desk.oda("mail", "retry", "--uai", make.UAI)
    assert (done.exit_code, done.stdout) == (
        0, f"Aucun courriel de {make.UAI} n'attend une autre adresse : rien à renvoyer.\n",
    )  # fmt: skip


@pytest.mark.rule("R15", "R58")
def test_retry__one_of_an_establishment_in_the_singular(desk: Desk) -> None:
    _, code, revoked = undelivered(desk)
    desk.oda("mail", "discard", str(code), "--why", "demande close")
    set_it = desk.oda("establishment", "set-mailbox", make.UAI, "a@ac-toulouse.fr", "--why", "annuaire faux")
    assert "1 courriel n'avait pas pu partir : le renvoyer avec" in set_it.stdout
    done = desk.oda("mail", "retry", "--uai", make.UAI)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, f"{make.UAI} : 1 courriel à envoyer.")
    assert last_event(desk)[1]["mail"] == revoked


def test_retry__a_number_or_an_establishment(desk: Desk) -> None:
    for args in ((), ("3", "--uai", make.UAI)):
        done = desk.oda("mail", "retry", *args)
        assert (done.exit_code, "Donner les numéros des courriels, ou bien" in done.stderr) == (2, True)
    unknown = desk.oda("mail", "retry", "--uai", "0319999X")
    assert (unknown.exit_code, "(R11)" in unknown.stderr) == (1, True)
    refused = desk.oda("mail", "retry", "--uai", make.UAI, who=AS_READER)
    assert (refused.exit_code, "(R2)" in refused.stderr) == (1, True)


@pytest.mark.rule("R58", "R64")
def test_discard__with_a_reason_beside_the_journal(desk: Desk) -> None:
    _, dead = dead_code(desk)
    assert desk.oda("mail", "discard", str(dead)).exit_code == 2
    empty = desk.oda("mail", "discard", str(dead), "--why", " ")
    assert (empty.exit_code, "La raison est vide (R58)" in empty.stderr) == (1, True)
    done = desk.oda("mail", "discard", str(dead), "--why", "remis par téléphone")
    assert done.stdout == f"Courriel n° {dead} écarté : code à remettre, pour {make.MAILBOX}.\n"
    kind, data, notes = last_event(desk)
    assert (kind, data["mail"], notes) == ("mail_discarded", dead, ["remis par téléphone"])
    assert desk.oda("mail", "discard", str(dead), "--why", "encore").exit_code == 1


@pytest.mark.rule("R2", "R3")
def test_mail__who_may(desk: Desk) -> None:
    _, dead = dead_code(desk)
    assert mails(desk, who=AS_READER)[0]["id"] == dead
    for args in (("retry", str(dead)), ("discard", str(dead), "--why", "x")):
        refused = desk.oda("mail", *args, who=AS_READER)
        assert (refused.exit_code, "(R2)" in refused.stderr) == (1, True)
    for line in ("list", f"show {dead}", f"retry {dead}", "show 99"):
        refused = desk.oda("mail", *line.split(), who=AS_CHEF)
        assert (refused.exit_code, "(R2)" in refused.stderr, refused.stdout) == (1, True, "")


def test_mail__unknown_number(desk: Desk) -> None:
    for args in (("show", "99"), ("retry", "99"), ("discard", "99", "--why", "x")):
        done = desk.oda("mail", *args)
        assert (done.exit_code, "n° 99" in done.stderr) == (1, True)
    assert desk.oda("mail", "show", "x").exit_code == 2
