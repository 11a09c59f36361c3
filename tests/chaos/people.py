"""Chefs and operators of the campaign: threads that act through the API as real clients do, each from its own seed.

Each action has an idempotency key; what no answer came for is sent again with the same key, seldom given up. What was
answered is written in the ledger, for the journal to be compared with it.
"""

import http.client
import json
import random
import string
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from states.school_calendar import SchoolCalendar
from tests.chaos.relay import CODE_BEGINS
from tests.kit.system import nom_of

PATIENCE_S: Final = 10
"""How long a client waits for an answer before it sends again."""

_LETTERS: Final = string.ascii_letters + string.digits
_CHEF: Final = {
    "delegate": 8, "sign_charter": 8, "submit": 12, "confirm_handover": 5, "report_change": 0.3, "answer_question": 6,
    "amend": 0.3, "take_back": 0.1, "withdraw": 0.1, "renew": 0.02,
}  # fmt: skip
_OPERATOR: Final = {
    "check_listing": 2, "check_delegation": 2, "issue_code": 1, "reissue_code": 1, "revoke": 0.7, "send_back": 0.5,
    "ask_question": 0.4, "settle_change": 4, "confirm_removal": 6, "reopen_removal": 0.3, "take_back_code": 0.3,
    "confirm_expiry": 0.3,
}  # fmt: skip
_STATES: Final = (
    "requested",
    "requested",
    "requested",
    "requested",
    "code_issued",
    "code_issued",
    "revoked",
    "revoked",
)


@dataclass
class Attempt:
    """One action as its author saw it. ``status`` None: no answer ever came; ``cuts``: sendings without an answer."""

    key: str
    trigger: str
    reference: str | None
    code: str = ""
    mail: str = ""
    status: int | None = None
    version: int | None = None
    cuts: int = 0


@dataclass
class Ledger:
    """What all have done and been answered."""

    attempts: list[Attempt] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, attempt: Attempt) -> None:
        with self._lock:
            self.attempts.append(attempt)

    def odd(self, oddity: str) -> None:
        with self._lock:
            self.oddities.append(oddity)

    def count(self, counter: Counter[str], name: str) -> None:
        with self._lock:
            counter[name] += 1


@dataclass(frozen=True)
class Place:
    """Where the portal is, and when it is there."""

    port: int
    shift: float
    calendar: SchoolCalendar
    ledger: Ledger

    def today(self) -> date:
        """The académie's day in the campaign's present."""
        return self.calendar.today(datetime.now(UTC) + timedelta(seconds=self.shift))


class Person(threading.Thread):
    """Acts until told to ``leave``; what it has sent is then followed to its answer."""

    def __init__(self, name: str, seed: str, place: Place, token: str, pause: tuple[float, float]) -> None:
        super().__init__(name=name, daemon=True)
        self.draw = random.Random(f"{seed}:{name}")
        self._place, self._token, self._pause = place, token, pause
        self._leaving = threading.Event()
        self._last = threading.Event()
        self._number = 0

    def leave(self) -> None:
        """Begin nothing more."""
        self._leaving.set()

    def give_up(self) -> None:
        """Wait for no answer any more."""
        self._last.set()

    def run(self) -> None:
        while not self._leaving.wait(self.draw.uniform(*self._pause)):
            try:
                self.act()
            except Exception as error:  # a person whose program breaks is an oddity of the campaign, to be read
                self._place.ledger.odd(f"{self.name}: {type(error).__name__} {error}")
                return

    def act(self) -> None:
        raise NotImplementedError

    def read(self, path: str) -> Any:
        """What the API shows; None when it does not answer."""
        try:
            status, body = self._call("GET", path, None, {})
        except (OSError, http.client.HTTPException):
            return None
        if status == 500:
            self._place.ledger.odd(f"GET {path}: 500")
        return body if status == 200 else None

    def send(self, trigger: str, reference: str | None, body: dict[str, Any]) -> Attempt:
        """Do an action, sent again as long as nothing is answered."""
        self._number += 1
        attempt = Attempt(
            f"{self.name}-{self._number}", trigger, reference, code=body.get("code", ""), mail=body.get("mail", "")
        )
        ledger = self._place.ledger
        ledger.begin(attempt)
        path = "/requests" if reference is None else f"/requests/{reference}/{trigger.replace('_', '-')}"
        while True:
            try:
                status, answer = self._call("POST", path, body, {"Idempotency-Key": attempt.key})
            except (OSError, http.client.HTTPException) as error:
                attempt.cuts += 1
                ledger.count(ledger.cuts, type(error).__name__)
                if self.draw.random() < 0.05 or self._last.wait(self.draw.uniform(0.2, 0.8)):
                    return attempt
                continue
            if status == 503:
                attempt.cuts += 1
                ledger.count(ledger.cuts, "503")
                if self._last.wait(self.draw.uniform(0.2, 0.8)):
                    return attempt
                continue
            self._answered(attempt, status, answer)
            if status in (200, 201) and self.draw.random() < 0.05:
                self._double(attempt, path, body)
            return attempt

    def _answered(self, attempt: Attempt, status: int, answer: Any) -> None:
        ledger = self._place.ledger
        attempt.status = status
        if status in (200, 201):
            attempt.reference, attempt.version = answer["reference"], answer["version"]
            if answer["replayed"] and not attempt.cuts:
                ledger.odd(f"{attempt.key}: replayed, and it was sent once")
        elif status == 500:
            ledger.odd(f"{attempt.key} {attempt.trigger}: 500")
        else:
            for reason in answer.get("reasons", [{"code": f"HTTP {status}"}]):
                ledger.count(ledger.refusals, f"{attempt.trigger}: {reason['code']}")

    def _double(self, attempt: Attempt, path: str, body: dict[str, Any]) -> None:
        """A double click: the same answer again, and nothing done."""
        try:
            status, answer = self._call("POST", path, body, {"Idempotency-Key": attempt.key})
        except (OSError, http.client.HTTPException):
            return
        if status in (200, 201):
            again = answer["reference"], answer["version"], answer["replayed"]
            if again != (attempt.reference, attempt.version, True):
                self._place.ledger.odd(f"{attempt.key}: done {attempt.reference} {attempt.version}, then {again}")
        elif status not in (429, 503):
            self._place.ledger.odd(f"{attempt.key}: done, and a double click is answered {status}")

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._place.port, timeout=PATIENCE_S)
        known = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1{path}", content, known | headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except ValueError as error:
            raise http.client.HTTPException from error
        finally:
            connection.close()

    def follow(self, reference: str, wishes: dict[str, float]) -> None:
        """Do one of the possible actions of a request."""
        possible = self.read(f"/requests/{reference}/possible-actions")
        open_now = [action["trigger"] for action in possible["actions"]] if possible else []
        wanted = [trigger for trigger in open_now if trigger in wishes]
        if wanted and self.draw.random() < 2 * sum(wishes[trigger] for trigger in wanted):
            (trigger,) = self.draw.choices(wanted, [wishes[trigger] for trigger in wanted])
            body = self.body(trigger, reference)
            if self.draw.random() < 0.3:
                body["expected_version"] = possible["version"]
            self.send(trigger, reference, body)

    def body(self, trigger: str, reference: str) -> dict[str, Any]:
        """What this action says."""
        today, draw = self._place.today().isoformat(), self.draw
        match trigger:
            case "delegate":
                return {"why": "accueil des familles", "made_on": today}
            case "sign_charter":
                return {"signed_on": today, "version": "2026-1", "copy_kept": True}
            case "check_listing" | "check_delegation":
                outcome = "positive" if draw.random() < 0.97 else "negative"
                return {"outcome": outcome, "source": "liste du jour"}
            case "issue_code":
                return {"code": self._new_code(), "new_key_confirmed": True}
            case "reissue_code":
                reason = draw.choice(["not_received", "lost", "pin_forgotten", "typing_error"])
                return {"code": self._new_code(), "reason": reason, "new_key_confirmed": True}
            case "confirm_handover":
                return {"handed_on": today}
            case "report_change":
                change = draw.choice(["mission", "departure", "absence", "code_not_received", "key_compromised"])
                return {"change": change, "effective_on": today, "note": "à voir"}
            case "settle_change":
                return {"settlement": "no_effect", "why": "rien à changer"}
            case "send_back":
                return {"step": draw.choice(["declaration", "delegation", "charter"]), "why": "à revoir"}
            case "revoke":
                return {"reason": draw.choice(["departure", "mission", "not_needed", "compromise"])}
            case "withdraw":
                return {"reason": "not_needed"}
            case "confirm_removal":
                return {"outcome": draw.choice(["removed", "absent", "kept"])}
            case "reopen_removal":
                return {"why": "confirmé par erreur"}
            case "ask_question":
                return {"question": "est-ce bien cette personne ?"}
            case "answer_question":
                return {"answer": "oui"}
            case "amend":
                return {"drane_declared_on": today}
        return {}

    def _new_code(self) -> str:
        return CODE_BEGINS + "".join(self.draw.choices(_LETTERS, k=8))


class Chef(Person):
    """Declares RUPN of an establishment and follows their requests."""

    def __init__(self, uai: str, first: int, *arguments: Any) -> None:
        super().__init__(f"chef-{uai}", *arguments)
        self.uai, self._next = uai, first
        self._people: dict[str, dict[str, str]] = {}

    def act(self) -> None:
        if len(self._people) < 4 or self.draw.random() < 0.12:
            self._declare()
        elif self._people:
            newest = list(self._people)[-12:]
            self.follow(self.draw.choice(newest), _CHEF)

    def _declare(self) -> None:
        self._next += 1
        who = {"nom": nom_of(self._next), "prenom": "Zoé", "mail": f"rupn{self._next}@ac-toulouse.fr"}
        year = self.draw.choice([None, None, "2026-2027", "2027-2028"])
        done = self.send("declare", None, {"uai": self.uai, "school_year": year, **who})
        if done.reference:
            self._people[done.reference] = who

    def body(self, trigger: str, reference: str) -> dict[str, Any]:
        return dict(self._people[reference]) if trigger == "submit" else super().body(trigger, reference)


class Operator(Person):
    """Checks what comes, issues codes, settles and revokes."""

    def act(self) -> None:
        state = self.draw.choice(_STATES)
        late = "&removal_open=true" if state == "revoked" else ""
        page = self.read(f"/requests?state={state}{late}&limit=50")
        if not page or not page["items"]:
            return
        reference = self.draw.choice(page["items"])["reference"]
        if state == "requested" and self.draw.random() < 0.9:
            self._handle(reference)
        else:
            self.follow(reference, _OPERATOR)

    def _handle(self, reference: str) -> None:
        """The next step of a request that was sent: a check that is missing, else its code."""
        known = self.read(f"/requests/{reference}")
        if known and known["state"] == "requested":
            missing = [f"check_{name}" for name, check in known["checks"].items() if check is None]
            trigger = missing[0] if missing else "issue_code"
            self.send(trigger, reference, self.body(trigger, reference))
