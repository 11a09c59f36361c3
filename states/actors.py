"""Who acts (R2 to R6)."""

from dataclasses import dataclass, field

from states.vocabulary import Channel, RequestedBy, Role


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A person, the schedule or the connector, in one capacity.

    ``number`` is the only thing that the journal keeps (R64); ``establishments`` are the UAI of a chef or a
    deputy; ``name`` is what a chef gives of himself, and tells when the chef has changed (R37).
    """

    role: Role
    number: int
    label: str = ""
    name: str = ""
    establishments: frozenset[str] = field(default_factory=frozenset)
    channel: Channel = Channel.CLI

    @property
    def is_establishment(self) -> bool:
        return self.role in (Role.CHEF, Role.DEPUTY)


@dataclass(frozen=True, kw_only=True)
class OnBehalf:
    """An establishment's request to an operator to act for it: who asked, how, when (ISO day) (R5)."""

    who: str
    how: RequestedBy
    when: str
