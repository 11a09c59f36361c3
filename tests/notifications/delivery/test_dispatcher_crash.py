"""A process that dies at any point of a sending loses nothing; a second copy is the same mail."""

import pytest

from notifications.delivery.smtp import RelayConnection
from notifications.ports import set_crash_hook
from notifications.vocabulary import Mail, Stage
from tests.notifications.office import Office, draft, mail_settings


def died_at(office: Office, point: str) -> Mail:
    """The process dies at a crash point; the mail as it is left."""

    class Killed(BaseException):
        """Nothing in production catches this."""

    def hook(name: str) -> None:
        if name == point:
            raise Killed

    office.enqueue(draft())
    set_crash_hook(hook)
    try:
        with pytest.raises(Killed):
            office.send()
    finally:
        set_crash_hook(None)
    return office.only()


@pytest.mark.rule("R56")
@pytest.mark.parametrize(
    ("point", "stage", "copies"),
    [
        ("mail.claiming", Stage.PENDING, 1),
        ("mail.wording", Stage.PENDING, 1),
        ("mail.claimed", Stage.PENDING, 1),
        ("mail.beginning", Stage.PENDING, 1),
        ("mail.before_data", Stage.SENDING, 1),
        ("mail.after_data", Stage.SENDING, 2),
        ("mail.recording", Stage.SENDING, 2),
        ("mail.recorded", Stage.SENT, 1),
    ],
)
def test_crash__nothing_is_lost_and_a_second_copy_is_the_same_mail(
    office: Office, point: str, stage: Stage, copies: int
) -> None:
    assert died_at(office, point).stage is stage
    office.clock.advance(minutes=3)
    office.send(office.another())
    mail = office.only()
    assert mail.stage is Stage.SENT
    assert [str(got.message["Message-ID"]) for got in office.relay.received] == [mail.message_id] * copies
    assert (mail.doubted_at is not None) is (stage is Stage.SENDING)


def test_crash__the_lease_outlives_the_longest_sending() -> None:
    settings = mail_settings(25, lease_seconds=120, relay={"timeout_seconds": 30})
    assert RelayConnection(settings)._envelope_seconds + 2 * 30 <= 120
