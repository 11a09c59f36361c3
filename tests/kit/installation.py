"""A whole installation in a folder, as ``oda init`` would leave it: settings, keys, database founded."""

import shutil
from pathlib import Path

from notifications.ports import Clock, SystemClock
from tests.kit.databases import sqlite_template
from workflow.app import install
from workflow.database.connection import Database
from workflow.journal.chain import JournalHasher
from workflow.settings.secrets import Secrets, generate

OPERATOR = "op@ac-toulouse.fr"
OTHER_OPERATOR = "op2@ac-toulouse.fr"
READER = "drane@ac-toulouse.fr"

CONFIG = f"""\
academie:
  nom: Toulouse
  code: 16
  zone: C
  departements: ["09", 12, 31, 32, 46, 65, 81, 82]
database:
  url: "{{url}}"
people:
  operators: [{OPERATOR}, {OTHER_OPERATOR}]
  readers: [{READER}]
school_year:
  rentree_dates:
    2026-2027: 2026-09-01
    2027-2028: 2027-09-01
code:
  hold_seconds: 0
mail:
  sender: ODA <oda@ac-toulouse.fr>
  operators_mailbox: oda@ac-toulouse.fr
  signature: Clés ODA
  contact: 05 00 00 00 00
  relay:
    host: localhost
"""


def make_installation(folder: Path, database_url: str, clock: Clock | None = None) -> Path:
    """Write settings and keys in ``folder`` and found the installation in that database; returns ``config.yaml``.

    The académie is Toulouse (16). No system account is an operator: pass ``--as operator:op@ac-toulouse.fr``.
    """
    database = Database(database_url)
    try:
        return make_installation_in(database, folder, clock)
    finally:
        database.dispose()


def make_installation_in(database: Database, folder: Path, clock: Clock | None = None) -> Path:
    """The same in a database that is already open, and stays so."""
    config, url = folder / "config.yaml", database.url.render_as_string(hide_password=False)
    config.write_text(CONFIG.format(url=_without_password(url)), encoding="utf-8")
    generate(folder / "secrets")
    key = Secrets(folder / "secrets").read("journal-key").get_secret_value()
    file = database.url.database
    if file and not database.is_postgresql and not Path(file).exists():
        shutil.copyfile(sqlite_template(), file)
    install(database, JournalHasher(key.encode()), clock or SystemClock())
    return config


def _without_password(url: str) -> str:
    """The test server's address has an empty password, which the settings do not admit even so."""
    return url.replace(":@", "@", 1)
