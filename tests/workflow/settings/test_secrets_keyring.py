"""The file of the sealing keys: one a line, replaced in one stroke, never half (R71)."""

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from notifications.encryption import Sealer
from notifications.ports import set_crash_hook
from workflow.settings.secrets import Keyring, KeyringFixed, SecretMissing, SecretRefused, Secrets

OLD, OLDER = (Fernet.generate_key().decode() for _ in range(2))


def keyring(folder: Path, *keys: str, **environ: str) -> Keyring:
    if keys:
        path = folder / "seal-key"
        path.write_text("".join(f"{key}\n" for key in keys))
        path.chmod(0o600)
    return Keyring(Secrets(folder, environ))


@pytest.mark.rule("R71")
@pytest.mark.parametrize(
    "text",
    [f"{OLD}\n{OLDER}\n", f"{OLD}\r\n\r\n{OLDER}", f"  {OLD} \n{OLDER}\n\n"],
    ids=["unix", "windows", "spaces"],
)
def test_read__one_key_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "seal-key").write_bytes(text.encode())
    (tmp_path / "seal-key").chmod(0o600)
    assert keyring(tmp_path).read() == (OLD, OLDER)
    assert keyring(tmp_path, ODA_SEAL_KEY=text).read() == (OLD, OLDER)


@pytest.mark.rule("R71")
def test_add__puts_the_new_key_first_and_keeps_the_others(tmp_path: Path) -> None:
    ring = keyring(tmp_path, OLD, OLDER)
    assert ring.add() == 3
    new, *others = ring.read()
    assert others == [OLD, OLDER]
    assert Sealer([new])
    assert [path.name for path in tmp_path.iterdir()] == ["seal-key"]
    assert (tmp_path / "seal-key").stat().st_mode & 0o777 == 0o600


def test_keep_first__takes_the_others_away(tmp_path: Path) -> None:
    ring = keyring(tmp_path, OLD, OLDER)
    before = ring.stamp()
    assert (ring.keep_first(), ring.read()) == (1, (OLD,))
    assert ring.stamp() != before
    assert (ring.keep_first(), ring.read()) == (0, (OLD,))


def test_add__in_the_file_that_the_variable_names_through_a_link(tmp_path: Path) -> None:
    named, linked = tmp_path / "a" / "clé", tmp_path / "lien"
    named.parent.mkdir()
    named.write_text(OLD)
    named.chmod(0o600)
    linked.symlink_to(named)
    ring = keyring(tmp_path / "x", ODA_SEAL_KEY_FILE=str(linked))
    assert ring.add() == 2
    assert linked.is_symlink()
    assert named.read_text().endswith(f"\n{OLD}\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_add__by_root_leaves_the_file_to_the_account_of_the_service(tmp_path: Path) -> None:
    ring = keyring(tmp_path, OLD)
    os.chown(tmp_path / "seal-key", 4242, 4343)
    ring.add()
    status = (tmp_path / "seal-key").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (4242, 4343, 0o600)


@pytest.mark.parametrize("change", [Keyring.add, lambda ring: ring.keep_first()])
def test_change__a_variable_is_left_alone(tmp_path: Path, change: object) -> None:
    ring = keyring(tmp_path, OLD, ODA_SEAL_KEY=f"{OLD}\n{OLDER}")
    with pytest.raises(KeyringFixed, match="ODA_SEAL_KEY"):
        change(ring)  # type: ignore[operator]
    assert (tmp_path / "seal-key").read_text() == f"{OLD}\n"


@pytest.mark.rule("R71")
@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_add__that_fails_leaves_the_old_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    ring = keyring(tmp_path, OLD)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "rename":
        set_crash_hook(fail)
    else:
        monkeypatch.setattr(os, "fsync" if step == "fsync" else "fchmod", fail)
    try:
        with pytest.raises(OSError, match="No space"):
            ring.add()
    finally:
        set_crash_hook(None)
        monkeypatch.undo()
    assert ring.read() == (OLD,)
    assert ring.add() == 2
    assert [path.name for path in tmp_path.iterdir()] == ["seal-key"]


def test_add__a_draft_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    ring = keyring(tmp_path, OLD)
    (tmp_path / ".seal-key.new").symlink_to(tmp_path / "ailleurs")
    with pytest.raises(OSError, match=r"symbolic link"):
        ring.add()
    assert not (tmp_path / "ailleurs").exists()


def test_stamp__none_while_the_file_cannot_be_seen(tmp_path: Path) -> None:
    ring = keyring(tmp_path, OLD)
    sealer = Sealer(ring.read, ring.stamp)
    (tmp_path / "seal-key").unlink()
    assert ring.stamp() is None
    with pytest.raises(SecretMissing):
        sealer.seal("Code", "ODA-2027-00001")
    (tmp_path / "seal-key").write_text(OLD)
    (tmp_path / "seal-key").chmod(0o644)
    with pytest.raises(SecretRefused):
        sealer.seal("Code", "ODA-2027-00001")
    (tmp_path / "seal-key").chmod(0o600)
    assert sealer.open(sealer.seal("Code", "ODA-2027-00001"), "ODA-2027-00001") == "Code"
