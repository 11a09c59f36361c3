"""``oda secrets``: a new key, the codes moved to it, the old ones gone; nothing shows a key (R71)."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from states.vocabulary import State
from tests.kit.installation import READER
from tests.kit.sealed_codes import SealedCodes
from tests.portal.cli.desk import AS_CHEF, Desk, open_desk
from tests.portal.cli.installation import Installation
from workflow.app import bootstrap
from workflow.database.journal_tables import EVENT
from workflow.journal.chain import INSTALLATION
from workflow.key_rotation import WALKS, SealKeys, StillSealedElsewhere
from workflow.settings.secrets import Keyring, Secrets

LOST = Fernet.generate_key().decode()


@pytest.fixture
def safe(installed: Installation) -> SealedCodes:
    return SealedCodes(installed.config)


def events(safe: SealedCodes) -> list[tuple[str, dict[str, Any]]]:
    """What the journal tells of the keys, in order."""
    app = bootstrap(safe.settings, {})
    with app.database.read() as connection:
        query = select(EVENT).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind.like("seal%")).order_by(EVENT.c.seq)
        rows = connection.execute(query).all()
    app.close()
    return [(row.kind, json.loads(row.canonical)["data"]) for row in rows]


@pytest.mark.rule("R71")
def test_life__a_new_key_the_codes_moved_the_old_one_gone(installed: Installation, safe: SealedCodes) -> None:
    codes, (old,) = safe.fill(3), safe.keys
    output = installed.done("secrets", "new-key")
    new = safe.keys[0]
    assert safe.keys == [new, old]
    assert safe.opened(old) == codes
    assert f"{safe.file} (2 clés)" in output
    assert "sur chaque autre machine" in output
    assert "oda secrets rotate" in output
    done = installed.done("secrets", "rotate")
    assert done == "3 codes chiffrés à nouveau, 1 ancienne clé ôtée.\n"
    assert safe.keys == [new]
    assert safe.opened(new) == codes
    again = installed.done("secrets", "rotate")
    assert again.startswith("0 code chiffré à nouveau, 0 ancienne clé ôtée.\nTout est déjà chiffré")
    for key in (new, old):
        assert key not in output + done + again
    assert events(safe) == [
        ("seal_key_added", {"keys": 2}),
        ("seal_key_rotated", {"removed": 1, "resealed": 3, "unreadable": 0}),
        ("seal_key_rotated", {"removed": 0, "resealed": 0, "unreadable": 0}),
    ]
    assert "tout tient" in installed.done("journal", "verify")


@pytest.mark.rule("R71")
def test_rotate__keep_old_leaves_them(installed: Installation, safe: SealedCodes) -> None:
    codes = safe.fill(1)
    installed.done("secrets", "new-key")
    installed.done("secrets", "new-key")
    keys = safe.keys
    assert installed.done("secrets", "rotate", "--keep-old") == "1 code chiffré à nouveau, 0 ancienne clé ôtée.\n"
    assert safe.keys == keys
    assert safe.opened(keys[0]) == codes
    assert installed.done("secrets", "rotate") == "0 code chiffré à nouveau, 2 anciennes clés ôtées.\n"


@pytest.mark.rule("R71")
def test_rotate__what_no_key_opens_is_named_and_keeps_the_old_keys(installed: Installation, safe: SealedCodes) -> None:
    safe.fill(3)
    safe.lose("ODA-2027-00001", LOST)
    installed.done("secrets", "new-key")
    keys = safe.keys
    done = installed.oda("secrets", "rotate")
    assert done.exit_code == 1
    assert done.stdout == "2 codes chiffrés à nouveau, 0 ancienne clé ôtée.\n"
    assert "1 code illisible : les anciennes clés restent." in done.stderr
    assert "ODA-2027-00001 : aucune des clés n'ouvre son code" in done.stderr
    assert "oda request reissue-code" in done.stderr
    assert safe.keys == keys
    assert events(safe)[-1] == ("seal_key_rotated", {"removed": 0, "resealed": 2, "unreadable": 1})
    safe.file.write_text("\n".join([*keys, LOST]))  # the key is found again, in a backup
    assert installed.done("secrets", "rotate") == "1 code chiffré à nouveau, 2 anciennes clés ôtées.\n"
    assert safe.opened()["ODA-2027-00001"] == "perdu"


@pytest.mark.rule("R71", "R72")
def test_rotate__a_sign_in_link_that_no_key_opens_goes_by_itself(installed: Installation, safe: SealedCodes) -> None:
    safe.fill(1, "sign-in:")
    safe.lose("sign-in:00000", LOST)
    done = installed.oda("secrets", "rotate")
    assert done.exit_code == 1
    assert "1 lien de connexion : aucune des clés ne l'ouvre, et il expire de lui-même" in done.stderr
    assert "reissue-code" not in done.stderr


@pytest.mark.rule("R2", "R71")
@pytest.mark.parametrize("action", ["new-key", "rotate"])
def test_secrets__are_for_operators(installed: Installation, safe: SealedCodes, action: str) -> None:
    keys = safe.keys
    done = installed.oda("secrets", action, who=f"lecteur:{READER}")
    assert (done.exit_code, "Seul un opérateur du rectorat peut" in done.stderr) == (1, True)
    assert safe.keys == keys
    assert events(safe) == []


@pytest.mark.rule("R2")
def test_secrets__are_not_for_a_chef(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_desk(tmp_path, monkeypatch) as desk:
        assert "Seul un opérateur du rectorat peut" in desk.oda("secrets", "new-key", who=AS_CHEF).stderr


@pytest.mark.rule("R71")
def test_new_key__of_a_variable_says_how_and_changes_nothing(
    installed: Installation, safe: SealedCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = safe.keys
    monkeypatch.setenv("ODA_SEAL_KEY", key)
    done = installed.oda("secrets", "new-key")
    assert done.exit_code == 1
    assert "la variable ODA_SEAL_KEY, qu'aucune commande ne peut changer : rien n'a changé." in done.stderr
    assert "umask 077" in done.stderr
    assert key not in done.output
    assert safe.keys == [key]
    assert events(safe) == []


@pytest.mark.rule("R71")
def test_rotate__of_a_variable_moves_the_codes_and_says_what_is_left(
    installed: Installation, safe: SealedCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, (old,) = safe.fill(2), safe.keys
    monkeypatch.setenv("ODA_SEAL_KEY", f"{LOST}\n{old}\n")
    done = installed.done("secrets", "rotate")
    assert done.startswith("2 codes chiffrés à nouveau, 0 ancienne clé ôtée.\n")
    assert "les ôter de la variable, sur chaque machine" in done
    assert safe.opened(LOST) == codes


@pytest.mark.rule("R71")
def test_new_key__in_the_file_that_a_variable_names(
    installed: Installation, safe: SealedCodes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (old,) = safe.keys
    elsewhere = tmp_path / "ailleurs"
    elsewhere.write_text(old)
    elsewhere.chmod(0o600)
    monkeypatch.setenv("ODA_SEAL_KEY_FILE", str(elsewhere))
    assert str(elsewhere) in installed.done("secrets", "new-key")
    assert (len(elsewhere.read_text().split()), safe.keys) == (2, [old])


def test_new_key__where_nothing_can_be_written(
    installed: Installation, safe: SealedCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = safe.keys

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workflow.settings.secrets.os.fchmod", full)
    done = installed.oda("secrets", "new-key")
    assert (done.exit_code, "plus de place sur le disque" in done.stderr) == (1, True)
    assert safe.keys == keys
    assert events(safe) == []


@pytest.mark.rule("R71")
def test_worker__that_runs_follows_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app of a service stays open while commands of other processes change the keys."""
    with open_desk(tmp_path, monkeypatch) as desk:
        before = desk.office.request(State.CODE_ISSUED)
        for words in (("new-key",), ("rotate",)):
            assert desk.oda("secrets", *words).exit_code == 0
        after = _issued(desk)
        safe = SealedCodes(desk.config)
        assert len(safe.keys) == 1
        assert safe.opened().keys() == {before, after}


def _issued(desk: Desk) -> str:
    return desk.office.request(State.CODE_ISSUED, "0120003C", mail="autre.personne@ac-toulouse.fr", nom="Autre")


@pytest.mark.rule("R71")
def test_rotate__gives_up_on_a_machine_that_keeps_the_old_key_first(
    safe: SealedCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = bootstrap(safe.settings, {})
    keys = SealKeys(app.database, app.hasher, app.clock, app.mailer.sealer,
                    Keyring(Secrets(safe.settings.secrets_directory)))  # fmt: skip
    operator = _operator(app)
    keys.add(operator)
    walks: list[int] = []

    def one_more(*_: object) -> int:
        walks.append(1)
        return 1

    monkeypatch.setattr("notifications.encryption.count_under_other_keys", one_more)
    with pytest.raises(StillSealedElsewhere):
        keys.rotate(operator)
    app.close()
    assert len(walks) == WALKS
    assert len(safe.keys) == 2
    assert [kind for kind, _ in events(safe)] == ["seal_key_added"]


def _operator(app: Any) -> Any:
    from states.vocabulary import Channel
    from tests.kit.installation import OPERATOR

    return app.people.operator(OPERATOR, Channel.CLI)
