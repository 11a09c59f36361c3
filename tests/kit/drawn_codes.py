"""A system that draws its codes, and what its batches hold (R97)."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from notifications import encryption
from notifications.encryption import Sealer
from notifications.outbox.store import SEALS
from tests.kit.system import System
from workflow.codes.batches import BatchView, Drawing, DrawResult, draw_codes, load_batch
from workflow.codes.reading import CodeFile, take_file
from workflow.settings.codes import CodeDrawer, CodeFileSettings

FORM = "^[A-Za-z0-9]{4,16}$"
KEY = "c2VhbGluZyBrZXkgb2YgdGVzdHMsIDMyIGJ5dGVzICE="
"""The same in every process of a test."""


def drawing(system: System) -> System:
    """The same system, whose codes are drawn from now on."""
    system.policy = replace(system.policy, draws_codes=True)
    system.mailer._draw_code = CodeDrawer(FORM, 10).draw
    system.mailer.sealer = Sealer([KEY])
    system.restart()
    return system


def drawing_system(url: str, now: datetime) -> System:
    return drawing(System(url, now))


def draw(system: System, *references: str, who: str = "opérateur", key: str = "draw", anew: bool = False) -> DrawResult:
    drawings = [Drawing(reference=reference, anew=anew) for reference in references]
    return draw_codes(system.engine, drawings, system.actors[who], key=key)


def take(system: System, number: int, *, key: str = "take", why: str = "") -> CodeFile:
    settings = CodeFileSettings()
    return take_file(system.engine, system.mailer, settings, number, system.actors["opérateur"], key=key, why=why)


def batch(system: System, number: int) -> BatchView:
    with system.database.read() as connection:
        return load_batch(connection, number)


def codes(system: System) -> dict[str, str]:
    """The codes that are kept now, in clear, by reference."""
    with system.database.read() as connection:
        query = select(SEALS.c.reference).where(SEALS.c.ciphertext.is_not(None))
        references = list(connection.execute(query).scalars())
        assert len(references) == len(set(references)), "no request has two codes"
        return encryption.codes_of(connection, system.mailer.sealer, references)
