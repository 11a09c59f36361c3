"""The story performed: each action goes through the engine, each mail over the wire, and what must be is checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from notifications.rendering.typography import NBSP
from notifications.vocabulary import Kind
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.request.execute import sentence
from portal.walkthrough import story
from portal.walkthrough.post import Letter, Post
from portal.walkthrough.screen import Screen
from portal.walkthrough.shell import Words, folded, request_line
from states import french
from states.commands import Command
from states.decision import Refused
from states.model import Actor
from states.vocabulary import State
from workflow.app import App
from workflow.engine.engine import Done
from workflow.requests.detail import facts_of
from workflow.requests.next_actions import next_step

WHOLE: Final = (Kind.DECLARED, Kind.CODE_ISSUED, Kind.YEAR_END, Kind.YEAR_END_REPORT)
"""The mails that are shown from the first line to the last."""
LONGEST: Final = 240
"""What is shown at most of the others, in characters."""


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody of the story: the actor, what ``--as`` names him if it must, and what he says of himself."""

    actor: Actor
    as_: str = ""
    name: str = ""

    @property
    def title(self) -> str:
        role = self.actor.role.label
        return f"{self.name}, {role}" if self.name else f"{role[0].upper()}{role[1:]}"


class Stage:
    """Moves the clock, acts, delivers, and stops at the first thing that is not as it should be."""

    def __init__(self, app: App, clock: story.StoryClock, post: Post, screen: Screen) -> None:
        self.app, self.post, self.screen = app, post, screen
        self.accepted = self.refusals = self.revoked = 0
        self.current = "l'installation"
        self._clock = clock

    def scene(self, when: datetime, who: Player, what: str) -> None:
        """Go to that instant of the story."""
        self._clock.move(when)
        moment = french.instant(when, story.ZONE)
        self.current = f"{moment} : {what}"
        self.screen.scene(moment, who.title, who.actor.role, what)

    def pass_schedule(self, when: datetime) -> None:
        """One tick of a service that lives, in which nothing is to be revoked."""
        self._clock.move(when)
        self.current = french.instant(when, story.ZONE)
        ticked = self.app.ticker.tick()
        self.require(not (ticked.revoked or ticked.held), "l'échéancier révoque ou retient une fin d'année")
        self.receive()

    def type(self, line: Sequence[Words]) -> None:
        """Show a command of the shell."""
        self.screen.command(folded(line, self.screen.width - 4))

    def do(self, who: Player, command: Command, state: State, *kinds: Kind, typed: str = "") -> str:
        """An action that must be accepted, lead to ``state`` and bring these mails; returns the reference.

        ``typed`` is what the shell then asks for and does not show.
        """
        done = self.act(who, command, typed)
        self.require(done.state is state, f"la demande est « {done.state.label} »")
        self.screen.done(sentence(done))
        self.screen.chain(done.state)
        self._follow(done.reference)
        self.receive(*kinds)
        return done.reference

    def act(self, who: Player, command: Command, typed: str = "") -> Done:
        """Show the command and execute it."""
        self._type(who, command, typed)
        result = self.app.engine.execute([command], who.actor)[0]
        if isinstance(result, Refused):
            raise self.derailed(f"elle est refusée : {result}")
        self.accepted += 1
        return result

    def be_refused(self, who: Player, command: Command, typed: str = "") -> None:
        """An action that must be refused, with all its reasons (R7)."""
        self._type(who, command, typed)
        result = self.app.engine.execute([command], who.actor)[0]
        if not isinstance(result, Refused):
            raise self.derailed("elle est acceptée, alors que les règles l'interdisent")
        self.refusals += 1
        told = [(f"{reason.message} ({reason.rule}).", reason.remedy) for reason in result.reasons]
        self.screen.refused("Refusé, rien n'a changé.", told)
        self.receive()

    def receive(self, *kinds: Kind) -> list[Letter]:
        """Show the mails that arrive, among which one of each of these kinds must be."""
        letters = self.post.deliver()
        arrived = {letter.mail.kind for letter in letters}
        missing = [f"« {kind.label} »" for kind in kinds if kind not in arrived]
        self.require(not missing, f"il manque le courriel {french.listing(missing)}")
        waiting = self.post.waiting()
        self.require(not waiting, f"des courriels n'arrivent pas ({'; '.join(waiting)})")
        for letter in letters:
            self._show(letter)
        return letters

    def require(self, as_it_should: bool, otherwise: str) -> None:
        """Stop the story unless this holds; ``otherwise`` is a French clause."""
        if not as_it_should:
            raise self.derailed(otherwise)

    def derailed(self, why: str) -> CliFailure:
        """The failure that names the step."""
        return CliFailure("La démonstration s'arrête.", ExitCode.INTERNAL, [f"Étape : {self.current}", f"Or {why}."])

    def _type(self, who: Player, command: Command, typed: str) -> None:
        self.type(request_line(who.as_, command, who.name))
        if typed:
            self.screen.say(typed, "dim", first="    ")

    def _follow(self, reference: str) -> None:
        app = self.app
        with app.database.read() as connection:
            step = next_step(facts_of(connection, reference, app.mailer), app.policy, app.clock.now())
        told = f"{step.what} ({step.who.label})" if step else "rien, personne n'est attendu."
        self.screen.say(f"Ensuite : {told}", "dim", first="    ")

    def _show(self, letter: Letter) -> None:
        if letter.mail.kind in WHOLE and letter.mail.uai in (story.UAI, None):
            headers = [("De", letter.header("From")), ("À", letter.recipient), ("Objet", letter.subject)]
            code = story.CODE if story.CODE in letter.received.text else ""
            self.screen.sheet("Courriel reçu", headers, letter.received.text, code)
        else:
            opening = letter.opening
            begun = opening if len(opening) <= LONGEST else opening[:LONGEST].rsplit(" ", 1)[0]
            self.screen.slip(f"Courriel reçu par {letter.recipient}", [letter.subject, f"{begun}{NBSP}[…]"])
