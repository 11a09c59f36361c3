"""``oda restore``: what comes back, what stays gone, and what waits for a person (R116)."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.kit.portal import STAFF, open_portal
from tests.portal.cli.installation import Installation
from tests.workflow.retention import scene
from workflow.database.connection import Database
from workflow.database.journal_tables import NOTE
from workflow.database.schedule_tables import DELIVERY, RESTORATION

pytestmark = pytest.mark.rule("R116")


def in_a_new_place(config: Path) -> Path:
    """The same settings with a database that is not there yet."""
    new = config.parent / "other.sqlite"
    text = config.read_text("utf-8")
    config.write_text(re.sub(r'url: ".*"', f'url: "sqlite:///{new}"', text), "utf-8")
    return new


@pytest.mark.rule("R111")
def test_restore__who_was_erased_since_is_erased_again_and_mails_wait(tmp_path: Path, database_url: str) -> None:
    with open_portal(tmp_path, database_url) as portal:
        reference = scene.live(portal)
        scene.end(portal, reference)
        installed = Installation(tmp_path / "config.yaml")
        installed.done("backup", tmp_path / "b", who=None)
        portal.app.retention.erase(scene.MAIL, portal.actor(STAFF))
    (folder,) = (tmp_path / "b").iterdir()
    new = in_a_new_place(installed.config)
    output = installed.done("restore", folder, who=None)
    assert "Effacé de nouveau" in output
    assert "oda restore release" in output
    database = Database(f"sqlite:///{new}")
    with database.read() as connection:
        assert connection.execute(select(NOTE.c.body).where(NOTE.c.stream == reference)).all() == []
    database.dispose()
    assert "aucun courriel ne part avant « oda restore release »" in installed.oda("mail", "list").stderr
    ticked = installed.oda("tick", who=None)
    assert "La base a été restaurée : rien ne part" in ticked.stderr
    assert ticked.exit_code == 0
    assert json.loads(installed.oda("tick", "--json", who=None).stdout)["restored"] is True
    assert installed.oda("restore", "release", "--yes", who="chef:0310001H").exit_code == 1
    released = installed.done("restore", "release", "--discard-all", "--yes")
    assert "Tout repart au prochain passage." in released
    again = installed.oda("restore", "release", "--yes")
    assert (again.exit_code, "Aucune restauration ne retient les envois." in again.stderr) == (1, True)
    installed.done("journal", "verify", who=None)


@pytest.mark.rule("R116", "R118")
@pytest.mark.parametrize(("options", "stage"), [(("--discard-webhooks",), "discarded"), ((), "waiting")])
def test_release__leaves_or_discards_what_waits_for_another_system(
    installed: Installation, database_url: str, options: tuple[str, ...], stage: str
) -> None:
    now = datetime(2026, 9, 14, 8, tzinfo=UTC)
    message = {
        "endpoint": "tickets", "webhook_id": "msg_1", "kind": "request.declare", "reference": "ODA-2027-00001",
        "payload": "{}", "stage": "waiting", "attempts": 1, "answer": "", "created_at": now, "started_at": now,
        "next_at": now,
    }  # fmt: skip
    database = Database(database_url)
    with database.write() as connection:
        connection.execute(insert(RESTORATION), [{"id": 1, "backup_at": now, "restored_at": now}])
        connection.execute(insert(DELIVERY), [message, message | {"webhook_id": "msg_2", "stage": "delivered"}])
    installed.done("restore", "release", *options, "--yes")
    with database.read() as connection:
        stages = connection.execute(select(DELIVERY.c.stage).order_by(DELIVERY.c.number)).scalars().all()
    database.dispose()
    assert stages == [stage, "delivered"], "what was received stays as it is"


def test_restore__into_the_place_in_use_is_refused(installed: Installation, tmp_path: Path) -> None:
    installed.done("backup", tmp_path / "b", who=None)
    (folder,) = (tmp_path / "b").iterdir()
    refused = installed.oda("restore", folder, who=None)
    assert refused.exit_code == 1
    assert "existe déjà" in refused.stderr or "n'est pas vide" in refused.stderr


def test_restore__of_anything_else_is_refused(installed: Installation, tmp_path: Path) -> None:
    in_a_new_place(installed.config)
    refused = installed.oda("restore", tmp_path / "secrets", who=None)
    assert refused.exit_code == 1
    assert "n'est pas une sauvegarde entière" in refused.stderr
    assert not (tmp_path / "other.sqlite").exists()
