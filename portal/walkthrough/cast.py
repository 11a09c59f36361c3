"""The people of the story, as the installation knows them."""

from dataclasses import dataclass
from typing import Self

from portal.walkthrough import story
from portal.walkthrough.stage import Player
from states.vocabulary import Channel
from workflow.app import App
from workflow.journal import installation


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts; the chefs need the directory to be there."""

    chef: Player
    other_chef: Player
    operator: Player
    schedule: Player

    @classmethod
    def of(cls, app: App) -> Self:
        """The players of an installation whose directory was imported."""
        return cls(
            chef=_chef(app, story.UAI, story.CHEF),
            other_chef=_chef(app, story.OTHER_UAI, story.OTHER_CHEF),
            operator=operator_of(app),
            schedule=Player(installation.schedule_actor(app.database)),
        )


def operator_of(app: App) -> Player:
    """The operator of the settings, who is there before any directory."""
    return Player(app.people.operator(story.OPERATOR, Channel.CLI))


def _chef(app: App, uai: str, name: str) -> Player:
    return Player(app.people.chef([uai], Channel.CLI, name=name), f"chef:{uai}", name)
