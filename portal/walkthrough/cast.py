"""The people of the story, as the installation knows them."""

from dataclasses import dataclass
from typing import Self

from portal.walkthrough import story
from portal.walkthrough.stage import Player
from states.vocabulary import Channel
from workflow.app import House
from workflow.journal import installation


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts; the chefs need the directory to be there."""

    chef: Player
    other_chef: Player
    operator: Player
    schedule: Player

    @classmethod
    def of(cls, house: House) -> Self:
        """The players of an installation whose directory was imported."""
        return cls(
            chef=_chef(house, story.UAI, story.CHEF),
            other_chef=_chef(house, story.OTHER_UAI, story.OTHER_CHEF),
            operator=operator_of(house),
            schedule=Player(installation.schedule_actor(house.database)),
        )


def operator_of(house: House) -> Player:
    """The operator of the settings, who is there before any directory."""
    return Player(house.people.operator(story.OPERATOR, Channel.CLI))


def _chef(house: House, uai: str, name: str) -> Player:
    return Player(house.people.chef([uai], Channel.CLI, name=name), f"chef:{uai}", name)
