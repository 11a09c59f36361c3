"""Rate limits, counted in the database so that every process counts together (R74)."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Integer, Text, bindparam, case, delete, exists, func, or_, select, update

from notifications.ports import Clock, DatabaseTrouble
from notifications.sql import dialect_insert, insert_new
from states.decision import Scalar
from workflow.database.access_tables import TRIES
from workflow.database.connection import Database, after_commit
from workflow.journal import chain
from workflow.journal.chain import JournalHasher, Origin, current_origin, network_of, write_line

HALF_HOUR: Final = timedelta(minutes=30)

DAY: Final = timedelta(days=1)

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

KNOWN_FOR: Final = timedelta(days=60)
"""A network from which somebody signed in to a mailbox stays known to it for this long."""

_KNOWN: Final = "known-network"

BROWSER_KNOWN_FOR: Final = timedelta(days=365)
"""A browser in which somebody signed in stays known for them for this long, counted anew each time."""

_KNOWN_BROWSER: Final = "known-browser"

MOST_COUNTS: Final = 50_000
"""Counts of networks that are kept. Beyond, the lowest are forgotten first: a subject's own counts never are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most ``most`` tries of this ``name`` in each half hour, or each day (UTC), of the clock.

    ``are_failures``: each try is a refusal in itself, counted from the first, by network.
    """

    name: str
    most: int
    window: timedelta = HALF_HOUR
    are_failures: bool = False

    def ends_at(self, now: datetime) -> datetime:
        """Return when the window of this instant ends, and every count begins again."""
        return _EPOCH + ((now - _EPOCH) // self.window + 1) * self.window


LINKS_OF_CLIENT: Final = Limit(name="link-client", most=60)
"""Links asked for from one network: many schools may share one, behind the proxy of the académie."""

LINKS_OF_SUBJECT: Final = Limit(name="link-subject", most=5)
"""Links for one mailbox from one network: enough for who looks in the wrong one."""

LINKS_OF_SUBJECT_A_DAY: Final = Limit(name="link-subject-day", most=30, window=DAY)
"""The same in a day."""

LINKS_FROM_STRANGERS: Final = Limit(name="link-strangers", most=20)
"""Links for one mailbox from all the networks from which nobody has signed in to it."""

LINKS_FROM_STRANGERS_A_DAY: Final = Limit(name="link-strangers-day", most=60, window=DAY)
"""The same in a day: too few to fill a mailbox. Whoever spends them takes nothing from the known networks."""

FAILED_OPENINGS: Final = Limit(name="opening", most=10, are_failures=True)
"""Links opened in vain from one network: nobody guesses 256 bits. A good one opens all the same."""

FAILED_TOKENS: Final = Limit(name="token", most=20, are_failures=True)
"""Refused tokens from one network: a script with an old token is stopped. A good one opens all the same."""

FAILED_RETURNS: Final = Limit(name="provider", most=60, are_failures=True)
"""Returns from an identity provider that failed, from one network: each is a call to it (R101)."""

REFUSED_IDENTITIES: Final = Limit(name="identity", most=0, are_failures=True)
"""Identities that a provider or the gate vouches for, and that open nothing here (R101, R103): only counted."""

FORGED_FORMS: Final = Limit(name="forged", most=0, are_failures=True)
"""Forms that came from none of our pages (R75). They are only counted: each was refused already."""

FORBIDDEN: Final = Limit(name="forbidden", most=0, are_failures=True)
"""Pages and actions asked for in a role that has them not. They are only counted."""

REFUSED_CALLS: Final = Limit(name="api-refused", most=0, are_failures=True)
"""Calls of the API with a good token for what is unknown, of others, or not in that state: whoever tries references one
by one is seen in figures (R108). They are only counted."""

COMMANDS_OF_TOKEN: Final = Limit(name="token-commands", most=200)
"""Commands of a token of an establishment, each of which may write to its mailbox."""

FACTOR_TRIES: Final = Limit(name="factor", most=5)
"""Wrong codes of one person's second factor: of a million, three are right at any instant."""

FACTOR_TRIES_A_DAY: Final = Limit(name="factor-day", most=30, window=DAY)
"""The same in a day."""

WRONG_CODES_OF_BROWSER: Final = Limit(name="code-browser", most=5, window=DAY)
"""Wrong codes of six digits typed in one browser; the fifth ends its links, and a new link begins anew (R104)."""

WRONG_CODES_OF_CLIENT: Final = Limit(name="code-client", most=200, window=DAY, are_failures=True)
"""The same from one network, that of many schools: one chance in 5,000 a day to guess one of all their links."""

WRONG_CODES_OF_SUBJECT: Final = Limit(name="code-subject", most=20, window=DAY)
"""The same for one mailbox, from a network known to it, or from all the others together."""

WRONG_CODES_FROM_STRANGERS: Final = Limit(name="code-strangers", most=200, window=DAY)
"""The same for all mailboxes, from networks that they do not know. Beyond, a link still opens where it was asked."""

_OF_CLIENTS: Final = (
    LINKS_OF_CLIENT, FAILED_OPENINGS, FAILED_TOKENS, FAILED_RETURNS, REFUSED_IDENTITIES, FORGED_FORMS, FORBIDDEN,
    REFUSED_CALLS, WRONG_CODES_OF_CLIENT,
)  # fmt: skip

_OF_VISITORS: Final = (*_OF_CLIENTS, WRONG_CODES_OF_BROWSER)
"""Those of which anybody may make as many as they like: they have a ceiling."""

OF_SUBJECTS: Final = (
    LINKS_OF_SUBJECT, LINKS_OF_SUBJECT_A_DAY, LINKS_FROM_STRANGERS, LINKS_FROM_STRANGERS_A_DAY
)  # fmt: skip

_OF_FACTORS: Final = (FACTOR_TRIES, FACTOR_TRIES_A_DAY)

_OTHERS: Final = (COMMANDS_OF_TOKEN, WRONG_CODES_OF_SUBJECT, WRONG_CODES_FROM_STRANGERS, *_OF_FACTORS)

_IS_OVER: Final = TRIES.c.ends_at <= bindparam("now")

_IS_OF_VISITOR: Final = TRIES.c.limit_name.in_([limit.name for limit in _OF_VISITORS])

_VISITORS_COUNTS: Final = select(func.count()).where(_IS_OF_VISITOR)

HAS_OVER: Final = or_(exists().where(_IS_OVER), _VISITORS_COUNTS.scalar_subquery() > bindparam("most_counts"))
"""The condition under which ``close_windows`` finds anything at ``now``; ``most_counts``: see ``MOST_COUNTS``."""

_MOST: Final = {limit.name: limit.most for limit in (*_OF_VISITORS, *OF_SUBJECTS, *_OTHERS)}


class RateLimiter:
    """Counts tries, one row for each key and window. A key is a keyed digest: no address is read back, nor guessed.

    What is refused to a network has its address beside its digest, until the window is over (R108).
    """

    def __init__(self, hasher: JournalHasher) -> None:
        self._hasher = hasher

    def hit(self, connection: Connection, limit: Limit, subject: str, now: datetime, number: int = 1) -> bool:
        """Count tries and return True when they are allowed. Refused ones are counted apart, in the same row."""
        origin = current_origin()
        network, browser = subject if limit in _OF_CLIENTS else "", origin.browser if origin else ""
        bearable = 0 if limit.are_failures else limit.most
        is_refused = number > bearable
        values = {
            "new_key": self._key(limit.name, subject), "new_end": limit.ends_at(now), "new_limit": limit.name,
            "number": number, "refused_at_first": number if is_refused else 0, "bearable": bearable,
            "refused_network": network, "network_at_first": network if is_refused else "",
            "refused_browser": browser, "browser_at_first": browser if is_refused else "",
        }  # fmt: skip
        counted_tries = int(connection.execute(_counting(connection.dialect.name), values).scalar_one())
        if limit.are_failures and counted_tries == number:  # the first of this network: the journal tells it later
            after_commit(connection, lambda: write_line("try_refused", "refused", now, limit=limit.name))
        return counted_tries <= limit.most

    def forgive(self, connection: Connection, limit: Limit, subject: str, now: datetime) -> None:
        """Take back a try that was counted and turned out to be right."""
        this = (TRIES.c.key == self._key(limit.name, subject), TRIES.c.ends_at == limit.ends_at(now))
        connection.execute(update(TRIES).where(*this).values(tries=TRIES.c.tries - 1))

    def is_reached(self, connection: Connection, limit: Limit, subject: str, now: datetime) -> bool:
        """Return True when one try more would be refused."""
        key, ends_at = self._key(limit.name, subject), limit.ends_at(now)
        query = select(TRIES.c.tries).where(TRIES.c.key == key, TRIES.c.ends_at == ends_at)
        return (connection.execute(query).scalar_one_or_none() or 0) >= limit.most

    def remember_network(self, connection: Connection, subject: str, network: str, now: datetime) -> None:
        """Remember that somebody has signed in to this subject from this network: strangers take nothing from it."""
        self._remember(connection, _KNOWN, f"{subject}\n{network}", now + KNOWN_FOR)

    def is_known(self, connection: Connection, subject: str, network: str, now: datetime) -> bool:
        """Return True when somebody has signed in to this subject from this network lately."""
        return self._is_remembered(connection, _KNOWN, f"{subject}\n{network}", now)

    def remember_browser(self, connection: Connection, address: str, device: str, now: datetime) -> bool:
        """Remember the browser in which this person signs in; return True when it was known for them (R107).

        ``device``: the secret of the browser's own cookie, empty for one that has none.
        """
        if not device:
            return False
        about = f"{address}\n{device}"
        is_known = self._is_remembered(connection, _KNOWN_BROWSER, about, now)
        self._remember(connection, _KNOWN_BROWSER, about, now + BROWSER_KNOWN_FOR)
        return is_known

    def _remember(self, connection: Connection, name: str, about: str, until: datetime) -> None:
        key = self._key(name, about)
        connection.execute(delete(TRIES).where(TRIES.c.key == key))
        row = {"key": key, "ends_at": until, "limit_name": name, "tries": 0, "refused": 0}
        connection.execute(insert_new(connection, TRIES).values(row))

    def _is_remembered(self, connection: Connection, name: str, about: str, now: datetime) -> bool:
        query = select(TRIES.c.key).where(TRIES.c.key == self._key(name, about), TRIES.c.ends_at > now)
        return connection.execute(query).first() is not None

    def spend(self, connection: Connection, name: str, secret: str, ends_at: datetime) -> bool:
        """Use up what serves once until ``ends_at``; return False when it was used already, by any machine (R101)."""
        row = {"key": self._key(name, secret), "ends_at": ends_at, "limit_name": name, "tries": 0, "refused": 0}
        stored = connection.execute(insert_new(connection, TRIES).values(row).returning(TRIES.c.key))
        return stored.first() is not None

    def _key(self, name: str, subject: str) -> str:
        return self._hasher.digest(f"{name}\n{subject}")


@cache
def _counting(dialect: str) -> Any:
    """The statement that counts tries, made once for each database: a page asks for up to five."""
    tries = TRIES.c.tries + bindparam("number", type_=Integer)
    is_refused = tries > bindparam("bearable", type_=Integer)
    return (
        dialect_insert(dialect, TRIES)
        .values(
            key=bindparam("new_key"), ends_at=bindparam("new_end"), limit_name=bindparam("new_limit"),
            tries=bindparam("number"), refused=bindparam("refused_at_first"), network=bindparam("network_at_first"),
            browser=bindparam("browser_at_first"),
        )
        .on_conflict_do_update(
            index_elements=["key", "ends_at"],
            set_={
                "tries": tries,
                "refused": TRIES.c.refused + case((is_refused, bindparam("number", type_=Integer)), else_=0),
                "network": case((is_refused, bindparam("refused_network", type_=Text)), else_=TRIES.c.network),
                "browser": case((is_refused, bindparam("refused_browser", type_=Text)), else_=TRIES.c.browser),
            },
        )
        .returning(TRIES.c.tries)
    )  # fmt: skip


class RefusalCounts:
    """Counts what a page or the API has refused already, by network: one row a window, one event (R75, R108)."""

    def __init__(self, database: Database, clock: Clock, hasher: JournalHasher) -> None:
        self._database, self._clock, self._limiter = database, clock, RateLimiter(hasher)

    def count(self, limit: Limit, client: str, number: int = 1) -> None:
        """Count refusals. A database that does not answer changes nothing of it: it is not counted."""
        with suppress(DatabaseTrouble), self._database.write() as connection:
            self._limiter.hit(connection, limit, network_of(client), self._clock.now(), number)


def close_windows(connection: Connection, hasher: JournalHasher, now: datetime) -> None:
    """Delete the counts of the windows that are over; the journal keeps what was refused, without the subjects (R75).

    One event for each limit and window, however many tries were refused; the networks they came from are kept apart,
    for a time (R108).
    """
    columns = (TRIES.c.limit_name, TRIES.c.ends_at, TRIES.c.refused, TRIES.c.network, TRIES.c.browser)
    refused: dict[tuple[datetime, str], list[Origin]] = {}
    over = delete(TRIES).where(_IS_OVER, TRIES.c.refused > 0).returning(*columns)
    for row in connection.execute(over, {"now": now}):
        refused.setdefault((row.ends_at, row.limit_name), []).append(Origin(row.network, row.browser, row.refused))
    actor = chain.schedule_actor_in(connection) if refused else None
    for (_, name), origins in sorted(refused.items(), key=itemgetter(0)):
        total = sum(origin.times for origin in origins)
        data: dict[str, Scalar] = {"limit": name, "most": _MOST[name], "subjects": len(origins), "refused": total}
        known = [origin for origin in origins if origin.network]
        if actor:
            chain.record(connection, hasher, "door_refused", actor, now, data, origins=known)
    connection.execute(delete(TRIES).where(_IS_OVER), {"now": now})
    excess = connection.execute(_VISITORS_COUNTS).scalar_one() - MOST_COUNTS
    if excess > 0:
        lowest = select(TRIES.c.key).where(_IS_OF_VISITOR).order_by(TRIES.c.tries, TRIES.c.key).limit(excess)
        connection.execute(delete(TRIES).where(TRIES.c.key.in_(lowest)))
