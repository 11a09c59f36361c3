"""A question to the establishment, and its answer: they change no state (R90)."""

from collections.abc import Iterator
from typing import Any

from states import refusals
from states.commands import AnswerQuestion, AskQuestion
from states.decision import Case, Outcome
from states.model import Request
from states.refusals import Reason
from states.rules.fields import text_problems
from states.validation import clean_text
from states.vocabulary import Role, State, Trigger


def check_ask(case: Case[AskQuestion]) -> Iterator[Reason]:
    yield from text_problems("question", "La question", "R90", case.command.question)
    if case.request.question_is_open:
        yield refusals.question_already_open()


def apply_ask(case: Case[AskQuestion]) -> Outcome:
    return Outcome(
        request=case.request.with_(question_asked_at=case.now, question_answered_at=None),
        target=case.request.state,
        notes={"question": clean_text(case.command.question)},
    )


def check_answer(case: Case[AnswerQuestion]) -> Iterator[Reason]:
    yield from text_problems("answer", "La réponse", "R90", case.command.answer)
    if not case.request.question_is_open:
        yield refusals.no_question_open()


def apply_answer(case: Case[AnswerQuestion]) -> Outcome:
    return Outcome(
        request=case.request.with_(question_answered_at=case.now),
        target=case.request.state,
        notes={"answer": clean_text(case.command.answer)},
    )


def without_settled_question(case: Case[Any], request: Request, target: State) -> Request:
    """The request once this is done: no question outlives it, and an operator who goes on has read the answer.

    What is done at the establishment's request, or of a whole list for the DRANE, says nothing of what the rectorat has
    read.
    """
    goes_on = case.command.on_behalf is None and case.command.trigger is not Trigger.SEND_TO_DRANE
    has_gone_on = case.actor.role is Role.OPERATOR and goes_on and request.question_answered_at
    if request.question_asked_at is not None and (target is State.REVOKED or has_gone_on):
        return request.with_(question_asked_at=None, question_answered_at=None)
    return request
