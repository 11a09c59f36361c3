"""What a batch of commands knows, and what of it one decision may look at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from states.commands import Amend, Command, Declare, Expire, IssueCode, OnRequest
from states.facts import Establishment, Facts, LastEvent, Removal, Report, Request
from states.vocabulary import CodeFate
from states.words import fold_mail, normalise_uai, person_key
from workflow.journal import Link


@dataclass
class Known:
    """What a batch knows; it grows as its commands are decided, so that each sees the ones before it."""

    establishments: dict[str, Establishment] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    lasts: dict[str, LastEvent] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    reports: dict[str, tuple[Report, ...]] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)
    fates: dict[str, CodeFate] = field(default_factory=dict)
    people: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, request: Request) -> None:
        """A request, new or changed, found afterwards by its person."""
        self.requests[request.reference] = request
        for key in (f"p:{request.person}", f"m:{request.folded_mail}"):
            references = self.people.setdefault(key, [])
            if request.reference not in references:
                references.append(request.reference)

    def others(self, identities: Iterable[tuple[str, str]], but: str) -> tuple[Request, ...]:
        """The live requests of (person, folded mail) pairs, but one."""
        keys = [key for person, mail in identities for key in (f"p:{person}", f"m:{mail}")]
        references = {r for key in keys for r in self.people.get(key, ()) if r != but}
        return tuple(r for r in (self.requests[name] for name in sorted(references)) if r.is_live)

    def facts(self, command: Command) -> Facts:
        """What one command's decision may look at."""
        if not isinstance(command, OnRequest):
            uai = normalise_uai(getattr(command, "uai", ""))
            return Facts(
                establishment=self.establishments.get(uai), others=self.others(identities_of(command, None), "")
            )
        request = self.requests.get(command.reference)
        if request is None:
            return Facts(establishment=None)
        reference = request.reference
        extends = command.extends if isinstance(command, IssueCode) else None
        people = [] if isinstance(command, Expire) else identities_of(command, request)
        return Facts(
            establishment=self.establishments.get(request.uai),
            request=request,
            others=self.others(people, reference) if people else (),
            reports=self.reports.get(reference, ()),
            removal=self.removals.get(reference),
            last=self.lasts.get(reference),
            code_fate=self.fates.get(reference, CodeFate.NONE),
            extended=self.requests.get(extends) if extends else None,
            extended_removal=self.removals.get(extends) if extends else None,
            extended_reports=self.reports.get(extends, ()) if extends else (),
        )


def identities_of(command: Command, request: Any) -> list[tuple[str, str]]:
    """The (person, folded mail) pairs whose other requests matter to a command; ``request`` may be a row of it."""
    found = [(person_key(request.nom, request.prenom), fold_mail(request.mail))] if request else []
    if isinstance(command, Declare):
        found.append((person_key(command.nom, command.prenom), fold_mail(command.mail)))
    if isinstance(command, Amend) and request:
        nom, prenom = command.nom or request.nom, command.prenom or request.prenom
        found.append((person_key(nom, prenom), fold_mail(command.mail or request.mail)))
    return found
