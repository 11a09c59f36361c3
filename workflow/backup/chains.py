"""The ends of all chains of the journal as one digest, by which two databases are compared (R65, R116)."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, tuple_

from workflow.database.journal_tables import EVENT, INSTALLED
from workflow.database.tables import REQUEST
from workflow.journal.chain import INSTALLATION


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainEnds:
    """How many chains and events there are, and a digest of where each ends.

    ``is_whole``: each request, and the installation, tells the very end that its events have.
    """

    chains: int
    events: int
    digest: str
    is_whole: bool


def chain_ends(connection: Connection) -> ChainEnds:
    """Read the end of every chain, and whether its owner knows it."""
    last = select(EVENT.c.stream, func.max(EVENT.c.seq)).group_by(EVENT.c.stream)
    query = select(EVENT.c.stream, EVENT.c.seq, EVENT.c.hash).where(tuple_(EVENT.c.stream, EVENT.c.seq).in_(last))
    ends = {stream: (seq, hash_) for stream, seq, hash_ in connection.execute(query)}
    own = select(REQUEST.c.reference, REQUEST.c.chain_length, REQUEST.c.chain_head)
    owners = {reference: (length, head) for reference, length, head in connection.execute(own)}
    for length, head in connection.execute(select(INSTALLED.c.chain_length, INSTALLED.c.chain_head)):
        if length:
            owners[INSTALLATION] = (length, head)
    digest = hashlib.sha256()
    for stream in sorted(ends):
        digest.update("{} {} {}\n".format(stream, *ends[stream]).encode())
    return ChainEnds(
        chains=len(ends), events=connection.execute(select(func.count()).select_from(EVENT)).scalar_one(),
        digest=digest.hexdigest(), is_whole=ends == owners,
    )  # fmt: skip
