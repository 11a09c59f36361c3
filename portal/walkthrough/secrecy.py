"""Where the code is, and where it is not: looked for in every file and every row of the installation (R60, R61)."""

import json
from pathlib import Path

from sqlalchemy import Connection, select
from sqlmodel import SQLModel

from notifications.outbox.admin import listing
from notifications.outbox.tables import SEALS
from notifications.rendering.renderer import MASK
from notifications.vocabulary import Erasure, member
from portal.walkthrough import story
from portal.walkthrough.stage import Stage
from states.french import instant, plural
from workflow.database.tables import EVENT


def show_waiting(stage: Stage, reference: str) -> None:
    """The code was just received: it must stand nowhere in clear in the installation."""
    screen = stage.screen
    screen.blank()
    screen.say("Ce code, le courriel reçu est seul à le montrer. Cherché en clair :")
    files, rows = _search(stage)
    screen.say(f"absent des {plural(rows, 'ligne')} de la base, journal compris ;", first="    — ")
    screen.say(f"absent des {plural(files, 'fichier')} de l'installation ;", first="    — ")
    with stage.app.database.read() as connection:
        kept = [mail for mail in listing(connection, reference=reference, whole=True).mails if mail.seal_id]
        event = _last_event(connection, reference)
    stage.require(len(kept) == 1 and MASK in (kept[0].body or ""), "le courriel gardé ne masque pas le code")
    screen.say(f"le courriel gardé porte à sa place « {MASK} » ;", first="    — ")
    screen.say(f"le journal, sans nom ni adresse non plus (R64), en dit : {event}", first="    — ", then="      ")


def show_erased(stage: Stage, reference: str) -> None:
    """The hand-over was just confirmed: the sealed code must be gone."""
    with stage.app.database.read() as connection:
        seals = connection.execute(select(SEALS).where(SEALS.c.reference == reference)).all()
    stage.require(len(seals) == 1 and seals[0].ciphertext is None, "le code chiffré est encore là")
    [seal] = seals
    why = member(Erasure, seal.erased_why).label
    at = instant(seal.erased_at, story.ZONE)
    stage.screen.say(f"Le code, gardé chiffré jusqu'ici, est effacé : {why}, le {at} (R61).", first="    ")


def _search(stage: Stage) -> tuple[int, int]:
    """How many files and rows were read; the story stops if one of them holds the code."""
    code = story.CODE
    folder: Path = stage.app.settings.folder
    paths = [path for path in folder.rglob("*") if path.is_file()]
    found = [path.name for path in paths if code.encode() in path.read_bytes()]
    rows = 0
    with stage.app.database.read() as connection:
        for table in SQLModel.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                rows += 1
                found += [table.name] if any(code in str(value) for value in row) else []
    stage.require(not found, f"le code se lit dans : {', '.join(found)}")
    return len(paths), rows


def _last_event(connection: Connection, reference: str) -> str:
    """What the journal stores of the request's last event."""
    query = select(EVENT.c.canonical).where(EVENT.c.stream == reference).order_by(EVENT.c.seq.desc()).limit(1)
    event = json.loads(connection.execute(query).scalar_one())
    return (
        f"{event['kind']}, de {event['from']} à {event['to']}, par l'acteur n° {event['actor']},"
        f" expires_on {event['data']['expires_on']}, scellé à la suite de {event['prev'][:12]}…"
    )
