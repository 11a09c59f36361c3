"""Where the database may live: guards against a shared SQLite file (see docs/adr/0003)."""

import socket
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from workflow.foresight import NODE

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs", "lustre", "ocfs2", "gfs2"}
)
OTHER_MACHINE = timedelta(minutes=2)


class SharedFile(Exception):
    """La base SQLite est sur un disque réseau : elle s'y abîmerait. La mettre sur un disque local, ou prendre
    PostgreSQL (database.url)."""


class FileMissing(Exception):
    """Le fichier de la base n'existe pas : vérifier le réglage database.url et que son disque est monté. S'il a
    disparu, restaurer une sauvegarde ; pour une installation nouvelle, lancer « oda database upgrade »."""


class OtherMachine(Exception):
    """Une autre machine utilise cette base SQLite : l'arrêter, ou prendre PostgreSQL (database.url)."""


def this_host() -> str:
    return socket.gethostname()


def file_system_of(path: Path, mounts: str) -> str:
    """The type of file system that holds ``path``, from the text of ``/proc/mounts``; empty when unknown."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        place = fields[1].replace("\\040", " ")
        inside = path == Path(place) or Path(place) in path.parents
        if inside and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind


def refuse_network_file(url: str, mounts: Path = Path("/proc/mounts")) -> None:
    """Raises SharedFile when a SQLite file lies on a network disk. Where mounts cannot be read, nothing is said."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or not mounts.exists():
        return
    if file_system_of(Path(parsed.database).resolve(), mounts.read_text()) in NETWORK_FILE_SYSTEMS:
        raise SharedFile


def refuse_missing_file(url: str) -> None:
    """Raises FileMissing: SQLite would make an empty file, and a disk that is not mounted look like a new start."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
        raise FileMissing


def refuse_other_machine(connection: Connection, now: datetime, host: str) -> None:
    """Raises OtherMachine when another host ticked on this SQLite file in the last two minutes."""
    recent = select(NODE.c.host).where(NODE.c.host != host, NODE.c.seen_at > now - OTHER_MACHINE)
    if connection.execute(recent.where(NODE.c.seen_at <= now + OTHER_MACHINE)).first():
        raise OtherMachine
