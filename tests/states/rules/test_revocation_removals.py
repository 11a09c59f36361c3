"""What is to be done on the ODA server, computed from the person's other requests (R48)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from states.model import Removal, Request
from states.rules.revocation import RemovalTodo, removal_kind, removal_todo
from states.vocabulary import Action, CheckOutcome, RemovalKind, RemovalOutcome, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted

ENDED = f.request(State.REVOKED)
ELSEWHERE = f.other()
HERE_NEXT = f.other(
    uai=f.UAI, reference="ODA-2028-00001", school_year=f.YEAR.next, expires_on=date(2028, 8, 31)
)  # fmt: skip


AFTER_THE_END = datetime(2027, 8, 31, 22, 0, tzinfo=UTC)
RENEWED = f.checked(
    f.request(State.REQUESTED, reference="ODA-2028-00001", school_year=f.YEAR.next, renews=ENDED.reference)
)  # fmt: skip


def todo(
    *others: Request, one_key: bool = True, opened_at: datetime = f.NOW, other_uses: bool = False, of: Request = ENDED
) -> RemovalTodo:
    removal = Removal(RemovalKind.REMOVE_RIGHTS, opened_at=opened_at)
    policy = f.policy(one_key_a_person=one_key, key_has_other_uses=other_uses)
    return removal_todo(of, f.facts(of, others=others, removal=removal), policy)


@pytest.mark.rule("R48")
def test_todo__nobody_else_relies_on_the_key() -> None:
    for others in ((), (f.other(State.REVOKED),)):
        assert todo(*others) == RemovalTodo(Action.REMOVE_KEY)
    for other in (ELSEWHERE, f.other(State.REQUESTED)):
        assert todo(other, one_key=False) == RemovalTodo(Action.REMOVE_KEY)
    assert todo().sentence == "Supprimer la clé."


@pytest.mark.rule("R48")
def test_todo__a_key_that_may_serve_elsewhere_loses_its_rights_alone() -> None:
    assert todo(other_uses=True) == RemovalTodo(Action.REMOVE_RIGHTS)
    assert todo(of=ENDED.with_(key_elsewhere=True)) == RemovalTodo(Action.REMOVE_RIGHTS)
    assert todo(other_uses=True).sentence == "Retirer les droits de la clé."
    assert todo(ELSEWHERE, other_uses=True).action is Action.KEEP_KEY
    assert todo(HERE_NEXT, other_uses=True).action is Action.CHANGE_EXPIRY


@pytest.mark.rule("R49")
def test_todo__knows_the_outcome_of_who_does_exactly_that() -> None:
    assert todo().outcome is RemovalOutcome.REMOVED
    for removal in (todo(other_uses=True), todo(ELSEWHERE), todo(HERE_NEXT)):
        assert removal.outcome is RemovalOutcome.KEPT


@pytest.mark.rule("R48")
def test_todo__another_school_keeps_the_key() -> None:
    removal = todo(ELSEWHERE)
    assert removal == RemovalTodo(Action.KEEP_KEY, (ELSEWHERE.reference,), f.LAST_DAY)
    assert removal.sentence == (
        "Retirer les droits de cet établissement, garder la clé (elle sert à ODA-2027-00077) ;"
        " expiration à porter : 31 août 2027."
    )


@pytest.mark.rule("R48")
def test_todo__the_same_school_next_year_changes_the_date() -> None:
    removal = todo(HERE_NEXT)
    assert removal == RemovalTodo(Action.CHANGE_EXPIRY, (HERE_NEXT.reference,), date(2028, 8, 31))
    assert removal.sentence == (
        "Garder la clé, changer sa date d'expiration (elle sert à ODA-2028-00001) ; expiration à porter : 31 août 2028."
    )


@pytest.mark.rule("R48")
def test_todo__both_the_latest_date_wins() -> None:
    removal = todo(HERE_NEXT, ELSEWHERE)
    assert removal.action is Action.CHANGE_EXPIRY
    assert removal.kept_for == (ELSEWHERE.reference, HERE_NEXT.reference)
    assert removal.expires_on == date(2028, 8, 31)


@pytest.mark.rule("R17", "R48")
def test_todo__known_by_the_name_only_is_to_be_verified() -> None:
    removal = todo(f.other(mail="autre@ac-toulouse.fr"))
    assert removal.to_verify
    assert removal.sentence.endswith(" ; vérifier qu'il s'agit bien de la même personne.")
    assert not todo(f.other(mail=f.MAIL.upper(), nom="Épouse")).to_verify


@pytest.mark.rule("R48")
def test_todo__no_date_known() -> None:
    removal = todo(f.other(expires_on=None))
    assert removal.expires_on is None
    assert "expiration" not in removal.sentence


@pytest.mark.rule("R48")
def test_todo__tells_the_requests_that_follow_without_a_key() -> None:
    next_year = f.other(State.DECLARED, uai=f.UAI, reference="ODA-2028-00001", school_year=f.YEAR.next)
    assert todo(next_year) == RemovalTodo(Action.REMOVE_KEY, following=(next_year.reference,))
    assert todo(next_year).sentence == "Supprimer la clé ; la demande ODA-2028-00001 suit, sans clé pour l'instant."
    both = todo(next_year, f.other(State.REQUESTED)).sentence
    assert both == (
        "Supprimer la clé ; les demandes ODA-2027-00077 et ODA-2028-00001 suivent, sans clé pour l'instant."
    )
    removal = todo(next_year, ELSEWHERE)
    assert (removal.action, removal.kept_for, removal.following) == (
        Action.KEEP_KEY, (ELSEWHERE.reference,), (next_year.reference,)
    )  # fmt: skip
    assert removal.sentence.endswith("2027 ; la demande ODA-2028-00001 suit, sans clé pour l'instant.")
    assert todo(next_year.with_(mail="autre@ac-toulouse.fr")).to_verify


@pytest.mark.rule("R48")
def test_todo__a_verified_renewal_keeps_the_key_of_a_year_that_ended() -> None:
    removal = todo(RENEWED, opened_at=AFTER_THE_END)
    assert removal == RemovalTodo(Action.CHANGE_EXPIRY, (), date(2028, 8, 31), renewed_by=("ODA-2028-00001",))
    assert removal.sentence == (
        "Garder la clé, changer sa date d'expiration ; expiration à porter : 31 août 2028 ; étendre la clé à la demande"
        " ODA-2028-00001, renouvelée et vérifiée."
    )
    assert todo(RENEWED, opened_at=AFTER_THE_END - timedelta(seconds=1)).action is Action.REMOVE_KEY
    assert todo(RENEWED, opened_at=AFTER_THE_END, one_key=False).action is Action.REMOVE_KEY


@pytest.mark.parametrize(
    "renewal",
    [
        RENEWED.with_(listing=None),
        RENEWED.with_(nom="Autre", mail=f.MAIL),
        RENEWED.with_(state=State.CHARTER_SIGNED),
        RENEWED.with_(uai=f.OTHER_UAI),
        RENEWED.with_(school_year=f.YEAR),
    ],
)
@pytest.mark.rule("R35", "R48")
def test_todo__a_renewal_that_is_not_verified_keeps_nothing(renewal: Request) -> None:
    assert todo(renewal, opened_at=AFTER_THE_END).action is Action.REMOVE_KEY


@pytest.mark.rule("R48", "R49")
def test_confirm__kept_for_a_verified_renewal() -> None:
    removal = Removal(RemovalKind.REMOVE_RIGHTS, opened_at=AFTER_THE_END)
    facts = f.facts(ENDED, others=(RENEWED,), removal=removal)
    accepted(facts, f.command(Trigger.CONFIRM_REMOVAL, outcome=RemovalOutcome.KEPT))
    gone = accepted(facts, f.command(Trigger.CONFIRM_REMOVAL, outcome=RemovalOutcome.REMOVED))
    assert "key_awaited" in [warning.code for warning in gone.warnings]


@pytest.mark.rule("R47")
def test_kind__by_what_was_done() -> None:
    assert removal_kind(f.request(State.REQUESTED)) is None
    assert removal_kind(f.request(State.REQUESTED, key_possible=True)) is RemovalKind.KEY_ENABLED
    assert removal_kind(f.request(State.CODE_ISSUED)) is RemovalKind.REMOVE_RIGHTS


@pytest.mark.rule("R47")
def test_kind__remembers_that_both_checks_were_positive_together() -> None:
    negative = {"outcome": CheckOutcome.NEGATIVE}
    request, possible = f.request(State.REQUESTED), []
    for trigger, changes in (
        (Trigger.CHECK_LISTING, {}), (Trigger.CHECK_LISTING, negative), (Trigger.CHECK_DELEGATION, {}),
        (Trigger.CHECK_LISTING, {}), (Trigger.CHECK_DELEGATION, negative), (Trigger.CHECK_LISTING, negative),
    ):  # fmt: skip
        request = accepted(f.facts(request), f.command(trigger, **changes)).request
        possible.append(request.key_possible)
    assert possible == [False, False, False, True, True, True]
    assert removal_kind(request) is RemovalKind.KEY_ENABLED
