"""All that an operator can do of a request in his own name, by the address of its page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from portal.web.actions.model import Action
from portal.web.actions.operator_checks import CHECKS
from portal.web.actions.operator_closing import CLOSING
from portal.web.actions.operator_codes import CODES

OPERATOR_ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {action.slug: action for action in (*CHECKS, *CODES, *CLOSING)}
)
