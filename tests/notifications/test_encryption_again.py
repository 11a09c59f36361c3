"""Every kept code under the first key, beside those who send, erase, replace and issue codes (R71)."""

import threading
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from notifications import encryption
from notifications.encryption import Sealer
from notifications.outbox.store import SEALS
from notifications.ports import set_crash_hook
from notifications.vocabulary import Erasure, Kind, Stage
from tests.kit.factories import CODE
from tests.notifications.office import Office

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture(autouse=True)
def no_hook() -> Iterator[None]:
    yield
    set_crash_hook(None)


def reference(number: int) -> str:
    return f"ODA-2027-{number:05}"


def keep(office: Office, count: int, sealer: Sealer) -> dict[str, str]:
    """Codes of as many requests, kept under that sealer's first key."""
    codes = {reference(number): f"Code{number:05}" for number in range(count)}
    if codes:
        with office.database.write() as connection:
            encryption.seal(connection, sealer, codes, office.clock.now())
    return codes


def ciphertexts(office: Office) -> dict[str, str]:
    with office.database.read() as connection:
        query = select(SEALS.c.reference, SEALS.c.ciphertext).where(SEALS.c.ciphertext.is_not(None))
        return {row.reference: row.ciphertext for row in connection.execute(query)}


def opened(office: Office, *keys: str) -> dict[str, str]:
    sealer = Sealer(keys)
    return {reference: sealer.open(ciphertext, reference) for reference, ciphertext in ciphertexts(office).items()}


@pytest.mark.rule("R71")
@pytest.mark.parametrize("count", [0, 1, 200, 201, 450])
def test_reseal__every_code_goes_under_the_first_key(office: Office, count: int) -> None:
    codes = keep(office, count, Sealer([OLD]))
    sealer, looked = Sealer([NEW, OLD]), list[int]()
    assert encryption.reseal(office.database, sealer, looked.append).count == count
    assert opened(office, NEW) == codes
    assert sum(looked) == count
    again = encryption.reseal(office.database, sealer)
    assert (again.count, again.unreadable) == (0, ())


@pytest.mark.rule("R71")
def test_reseal__writes_at_most_200_at_a_time(office: Office) -> None:
    keep(office, 450, Sealer([OLD]))
    still_old: list[int] = []

    def count(name: str) -> None:
        if name == "reseal.between_batches":
            still_old.append(
                sum(not Sealer([NEW]).is_under_first_key(ciphertext) for ciphertext in ciphertexts(office).values())
            )

    set_crash_hook(count)
    encryption.reseal(office.database, Sealer([NEW, OLD]))
    assert still_old == [250, 50, 0]


@pytest.mark.rule("R61", "R71")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_reseal__leaves_what_was_erased_or_replaced_meanwhile(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = keep(office, 3, Sealer([OLD]))
    replaced = Sealer([OLD]).seal("Nouveau", reference(1))
    resealed = Sealer.resealed

    def meanwhile(sealer: Sealer, ciphertext: str, sealed_for: str) -> str | None:
        monkeypatch.setattr(Sealer, "resealed", resealed)
        with office.database.write() as connection:
            encryption.erase(connection, [reference(0)], Erasure.HANDED_OVER, office.clock.now())
            statement = update(SEALS).where(SEALS.c.reference == reference(1))
            connection.execute(statement.values(ciphertext=replaced))
        return resealed(sealer, ciphertext, sealed_for)

    monkeypatch.setattr(Sealer, "resealed", meanwhile)
    assert encryption.reseal(office.database, Sealer([NEW, OLD])).count == 1
    assert ciphertexts(office)[reference(1)] == replaced
    assert opened(office, NEW, OLD) == {reference(1): "Nouveau", reference(2): codes[reference(2)]}


@pytest.mark.rule("R71")
def test_reseal__names_what_no_key_opens_and_leaves_it(office: Office) -> None:
    keep(office, 3, Sealer([OLD]))
    lost = Sealer([Fernet.generate_key().decode()]).seal("Perdu", reference(1))
    with office.database.write() as connection:
        connection.execute(update(SEALS).where(SEALS.c.reference == reference(1)).values(ciphertext=lost))
    done = encryption.reseal(office.database, Sealer([NEW, OLD]))
    assert (done.count, done.unreadable) == (2, (reference(1),))
    assert ciphertexts(office)[reference(1)] == lost
    with office.database.read() as connection:
        assert encryption.count_under_other_keys(connection, Sealer([NEW, OLD])) == 1


@pytest.mark.rule("R71")
def test_reseal__a_mail_that_waits_leaves_with_its_code(office: Office) -> None:
    office.issue()
    (old,) = ciphertexts(office).values()
    office.mailer.sealer = Sealer([NEW, *office.sealer._ring.keys])
    assert encryption.reseal(office.database, office.mailer.sealer).count == 1
    assert list(ciphertexts(office).values()) != [old]
    office.mailer.sealer = Sealer([NEW])
    office.send()
    assert office.only(Kind.CODE_ISSUED).stage is Stage.SENT
    assert CODE in office.relay.received[0].text


@pytest.mark.rule("R71")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_quiet__waits_for_the_code_being_issued(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has read the old keys and not yet committed: that code is seen before any key goes."""
    sealed, tried = threading.Event(), threading.Event()
    monkeypatch.setattr("notifications.encryption.time.sleep", lambda _: tried.set())

    def issue() -> None:
        with office.database.write() as connection:
            encryption.seal(connection, Sealer([OLD]), {reference(1): "Code"}, office.clock.now())
            sealed.set()
            assert tried.wait(10)

    thread = threading.Thread(target=issue)
    thread.start()
    assert sealed.wait(10)
    monkeypatch.setattr(encryption, "LOCK_SECONDS", 1000)
    with encryption.exclusive_seals(office.database, lambda _: None) as connection:
        assert encryption.count_under_other_keys(connection, Sealer([NEW, OLD])) == 1
    thread.join()
    assert tried.is_set()


@pytest.mark.rule("R71")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_quiet__gives_up_rather_than_wait_for_ever(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.encryption.time.sleep", lambda _: None)
    with office.database.write() as connection:
        encryption.block_rotation(connection)
        with pytest.raises(encryption.CodesBusy), encryption.exclusive_seals(office.database, lambda _: None):
            raise AssertionError("the codes were not quiet")


@pytest.mark.rule("R71")
def test_quiet__lets_mails_leave(office: Office) -> None:
    office.issue()
    with encryption.exclusive_seals(office.database, lambda _: None), office.database.read() as connection:
        assert encryption.load_seal(connection, office.only(Kind.CODE_ISSUED).seal_id or "")[1]
