"""The keys of a process that lasts: it follows what a command changes, and never seals under a key that went (R71)."""

from collections.abc import Sequence

import pytest
from cryptography.fernet import Fernet

from notifications.encryption import BadSealingKey, CodeUnreadable, Sealer
from tests.kit.factories import CODE, REFERENCE

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


class Keys:
    """A file of keys that somebody changes; ``seen`` False hides from its stamp that it has."""

    def __init__(self, *keys: str) -> None:
        self.keys: Sequence[str] = keys
        self.broken: Exception | None = None
        self.seen = True
        self.readings = 0
        self._stamp: object = None

    def read(self) -> Sequence[str]:
        self.readings += 1
        if self.broken:
            raise self.broken
        return self.keys

    def stamp(self) -> object:
        if self.seen:
            self._stamp = (self.keys, self.broken)
        return self._stamp

    def sealer(self) -> Sealer:
        return Sealer(self.read, self.stamp)


@pytest.mark.rule("R71")
def test_seal__takes_the_new_key_as_soon_as_it_is_there() -> None:
    keys = Keys(OLD)
    sealer = keys.sealer()
    keys.keys = (NEW, OLD)
    sealed = sealer.seal(CODE, REFERENCE)
    assert Sealer([NEW]).open(sealed, REFERENCE) == CODE
    assert sealer.open(Sealer([OLD]).seal(CODE, REFERENCE), REFERENCE) == CODE


def test_seal__does_not_read_keys_that_have_not_changed() -> None:
    keys = Keys(OLD)
    sealer = keys.sealer()
    sealed = [sealer.seal(CODE, REFERENCE) for _ in range(50)]
    assert all(sealer.open(ciphertext, REFERENCE) == CODE for ciphertext in sealed)
    assert keys.readings == 1


@pytest.mark.rule("R71")
def test_seal__refuses_when_the_keys_changed_and_cannot_be_read() -> None:
    keys = Keys(OLD)
    sealer = keys.sealer()
    keys.broken = PermissionError("no")
    with pytest.raises(PermissionError):
        sealer.seal(CODE, REFERENCE)


@pytest.mark.rule("R71")
def test_open__reads_the_keys_again_once() -> None:
    keys = Keys(OLD)
    sealer = keys.sealer()
    keys.stamp()
    keys.seen, keys.keys = False, (NEW, OLD)  # a shared folder that tells late of a change
    assert sealer.open(Sealer([NEW]).seal(CODE, REFERENCE), REFERENCE) == CODE
    assert keys.readings == 2
    with pytest.raises(CodeUnreadable):
        sealer.open(Sealer([OTHER]).seal(CODE, REFERENCE), REFERENCE)
    assert keys.readings == 3


@pytest.mark.rule("R71")
@pytest.mark.parametrize("broken", [PermissionError("no"), BadSealingKey()])
def test_open__keeps_the_keys_at_hand_when_they_cannot_be_read(
    broken: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    keys = Keys(OLD)
    sealer = keys.sealer()
    keys.broken = broken
    assert sealer.open(Sealer([OLD]).seal(CODE, REFERENCE), REFERENCE) == CODE
    with pytest.raises(CodeUnreadable):
        sealer.open(Sealer([OTHER]).seal(CODE, REFERENCE), REFERENCE)
    assert type(broken).__name__ in caplog.text
    assert sealer.open(Sealer([OLD]).seal(CODE, REFERENCE), REFERENCE) == CODE


@pytest.mark.rule("R71")
def test_resealed__moves_to_the_first_key_and_only_once() -> None:
    sealer = Sealer([NEW, OLD])
    old = Sealer([OLD]).seal(CODE, REFERENCE)
    fresh = sealer.resealed(old, REFERENCE)
    assert fresh
    assert (sealer.is_under_first_key(old), sealer.is_under_first_key(fresh)) == (False, True)
    assert sealer.resealed(fresh, REFERENCE) is None
    assert Sealer([NEW]).open(fresh, REFERENCE) == CODE


@pytest.mark.parametrize("key", [OLD, NEW, OTHER], ids=["old", "new", "other"])
def test_resealed__a_seal_of_another_request_is_not_made_good(key: str) -> None:
    with pytest.raises(CodeUnreadable):
        Sealer([NEW, OLD]).resealed(Sealer([key]).seal(CODE, "ODA-2027-00099"), REFERENCE)


@pytest.mark.rule("R60")
def test_sealer__shows_no_key() -> None:
    sealer = Sealer([NEW, OLD])
    sealer.open(sealer.seal(CODE, REFERENCE), REFERENCE)
    text = f"{sealer!r} {sealer._ring!r} {sealer}"
    assert NEW not in text
    assert OLD not in text


def test_sealer__keys_given_twice_count_once() -> None:
    assert repr(Sealer([NEW, f"{NEW}\n", OLD])._ring) == "<2 keys>"
