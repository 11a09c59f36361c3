"""A day has one seal, which covers every chain; what is cut, removed, written anew or replaced is found (R109)."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT, SEAL_LINES
from states import commands as c
from tests.kit import factories as make
from tests.kit.databases import BACKENDS, fresh_database
from tests.notifications.templates import render
from tests.workflow.journal.sealed import ENDED, LONG, SHORT, SealedJournal, recompute_chain, resign_all
from tests.workflow.journal.test_verification import _forget_tail, _guards, _last_request, delete_request, filled, flaws
from workflow.database.journal_tables import EVENT, JOURNAL_SEAL, SEALED_HEAD
from workflow.journal.chain import INSTALLATION
from workflow.journal.seal_checks import SealVerifier, check_last
from workflow.journal.sealing import JournalSealer, SigningKeyMissing, last_seal, stored_seal
from workflow.journal.seals import SealContent, SignedSeal, read_sent
from workflow.settings.secrets import Keyring, Secrets, generate

pytestmark = pytest.mark.rule("R109")


@pytest.fixture(scope="module", params=BACKENDS)
def sealed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedJournal]:
    """One a backend: what a test changes, it rolls back."""
    place = tmp_path_factory.mktemp("sealed")
    with fresh_database(request.param, place) as database:
        yield SealedJournal(database, place)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[SealedJournal]:
    """One that a test changes for good."""
    with fresh_database("sqlite", tmp_path) as database:
        yield SealedJournal(database, tmp_path)


@pytest.fixture
def forger(sealed: SealedJournal) -> Iterator[Connection]:
    """Somebody who may write anything: the guards of the database are dropped."""
    database = sealed.database
    with database.engine.connect() as connection, connection.begin() as transaction:
        for name, table in connection.execute(text(_guards(database))).all():
            connection.execute(text(f"DROP TRIGGER {name}" + (f" ON {table}" if database.is_postgresql else "")))
        yield connection
        transaction.rollback()


def messages(report: Any) -> list[str]:
    return [str(flaw) for flaw in report.flaws]


def test_sound__every_seal_holds_and_every_head_is_counted(sealed: SealedJournal) -> None:
    with sealed.database.read() as connection:
        report = sealed.check(connection, sealed.sent())
        last = last_seal(connection)
        assert flaws(connection) == []
    assert (messages(report), report.notices, report.stored, report.sent) == ([], [], 3, 3)
    assert last is not None
    # all four chains at first; one request and the installation's on the second day; the latter alone on the third
    assert [SealContent.read(seal.signed.text).changed for seal in sealed.sent()] == [4, 2, 1]
    assert (last.content.chains, last.content.number) == (4, 3)


def test_day__has_one_seal(sealed: SealedJournal) -> None:
    assert sealed.sealer.seal_day() is None
    assert sealed.sealer.write_files() == 0


def test_two_nodes__make_one_seal(own: SealedJournal) -> None:
    own.clock.advance(days=1)
    seals: list[Any] = []
    threads = [threading.Thread(target=lambda: seals.append(own.sealer.seal_day())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(seal is not None for seal in seals) == 1
    with own.database.read() as connection:
        assert messages(own.check(connection)) == []


def test_file__private_to_the_group_whole_and_readable_again(sealed: SealedJournal) -> None:
    first = sorted(sealed.folder.iterdir())[0]
    assert first.name.startswith("sceau-000001-2")
    assert first.stat().st_mode & 0o777 == 0o640
    (seal,) = read_sent(first)
    assert seal.lines is not None
    assert [line.stream for line in seal.lines] == [LONG, SHORT, ENDED, INSTALLATION]
    assert seal.signed.is_signed_by(sealed.public())
    assert first.read_text().startswith(seal.signed.text + "signature ")


def test_file__of_a_seal_that_was_sent_is_never_written_over(own: SealedJournal) -> None:
    """After a backup was restored, another seal may have the number and the day of one that left."""
    first = sorted(own.folder.iterdir())[0]
    first.write_text("ce qui a été envoyé")
    with own.database.write() as connection:
        connection.execute(text("DELETE FROM occurrence WHERE key = 'journal_seal_file:1'"))
        connection.execute(text("DELETE FROM occurrence WHERE key = 'journal_seal_file:3'"))
    assert own.sealer.write_files() == 2
    assert first.read_text() == "ce qui a été envoyé"
    assert [path.name[-6:] for path in sorted(own.folder.glob("sceau-000001*"))] == ["-2.txt", first.name[-6:]]
    assert len(list(own.folder.glob("sceau-000003*"))) == 1


def test_file__written_later_when_the_folder_was_away(own: SealedJournal) -> None:
    away = own.folder.rename(own.folder.with_name("away"))
    own.clock.advance(days=1)
    assert own.sealer.seal_day() is not None
    with pytest.raises(FileNotFoundError):
        own.sealer.write_files()
    away.rename(own.folder)
    assert own.sealer.write_files() == 1
    assert own.sealer.write_files() == 0
    assert len(own.sent()) == 4


def test_seal__names_nobody(sealed: SealedJournal) -> None:
    whole = "".join(path.read_text() for path in sealed.folder.iterdir())
    assert "luc" not in whole.lower()
    assert "@" not in whole


CUT: dict[str, tuple[Any, str]] = {
    "tail": (lambda forger: _forget_tail(forger, LONG, 2), f"{LONG}, événement 4 : retiré, ainsi que tout ce qui"),
    "written_anew": (recompute_chain, f"{SHORT}, événement 2 : récrit, lui ou un événement avant lui : scellé le "),
    "request": (lambda forger: delete_request(forger, SHORT), f"{SHORT} : retirée avec tous ses événements : scellée"),
    "last_request": (_last_request, f"{ENDED} : retirée avec tous ses événements : scellée le "),
}


@pytest.mark.rule("R65")
@pytest.mark.parametrize("how", ["tail", "written_anew", "request", "last_request"])
@pytest.mark.parametrize("source", ["stored", "sent"])
def test_what_no_chain_shows__the_seals_name(sealed: SealedJournal, forger: Connection, how: str, source: str) -> None:
    act, expected = CUT[how]
    act(forger)
    assert (
        how == "request" or flaws(forger) == []
    )  # the chains see nothing of it; of that one, a number that is missing
    report = sealed.check(forger, sealed.sent() if source == "sent" else None)
    [flaw] = messages(report)
    assert flaw.startswith(expected)


def test_what_changed_since_the_last_seal__is_no_flaw(own: SealedJournal) -> None:
    own.engine.execute([c.Delegate(reference=SHORT, why="encore", made_on=make.TODAY)], make.chef())
    with own.database.read() as connection:
        assert messages(own.check(connection, own.sent())) == []


def test_seal_changed__named(sealed: SealedJournal, forger: Connection) -> None:
    seal = stored_seal(forger, 2)
    assert seal is not None
    changed = seal.signed.text.replace("chaines 4", "chaines 5")
    forger.execute(update(JOURNAL_SEAL).where(JOURNAL_SEAL.c.number == 2).values(text=changed))
    flaw_texts = messages(sealed.check(forger))
    assert "sceau 2 : modifié : sa signature n'est pas celle de son texte" in flaw_texts
    assert any("il ne suit pas le sceau 2" in message for message in flaw_texts)
    assert any("remplacé" in message for message in flaw_texts)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_seal_removed__named(sealed: SealedJournal, forger: Connection, number: int) -> None:
    forger.execute(delete(JOURNAL_SEAL).where(JOURNAL_SEAL.c.number == number))
    flaw_texts = messages(sealed.check(forger))
    assert f"sceau {number} : retiré : le journal dit qu'il a été fait" in flaw_texts


def test_head_kept_with_a_seal_changed__named(sealed: SealedJournal, forger: Connection) -> None:
    forger.execute(update(SEALED_HEAD).where(SEALED_HEAD.c.stream == LONG).values(length=2))
    flaw_texts = messages(sealed.check(forger))
    assert "sceau 1 : les têtes de chaîne gardées avec lui ne sont plus celles qu'il couvre" in flaw_texts


def test_heads_removed_added__named(sealed: SealedJournal, forger: Connection) -> None:
    forger.execute(delete(SEALED_HEAD).where(SEALED_HEAD.c.seal == 2))
    forger.execute(insert(SEALED_HEAD), [{"seal": 9, "stream": LONG, "length": 1, "hash": "00"}])
    flaw_texts = messages(sealed.check(forger))
    assert any(message.startswith("sceau 2 : les têtes") for message in flaw_texts)
    assert any(message.startswith("sceau 9 : inséré") for message in flaw_texts)


def test_all_signed_again_by_another_key__this_machine_s_key_tells(
    sealed: SealedJournal, forger: Connection, tmp_path: Path
) -> None:
    delete_request(forger, SHORT)
    generate(tmp_path / "theirs")
    resign_all(forger, sealed, Secrets(tmp_path / "theirs"))
    assert messages(sealed.check(forger)) == []  # nothing in the database tells
    [flaw] = messages(sealed.check(forger, trusted=(sealed.public(),)))
    assert "signé par une clé qui n'est pas des vôtres" in flaw


def test_all_signed_again_by_the_true_key__the_sent_seals_tell(sealed: SealedJournal, forger: Connection) -> None:
    delete_request(forger, SHORT)
    resign_all(forger, sealed, sealed.secrets)
    assert messages(sealed.check(forger, trusted=(sealed.public(),))) == []
    flaw_texts = messages(sealed.check(forger, sealed.sent()))
    assert f"{SHORT} : retirée avec tous ses événements : scellée" in " ".join(flaw_texts)
    assert sum("celui de la base est un autre" in message for message in flaw_texts) == 3


def test_sent_by_mail_alone__the_difference_tells(sealed: SealedJournal, forger: Connection) -> None:
    delete_request(forger, SHORT)
    resign_all(forger, sealed, sealed.secrets)
    mails = [seal._replace(lines=None) for seal in sealed.sent()]
    flaw_texts = messages(sealed.check(forger, mails[:1]))
    assert len(flaw_texts) == 1
    assert "celui de la base est un autre" in flaw_texts[0]


def test_last_seals_removed_with_what_they_cover__the_sent_ones_tell(sealed: SealedJournal, forger: Connection) -> None:
    forger.execute(delete(JOURNAL_SEAL).where(JOURNAL_SEAL.c.number > 1))
    flaw_texts = messages(sealed.check(forger, sealed.sent()))
    assert sum("la base ne l'a plus" in message for message in flaw_texts) == 2


def test_sent_file_changed__named(sealed: SealedJournal, tmp_path: Path) -> None:
    first = sorted(sealed.folder.iterdir())[0].read_text()
    (tmp_path / "lines.txt").write_text(first.replace(f"{LONG} 4", f"{LONG} 3"))
    (tmp_path / "signature.txt").write_text(first.replace("changees 4", "changees 5"))
    with sealed.database.read() as connection:
        [flaw] = messages(sealed.check(connection, read_sent(tmp_path / "lines.txt")))
        assert "les lignes de son fichier" in flaw
        [flaw] = messages(sealed.check(connection, read_sent(tmp_path / "signature.txt")))
        assert "sa signature n'est pas celle de son texte" in flaw


def test_hole_and_clock__told_and_no_flaw(own: SealedJournal) -> None:
    own.clock.advance(days=3)
    own.next_day()
    own.clock.advance(days=5)
    with own.database.read() as connection:
        report = own.check(connection, own.sent()[1:3])
    assert messages(report) == []
    assert any(notice.startswith("aucun sceau du ") for notice in report.notices)
    assert any("il y a " in notice for notice in report.notices)


def test_sent_ones_missing__told_and_no_flaw(sealed: SealedJournal) -> None:
    sent = sealed.sent()
    with sealed.database.read() as connection:
        report = sealed.check(connection, [sent[0], sent[2]])
    assert messages(report) == []
    assert "le sceau 2 n'est pas parmi ceux que vous donnez" in report.notices


def test_no_seal_yet__told(tmp_path: Path) -> None:
    with fresh_database("sqlite", tmp_path) as database, filled(database).read() as connection:
        report = SealVerifier(connection, make.TODAY).check()
        assert check_last(connection) is None
    assert (report.flaws, len(report.notices)) == ([], 1)


def test_new_key__announced_by_the_old_one(own: SealedJournal) -> None:
    old = own.public()
    seal = own.sealer.replace_key(make.operator())
    assert seal is not None
    assert (seal.content.key, seal.content.next_key) == (old, own.public())
    assert own.public() != old
    assert len(own.secrets.read("seal-signing-key").get_secret_value().split()) == 1
    assert own.next_day().content.key == own.public()
    with own.database.read() as connection:
        report = own.check(connection, own.sent(), trusted=(own.public(),))
    assert (messages(report), report.stored) == ([], 5)


@pytest.mark.parametrize("where", ["_seal", "_keyring.keep_first"])
def test_new_key__killed_on_the_way_and_taken_up_again(
    own: SealedJournal, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Before its announcement is committed, or before the old key is forgotten: one rotation in the end."""

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    old = own.public()
    with monkeypatch.context() as patch:
        patch.setattr(JournalSealer if where == "_seal" else Keyring, where.rpartition(".")[2], killed)
        with pytest.raises(KeyboardInterrupt):
            own.sealer.replace_key(make.operator())
    keys = own.secrets.read("seal-signing-key").get_secret_value().split()
    assert len(keys) == 2
    seal = own.sealer.replace_key(make.operator())
    assert seal is not None
    assert (seal.content.number, seal.content.key, seal.content.next_key) == (4, old, own.public())
    assert own.secrets.read("seal-signing-key").get_secret_value().split() == keys[:1]
    assert own.next_day().content.number == 5
    with own.database.read() as connection:
        assert messages(own.check(connection, own.sent(), trusted=(old,))) == []


def test_key_away__said_not_raised_by_the_signature(own: SealedJournal, tmp_path: Path) -> None:
    own.clock.advance(days=1)
    generate(tmp_path / "theirs")
    for directory, why in (("none", "manque"), ("theirs", "n'est pas sur cette machine")):
        with pytest.raises(SigningKeyMissing, match=why):
            own.sealer_with(Secrets(tmp_path / directory)).seal_day()
    assert own.sealer.seal_day() is not None  # nothing was taken of the day


def test_key_lost__the_next_is_not_announced_and_says_so(own: SealedJournal, tmp_path: Path) -> None:
    generate(tmp_path / "new")
    new = own.sealer_with(Secrets(tmp_path / "new"))
    public = new.give_up_key(make.operator())
    own.clock.advance(days=1)
    assert new.seal_day() is not None
    with own.database.read() as connection:
        [flaw] = messages(own.check(connection))
        assert f"que l'ancienne n'a pas annoncée : {public}" in flaw
        assert messages(own.check(connection, trusted=(public,))) == []


def test_last__checked_for_a_page(sealed: SealedJournal, forger: Connection) -> None:
    last = check_last(forger)
    assert last is not None
    assert (last.number, last.holds) == (3, True)
    forger.execute(update(EVENT).where(EVENT.c.stream == INSTALLATION).values(hash="0"))
    last = check_last(forger)
    assert last is not None
    assert not last.holds


@pytest.mark.parametrize(
    "change", [("oda-sceau 1", "oda-sceau 2"), ("numero 1", "numero 01"), ("suivante -", "suivante x"), ("\n", "\r\n")]
)
def test_text__anything_else_is_refused(sealed: SealedJournal, change: tuple[str, str]) -> None:
    text_of = sealed.sent()[0].signed.text
    assert SealContent.read(text_of).text == text_of
    with pytest.raises(ValueError, match="seal"):
        SealContent.read(text_of.replace(*change))


def test_signature__of_garbage_is_no_error(sealed: SealedJournal) -> None:
    signed = sealed.sent()[0].signed
    assert not SignedSeal(signed.text, "zz").is_signed_by(sealed.public())
    assert not signed.is_signed_by("00")


def test_guards__a_seal_is_neither_changed_nor_removed(sealed: SealedJournal) -> None:
    for statement in ("UPDATE journal_seal SET day = day", "DELETE FROM journal_seal_head"):
        with pytest.raises(DBAPIError, match="R109"), sealed.database.write() as connection:
            connection.execute(text(statement))


def test_mail__its_words_give_the_seal_again_to_the_byte(tmp_path: Path) -> None:
    rendered = render(*EXAMPLES["journal_seal"], MAIL_CONTEXT)
    (tmp_path / "copied.txt").write_text(rendered.body, "utf-8")
    (seal,) = read_sent(tmp_path / "copied.txt")
    assert seal.signed.sent_form.splitlines() == list(SEAL_LINES)
