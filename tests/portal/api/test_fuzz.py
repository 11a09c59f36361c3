"""What schemathesis draws from the description, on one database: no 500, and every answer is as described.

The seed is fixed and printed; ``ODA_API_FUZZ_SEED`` and ``ODA_API_FUZZ_EXAMPLES`` change what is drawn, and how much.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, STAFF
from tests.portal.api.conftest import PREFIX, Api, open_api
from workflow.auth.sessions import SessionUser

SEED = int(os.environ.get("ODA_API_FUZZ_SEED", "20260914"))
EXAMPLES = int(os.environ.get("ODA_API_FUZZ_EXAMPLES", "8"))

ITS_NAME = "\nportal:\n  address: http://testserver\n"
"""Under which schemathesis asks, and the portal answers under its own name alone."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Requests at every step, so that something is found."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with fresh_url("sqlite", folder) as url, open_api(folder, url, ITS_NAME) as api:
        api.portal.declared(1)
        api.portal.submitted(2)
        api.portal.checked(3)
        api.portal.issued(4)
        yield api


@pytest.mark.parametrize(
    ("senders", "mode"), [((STAFF, CHEF), "positive"), ((STAFF,), "negative")], ids=["right", "wrong"]
)
def test_interface__answers_as_described_whatever_is_sent(
    api: Api, senders: tuple[SessionUser, ...], mode: str
) -> None:
    """What is drawn is sent by each of them in turn: drawing takes longer than sending."""
    import schemathesis  # a second of every process that collects these tests
    from schemathesis import checks
    from schemathesis.core.result import Ok
    from schemathesis.generation.modes import GenerationMode
    from schemathesis.specs.openapi import checks as openapi

    required = [
        checks.not_a_server_error, openapi.status_code_conformance, openapi.content_type_conformance,
        openapi.response_headers_conformance, openapi.response_schema_conformance, openapi.negative_data_rejection,
    ]  # fmt: skip
    print(f"ODA_API_FUZZ_SEED={SEED}")
    schema = schemathesis.openapi.from_asgi(f"{PREFIX}/openapi.json", api.portal.asgi)
    tokens = {sender.role: api.token(sender) for sender in senders}
    known = [f"ODA-2027-0000{number}" for number in range(1, 5)]
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @seed(SEED)
        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(
            case=operation.as_strategy(generation_mode=GenerationMode(mode)), reference=st.sampled_from(["", *known])
        )
        def sent(case: Any, reference: str) -> None:
            if reference and mode == "positive" and "reference" in (case.path_parameters or {}):
                case.path_parameters["reference"] = reference
            for role, token in tokens.items():
                try:
                    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=required)
                except (Exception, BaseExceptionGroup) as error:
                    error.add_note(f"sent by: {role.label}")
                    raise

        sent()
