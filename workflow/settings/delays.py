"""Lists of delays in days, each once and in their order."""

from collections.abc import Callable
from typing import Final

from pydantic import AfterValidator

from notifications.settings import refusal

MAX_DELAYS: Final = 10
Delays = tuple[int, ...]


def _in_order(*, descending: bool, example: str) -> Callable[[Delays], Delays]:
    def check(values: Delays) -> Delays:
        if list(values) != sorted(set(values), reverse=descending):
            way = "grand au plus petit" if descending else "petit au plus grand"
            raise refusal(f"ces délais doivent aller du plus {way}, chacun une seule fois", f"par exemple {example}")
        return values

    return check


Ascending: Final = AfterValidator(_in_order(descending=False, example="[7, 14, 30], ou [] pour aucun rappel"))
Descending: Final = AfterValidator(_in_order(descending=True, example="[30, 7], ou [] pour aucune annonce"))
