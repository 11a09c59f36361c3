"""Mails through a storm: a relay that fails in every way, senders killed, frozen, two at once; then the books.

The storm is drawn from a seed: ``ODA_SEED`` plays one again, ``ODA_CHAOS_STEPS`` makes it longer (40 for CI; 600 takes
some minutes).
"""

import os
import random
from pathlib import Path

import pytest

from tests.kit.mail_processes import MailProcesses
from tests.kit.outbox_invariants import OutboxInvariants
from tests.kit.random_load import RandomLoad
from tests.kit.send_attempts import note_send_attempts
from tests.kit.smtp import ScriptedRelay

STEPS = int(os.environ.get("ODA_CHAOS_STEPS", "40"))
KNOWN = 20261123
"""Each change is judged by the same storm, and by a new one."""


@pytest.mark.rule("R56", "R57", "R58", "R62", "R70")
@pytest.mark.parametrize("known", [KNOWN, None], ids=["known seed", "new seed"])
def test_chaos__no_mail_is_lost_and_none_is_doubled_unknown(
    database_url: str, tmp_path: Path, known: int | None
) -> None:
    seed = known or int(os.environ.get("ODA_SEED", random.randrange(10**6)))
    print(f"ODA_SEED={seed} ODA_CHAOS_STEPS={STEPS}")
    draw = random.Random(seed)
    with ScriptedRelay() as relay:
        post = MailProcesses(tmp_path, database_url, relay, max_attempts=3, retry_uncertain=draw.random() < 0.8)
        with post.app.database.write() as connection:
            note_send_attempts(connection)
        storm = RandomLoad(post, relay, draw)
        try:
            storm.blow(STEPS)
            post.settle()
            assert OutboxInvariants(post, relay).wrong() == []
            assert storm.deaths, "a storm in a glass of water"
        except BaseException as error:
            error.add_note("\n".join([f"ODA_SEED={seed} ODA_CHAOS_STEPS={STEPS}", *storm.log]))
            raise
        finally:
            post.close()
