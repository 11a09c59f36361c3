"""A rectorat at work on a database: requests brought to any state by the engine itself, then read."""

from base64 import b64encode
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, update

from notifications.encryption import Sealer
from notifications.mailer import Mailer
from notifications.messages.catalogue import MailContext
from notifications.outbox.store import MAILS
from notifications.settings import MailSettings
from notifications.vocabulary import CODE_KINDS, Fault, Stage
from states import commands as c
from states.model import Actor
from states.vocabulary import CheckOutcome, RevokeReason, Role, State
from tests.kit import factories as make
from tests.kit.clock import FakeClock
from workflow.app import install
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT
from workflow.engine.engine import Done, Engine
from workflow.journal.chain import JournalHasher, actor_number
from workflow.requests.detail import RequestView, show_request
from workflow.requests.filters import Filters
from workflow.requests.lists import list_requests

UAI, OTHER = make.UAI, make.OTHER_UAI
LYCEE = "0120003C"
_SCHOOLS = ((UAI, "Collège Jean-Moulin", "31"), (OTHER, "Lycée Voltaire", "75"), (LYCEE, "Lycée Monteil", "12"))
_RELAY = {"host": "localhost"}
_MAIL = MailSettings.model_validate(
    {"sender": "oda@ac-toulouse.fr", "operators_mailbox": "oda@ac-toulouse.fr", "signature": "ODA", "contact": "ici",
     "relay": _RELAY}
)  # fmt: skip
_HERE = MailContext(
    academie="Toulouse", timezone=ZoneInfo("Europe/Paris"), signature="ODA", contact="ici", charter_version="2026-1",
    delegce_module="EduConnect",
)  # fmt: skip


class Office:
    """An installation with three establishments, an operator and a chef of the first one."""

    def __init__(self, database: Database, engine: Engine | None = None, mailer: Mailer | None = None) -> None:
        """``engine`` and ``mailer`` are those of an app, when the command line works on the same installation."""
        self.database = database
        self.clock = FakeClock(make.NOW)
        self.policy = make.policy()
        self.mailer = mailer or Mailer(_MAIL, _HERE, Sealer([b64encode(b"k" * 32).decode()]))
        self.engine = engine or self._engine()
        rows = [
            {"uai": uai, "nom": nom, "kind": "", "commune": "Toulouse", "departement": departement, "is_open": True,
             "is_listed": True, "mailbox": f"ce.{uai.lower()}@ac-toulouse.fr"}
            for uai, nom, departement in _SCHOOLS
        ]  # fmt: skip
        with database.write() as connection:
            connection.execute(insert(ESTABLISHMENT), rows)
        self.operator = self._actor(Role.OPERATOR, "op@ac-toulouse.fr")
        self.reader = self._actor(Role.READER, "drane@ac-toulouse.fr")
        self.chef = self._actor(Role.CHEF, "Bernard Castaing", UAI)

    def _engine(self) -> Engine:
        hasher = JournalHasher(b"k" * 32)
        install(self.database, hasher, self.clock)
        return Engine(self.database, self.clock, hasher, self.policy, self.mailer)

    def _actor(self, role: Role, label: str, *uais: str) -> Actor:
        number = actor_number(self.database, self.engine.hasher, self.clock, f"{role}:{label}", label)
        return Actor(role=role, number=number, label=label, establishments=frozenset(uais))

    def do(self, *commands: c.Command, by: Actor | None = None) -> Done:
        """Execute, all of it accepted; the last result."""
        done = self.engine.execute(commands, by or self.operator)
        assert all(isinstance(result, Done) for result in done), done
        last = done[-1]
        assert isinstance(last, Done)
        return last

    def declare(self, uai: str = UAI, **changes: Any) -> str:
        """A declared request, by the chef's own demand."""
        fields = {"uai": uai, "nom": make.NOM, "prenom": make.PRENOM, "mail": make.MAIL, **changes}
        return self.do(c.Declare(**fields, on_behalf=make.on_behalf())).reference

    def request(self, state: State = State.REQUESTED, uai: str = UAI, **changes: Any) -> str:
        """A request in that state, every step before it done in one batch; a revoked one had its code."""
        reference = self.declare(uai, **changes)
        who: dict[str, Any] = {"nom": make.NOM, "prenom": make.PRENOM, "mail": make.MAIL}
        who |= {name: changes[name] for name in who if name in changes}
        on: dict[str, Any] = {"reference": reference}
        chef = on | {"on_behalf": make.on_behalf()}
        check: dict[str, Any] = {"outcome": CheckOutcome.POSITIVE, "source": "liste du 5 octobre"}
        steps: dict[State, tuple[c.Command, ...]] = {
            State.DECLARED: (),
            State.DELEGATED: (c.Delegate(**chef, why="aide aux parents", made_on=date(2026, 9, 15)),),
            State.CHARTER_SIGNED: (
                c.SignCharter(**chef, signed_on=date(2026, 9, 20), version="2026-1", copy_kept=True),
            ),
            State.REQUESTED: (c.Submit(**chef, **who),),
            State.CODE_ISSUED: (
                c.CheckListing(**on, **check), c.CheckDelegation(**on, **check),
                c.IssueCode(**on, code=c.Code(clear=make.CODE), new_key_confirmed=True),
            ),
            State.REVOKED: (c.Revoke(**on, reason=RevokeReason.DEPARTURE, note="fin\nde mission"),),
        }  # fmt: skip
        order = list(State)
        todo = [command for step in order[: order.index(state) + 1] for command in steps[step]]
        if todo:
            self.do(*todo)
        return reference

    def mail_becomes(self, stage: Stage, reference: str) -> None:
        """What the dispatcher would have written of a code's mail."""
        codes = [kind.value for kind in CODE_KINDS]
        fault = Fault.RECIPIENT_REFUSED.value if stage is Stage.DEAD else None
        values = {"stage": stage.value, "fault": fault, "next_attempt_at": None}
        query = update(MAILS).where(MAILS.c.reference == reference, MAILS.c.kind.in_(codes))
        with self.database.write() as connection:
            connection.execute(query.values(values))

    def listed(self, scope: Actor | None = None, /, *, after: str | None = None, limit: int = 50,
               **filters: Any) -> list[str]:  # fmt: skip
        """The references of a page."""
        with self.database.read() as connection:
            page = list_requests(
                connection, Filters(**filters), scope or self.operator, self.policy.calendar, after=after, limit=limit
            )
        return [line.reference for line in page.lines]

    def find_view(self, reference: str, scope: Actor | None = None) -> RequestView | None:
        with self.database.read() as connection:
            return show_request(
                connection, reference, scope or self.operator, self.policy, self.mailer, self.clock.now()
            )

    def view(self, reference: str, scope: Actor | None = None) -> RequestView:
        """The same, which must be there."""
        view = self.find_view(reference, scope)
        assert view is not None
        return view
