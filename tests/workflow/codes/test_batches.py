"""Codes drawn in a batch, on both databases: nobody is written to before they are on the server (R97)."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from states import commands as c
from states.decision import Refused
from states.vocabulary import CheckOutcome, ReissueReason, RevokeReason, Step, WithdrawReason
from tests.kit import drawn_codes as kit
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import SEPTEMBER
from workflow.codes.batches import Drawing, UnknownBatch, draw_codes, drawings_anew, erase_codes, send_codes
from workflow.codes.reading import CodesFileRefused
from workflow.engine.engine import Done, Result


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = kit.drawing_system(database_url, SEPTEMBER)
    yield system
    system.close()


def ready(system: System, *numbers: int) -> list[str]:
    return [system.issued(number, only_ready=True) for number in numbers]


def reasons_of(result: object) -> list[str]:
    return [reason.code for reason in result.reasons] if isinstance(result, Refused) else []


def send(system: System, number: int, *references: str, key: str = "send") -> dict[str, Result]:
    return dict(send_codes(system.engine, number, references, system.actors["opérateur"], key=key))


@pytest.mark.rule("R97", "R60")
def test_batch__drawn_taken_sent(system: System) -> None:
    references = ready(system, 1, 2, 3)
    drawn = kit.draw(system, *references)
    assert drawn.number is not None
    assert system.mails("code_issued") == []
    assert {system.state(reference) for reference in references} == {"requested"}
    codes = kit.codes(system)
    assert set(codes) == set(references)
    assert len(set(codes.values())) == 3

    file = kit.take(system, drawn.number)
    lines = file.content.decode("utf-8-sig").splitlines()
    assert [line.rpartition(";")[2] for line in lines[1:]] == [codes[reference] for reference in sorted(references)]
    assert codes[references[0]] not in repr(file)

    results = send(system, drawn.number, *references)
    assert all(isinstance(result, Done) for result in results.values())
    assert {system.state(reference) for reference in references} == {"code_issued"}
    assert len(system.mails("code_issued")) == 3
    assert kit.codes(system) == codes, "the code that was in the file is the one that leaves"
    view = kit.batch(system, drawn.number)
    assert not view.is_open
    assert (view.size, view.downloads, view.done_by) == (3, 1, "opérateur")
    assert system.flaws() == []


@pytest.mark.rule("R97", "R9", "R10")
def test_batch__nobody_draws_nor_sends_twice(system: System) -> None:
    (reference,) = ready(system, 1)
    first = kit.draw(system, reference)
    codes = kit.codes(system)
    again = kit.draw(system, reference)
    assert (again.number, again.replayed) == (first.number, True)
    other = kit.draw(system, reference, key="another tab")
    assert other.number is None
    assert reasons_of(other.results[reference]) == ["code_already_drawn"]
    assert "opérateur" in str(other.results[reference])
    assert kit.codes(system) == codes
    assert first.number is not None
    assert reasons_of(send(system, first.number, reference)[reference]) == ["file_not_taken"]
    kit.take(system, first.number)
    assert isinstance(send(system, first.number, reference)[reference], Done)
    repeated = send(system, first.number, reference)[reference]
    assert isinstance(repeated, Done)
    assert repeated.replayed
    late = send(system, first.number, reference, key="another tab")[reference]
    assert reasons_of(late) == ["wrong_state"]
    assert len(system.mails("code_issued")) == 1


@pytest.mark.rule("R97")
def test_file__taken_again_only_for_a_reason(system: System) -> None:
    number = kit.draw(system, *ready(system, 1, 2)).number
    assert number is not None
    first = kit.take(system, number)
    assert kit.take(system, number).content == first.content, "a double click"
    with pytest.raises(CodesFileRefused) as refused:
        kit.take(system, number, key="later")
    assert refused.value.again
    assert "opérateur" in str(refused.value)
    assert kit.take(system, number, key="later", why="la console a refusé le fichier").content == first.content
    assert kit.batch(system, number).downloads == 3
    with pytest.raises(UnknownBatch):
        kit.take(system, number + 1)
    assert system.flaws() == []


@pytest.mark.rule("R97")
def test_batch__what_failed_is_erased_or_drawn_anew(system: System) -> None:
    erased, anew, sent = ready(system, 1, 2, 3)
    number = kit.draw(system, erased, anew, sent).number
    assert number is not None
    before = kit.codes(system)
    kit.take(system, number)
    results = erase_codes(system.engine, number, [erased], system.actors["opérateur"], key="erase")
    assert isinstance(results[erased], Done)
    assert system.state(erased) == "requested"
    with system.database.read() as connection:
        drawings = drawings_anew(connection, number, [anew])
    second = draw_codes(system.engine, drawings, system.actors["opérateur"], key="anew")
    assert second.number not in (None, number)
    after = kit.codes(system)
    assert set(after) == {anew, sent}
    assert after[anew] != before[anew]
    assert after[sent] == before[sent]
    assert kit.batch(system, number).waiting == (sent,)
    assert reasons_of(send(system, number, anew)[anew]) == ["file_not_taken"], "the new code is in no file yet"
    assert isinstance(send(system, number, sent)[sent], Done)
    assert system.leaks() == []
    assert isinstance(kit.draw(system, erased, key="again").number, int)


@pytest.mark.rule("R97", "R61")
@pytest.mark.parametrize(
    ("end", "who", "state"),
    [
        (lambda ref: c.Revoke(reference=ref, reason=RevokeReason.DEPARTURE), "opérateur", "revoked"),
        (lambda ref: c.Withdraw(reference=ref, reason=WithdrawReason.NOT_NEEDED), "chef A", "revoked"),
        (lambda ref: c.SendBack(reference=ref, step=Step.CHARTER, why="à refaire"), "opérateur", "delegated"),
    ],
    ids=["revoke", "withdraw", "send back"],
)
def test_end__erases_a_code_that_waits(
    system: System, end: Callable[[str], c.Command], who: str, state: str
) -> None:  # fmt: skip
    (reference,) = ready(system, 1)
    number = kit.draw(system, reference).number
    system.accept(end(reference), who)
    assert system.state(reference) == state
    assert kit.codes(system) == {}
    assert number is not None
    assert not kit.batch(system, number).is_open
    assert system.flaws() == []


@pytest.mark.rule("R97", "R61")
def test_end__kept_too_long_is_to_be_drawn_anew(system: System) -> None:
    (reference,) = ready(system, 1)
    number = kit.draw(system, reference).number
    assert number is not None
    kit.take(system, number)
    system.clock.set(SEPTEMBER + timedelta(days=31))
    system.tick()
    assert kit.codes(system) == {}
    assert "drawn_code_erased" in reasons_of(send(system, number, reference)[reference])
    check = CheckOutcome.POSITIVE
    system.accept(c.CheckListing(reference=reference, outcome=check, source="liste"), "opérateur")
    system.accept(c.CheckDelegation(reference=reference, outcome=check, source="liste"), "opérateur")
    assert isinstance(kit.draw(system, reference, key="again").results[reference], Done)


@pytest.mark.rule("R97", "R39", "R42")
def test_draw__refused_one_by_one(system: System) -> None:
    fine, unchecked = ready(system, 1, 2)
    negative = c.CheckListing(reference=unchecked, outcome=CheckOutcome.NEGATIVE, source="liste")
    system.accept(negative, "opérateur")
    results = kit.draw(system, fine, unchecked, "ODA-2027-09999").results
    assert isinstance(results[fine], Done)
    assert reasons_of(results[unchecked]) == ["check_negative"]
    assert reasons_of(results["ODA-2027-09999"]) == ["unknown_request"]
    typed = c.IssueCode(reference=fine, code=c.Code(clear="Ab12Cd34"))
    assert reasons_of(system.do(typed, system.actors["opérateur"])) == ["code_already_drawn"]


@pytest.mark.rule("R97", "R44")
def test_reissue__drawn_too(system: System) -> None:
    reference = system.issued(1)
    actor = system.actors["opérateur"]
    refused = draw_codes(system.engine, [Drawing(reference=reference)], actor, key="without")
    assert reasons_of(refused.results[reference]) == ["reissue_reason_missing"]
    drawing = Drawing(reference=reference, reason=ReissueReason.LOST)
    number = draw_codes(system.engine, [drawing], actor, key="with").number
    assert number is not None
    assert system.leaks() == []
    kit.take(system, number)
    assert isinstance(send(system, number, reference)[reference], Done)
    assert len(system.mails("code_reissued")) == 1
    assert set(kit.codes(system)) == {reference}
    assert system.flaws() == []
