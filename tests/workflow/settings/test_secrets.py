"""The secrets: three ways to give one, and nothing that prints it."""

import os
import traceback
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from workflow.settings.secrets import SECRET_NAMES, SecretError, SecretMissing, SecretRefused, Secrets, generate


def private(path: Path, content: bytes = b"hunter2\n", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_read__variable_then_named_file_then_folder(tmp_path: Path) -> None:
    private(tmp_path / "seal-key", b"folder\n")
    named = private(tmp_path / "elsewhere", b"named\r\n")
    environ = {"ODA_SEAL_KEY_FILE": str(named)}
    assert Secrets(tmp_path).read("seal-key").get_secret_value() == "folder"
    assert Secrets(tmp_path, environ).read("seal-key").get_secret_value() == "named"
    assert Secrets(tmp_path, environ | {"ODA_SEAL_KEY": "variable"}).read("seal-key").get_secret_value() == "variable"


def test_read__only_the_line_end_is_taken_off(tmp_path: Path) -> None:
    private(tmp_path / "smtp-password", " mot de passe é \n".encode())
    assert Secrets(tmp_path).read("smtp-password").get_secret_value() == " mot de passe é "


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_missing__says_the_three_ways(tmp_path: Path, name: str) -> None:
    variable = "ODA_" + name.upper().replace("-", "_")
    with pytest.raises(SecretMissing) as caught:
        Secrets(tmp_path / "absent").read(name)
    message = str(caught.value)
    assert f"la variable {variable}," in message
    assert f"{variable}_FILE" in message
    assert f"{tmp_path}/absent/{name} (chmod 600)" in message
    assert Secrets(tmp_path).find(name) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o777])
def test_file_open_to_others__says_chmod(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "seal-key", mode=mode)
    with pytest.raises(SecretRefused, match=f"mode {mode:o}.*« chmod 600 {path} »"):
        Secrets(tmp_path).read("seal-key")
    with pytest.raises(SecretRefused, match="chmod 600"):
        Secrets(tmp_path / "x", {"ODA_SEAL_KEY_FILE": str(path)}).find("seal-key")


@pytest.fixture
def mounted_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.settings.secrets.is_read_only", lambda _: True)


@pytest.mark.usefixtures("mounted_read_only")
@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444, 0o644])
def test_file_of_a_read_only_mount__all_of_the_container_may_read_it(tmp_path: Path, mode: int) -> None:
    private(tmp_path / "seal-key", mode=mode)
    assert Secrets(tmp_path).read("seal-key").get_secret_value() == "hunter2"


@pytest.mark.usefixtures("mounted_read_only")
def test_file_of_a_read_only_mount__nobody_else_may_write_it(tmp_path: Path) -> None:
    private(tmp_path / "seal-key", mode=0o666)
    with pytest.raises(SecretRefused, match="mode 666"):
        Secrets(tmp_path).read("seal-key")


@pytest.mark.parametrize(("mode", "is_read"), [(0o440, True), (0o640, True), (0o660, False), (0o444, False)])
def test_file_of_another_account__the_group_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_read: bool
) -> None:
    private(tmp_path / "seal-key", mode=mode)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    if is_read:
        assert Secrets(tmp_path).read("seal-key").get_secret_value() == "hunter2"
    else:
        with pytest.raises(SecretRefused, match=f"mode {mode:o}"):
            Secrets(tmp_path).read("seal-key")


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n"])
def test_empty_secret__refused(tmp_path: Path, content: bytes) -> None:
    private(tmp_path / "seal-key", content)
    with pytest.raises(SecretRefused, match="ne contient aucun secret"):
        Secrets(tmp_path).read("seal-key")
    with pytest.raises(SecretRefused, match="la variable ODA_SEAL_KEY ne contient aucun secret"):
        Secrets(tmp_path, {"ODA_SEAL_KEY": content.decode()}).read("seal-key")


def test_unusable_files__french_and_no_hang(tmp_path: Path) -> None:
    (tmp_path / "seal-key").mkdir()
    os.mkfifo(tmp_path / "journal-key", 0o600)
    private(tmp_path / "smtp-password", b"\xff\xfe")
    private(tmp_path / "file")
    for directory, name in ((tmp_path, "seal-key"), (tmp_path, "journal-key")):
        with pytest.raises(SecretRefused, match="n'est pas un fichier ordinaire"):
            Secrets(directory).read(name)
    with pytest.raises(SecretRefused, match="n'est pas un texte"):
        Secrets(tmp_path).read("smtp-password")
    with pytest.raises(SecretRefused, match="ne peut pas être lu"):
        Secrets(tmp_path / "file").read("seal-key")


def test_folder_of_another_account__is_named_and_not_a_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What root leaves when it runs « oda init » before the account is made."""
    folder = tmp_path / "secrets"
    folder.mkdir()

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "access", lambda place, _: place != folder)
    with pytest.raises(SecretRefused, match=f"^le dossier {folder} ne se laisse pas ouvrir par ce compte"):
        Secrets(folder).find("database-password")


def test_named_file_absent__said(tmp_path: Path) -> None:
    private(tmp_path / "seal-key")
    with pytest.raises(SecretRefused, match="ODA_SEAL_KEY_FILE désigne /absent, qui n'existe pas"):
        Secrets(tmp_path, {"ODA_SEAL_KEY_FILE": "/absent"}).read("seal-key")


def test_unknown_name__is_a_mistake_of_the_code(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no secret is called seal"):
        Secrets(tmp_path).read("seal")


def test_printing__never_shows_it(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, {"ODA_SEAL_KEY": "hunter2"})
    secret = secrets.read("seal-key")
    assert "hunter2" not in f"{secret} {secret!r} {secrets!r} {[secret]}"
    private(tmp_path / "journal-key", b"hunter2", mode=0o644)
    try:
        secrets.read("journal-key")
    except SecretError as error:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert "hunter2" not in "".join(trace.format())


def test_generate__private_keys_of_the_right_form(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "secrets"
    umask = os.umask(0)
    try:
        paths = generate(folder)
    finally:
        os.umask(umask)
    assert [path.name for path in paths] == ["seal-key", "journal-key", "seal-signing-key"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    Fernet(Secrets(folder).read("seal-key").get_secret_value())
    assert len(Secrets(folder).read("journal-key").get_secret_value()) == 44


def test_generate__never_overwrites(tmp_path: Path) -> None:
    private(tmp_path / "seal-key")
    assert generate(tmp_path) == (tmp_path / "journal-key", tmp_path / "seal-signing-key")
    assert generate(tmp_path) == ()
    assert Secrets(tmp_path).read("seal-key").get_secret_value() == "hunter2"


def test_generate__a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        generate(tmp_path)
    assert list(tmp_path.iterdir()) == []
