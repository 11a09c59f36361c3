"""A link is of the browser that asked for it; its six digits are typed there alone (R104)."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.kit.portal import Portal
from tests.kit.sign_in import installation_events, link_mails, secrets_of
from workflow.auth import sign_in_links
from workflow.auth.rate_limit import (
    WRONG_CODES_FROM_STRANGERS,
    WRONG_CODES_OF_BROWSER,
    WRONG_CODES_OF_CLIENT,
    WRONG_CODES_OF_SUBJECT,
    Limit,
)
from workflow.auth.sessions import AskedElsewhere, LinkDead, SignInResult, TooManyTries, WrongCode
from workflow.auth.sign_in_links import LinkRequest, code_of
from workflow.database.access_tables import LINKS, TRIES
from workflow.journal.chain import shortened
from workflow.settings.secrets import digest

SCHOOL, OTHER, NOBODYS = "0310001H", "0310002J", "9999999P"
MINE, HIS = "m" * 43, "h" * 43
CLIENT = "192.0.2.77"


def ask(portal: Portal, uai: str = SCHOOL, browser: str = MINE, client: str = CLIENT) -> str:
    """Ask for a link; its secret, empty for one of nobody."""
    before = len(secrets_of(portal.app))
    portal.context.links.send_to_establishment(uai, LinkRequest(client=client, browser=browser, browser_name="Firefox"))
    secrets = secrets_of(portal.app)
    return secrets[-1] if len(secrets) > before else ""


def wrong(secret: str) -> str:
    """Six digits that are not this link's."""
    return f"{(int(code_of(secret)) + 1) % 10**6:06}" if secret else "000000"


def type_code(portal: Portal, code: str, browser: str = MINE, client: str = CLIENT, cookie: str = "") -> SignInResult:
    return portal.context.sign_in.sign_in_by_code(code, client=client, browser=browser, cookie=cookie)


def outcomes(portal: Portal, codes: list[str], browser: str = MINE, client: str = CLIENT) -> list[str]:
    names = []
    for code in codes:
        try:
            names.append(type(type_code(portal, code, browser, client)).__name__)
        except (WrongCode, TooManyTries) as refused:
            names.append(type(refused).__name__)
    return names


def tries(portal: Portal, name: str) -> list[int]:
    with portal.app.database.read() as connection:
        query = select(TRIES.c.tries).where(TRIES.c.limit_name == name).order_by(TRIES.c.tries)
        return list(connection.execute(query).scalars())


@pytest.mark.rule("R104")
def test_link__of_another_browser_opens_nothing_and_stays(portal: Portal) -> None:
    secret, sign_in = ask(portal), portal.context.sign_in
    for browser in ("", HIS):
        for _ in range(12):  # it is no failed try either
            with pytest.raises(AskedElsewhere):
                sign_in.sign_in(secret, client=CLIENT, browser=browser)
    assert installation_events(portal.app, "signed_in") == []
    assert sign_in.sign_in(secret, client=CLIENT, browser=MINE).session_user.uais == (SCHOOL,)


@pytest.mark.rule("R104")
def test_code__of_the_link_signs_in_where_it_was_asked_and_ends_it(portal: Portal) -> None:
    secret = ask(portal)
    preview = portal.context.links.preview(secret, browser=HIS)
    assert preview
    assert (preview.is_here, preview.network, preview.browser_name) == (False, "192.0.2.0/24", "Firefox")
    assert preview.asked_at == portal.clock.now()
    entered = type_code(portal, preview.code)
    assert entered.session_user.uais == (SCHOOL,)
    assert tries(portal, WRONG_CODES_OF_BROWSER.name) == []  # a right one counts for nothing
    with pytest.raises(WrongCode):
        type_code(portal, preview.code)
    with pytest.raises(LinkDead):
        portal.context.sign_in.sign_in(secret, client=CLIENT, browser=MINE)


@pytest.mark.rule("R104")
def test_code__is_worth_nothing_to_a_thief(portal: Portal) -> None:
    code = code_of(ask(portal))
    ask(portal, OTHER, browser=HIS)
    assert outcomes(portal, [code], browser=HIS) == ["WrongCode"]
    assert outcomes(portal, [code], browser="") == ["WrongCode"]
    assert outcomes(portal, [code]) == ["SignInResult"]


@pytest.mark.rule("R104")
def test_code__lives_no_longer_than_its_link(portal: Portal) -> None:
    first = ask(portal)
    portal.clock.advance(minutes=15)
    assert outcomes(portal, [code_of(first)]) == ["WrongCode"]
    older = ask(portal)
    portal.clock.advance(minutes=1)
    newer = ask(portal)
    assert outcomes(portal, [code_of(newer), code_of(older)]) == ["SignInResult", "WrongCode"]


@pytest.mark.rule("R104")
def test_code__of_the_older_link_asked_here_opens_too(portal: Portal) -> None:
    school = ask(portal)
    portal.clock.advance(minutes=1)
    ask(portal, OTHER)
    assert type_code(portal, code_of(school)).session_user.uais == (SCHOOL,)


@pytest.mark.rule("R104", "R74")
@pytest.mark.parametrize("uai", [SCHOOL, NOBODYS])
def test_code__five_wrong_ones_end_the_link_and_the_answer_is_the_same_for_nobody(portal: Portal, uai: str) -> None:
    secret = ask(portal, uai)
    assert outcomes(portal, [wrong(secret)] * 6) == ["WrongCode"] * 4 + ["TooManyTries"] * 2
    assert outcomes(portal, [code_of(secret or "x")]) == ["TooManyTries"]
    if secret:
        with pytest.raises(LinkDead):
            portal.context.sign_in.sign_in(secret, client=CLIENT, browser=MINE)
        assert [mail.stage.value for mail in link_mails(portal.app)] == ["cancelled"]
    again = ask(portal, browser=HIS)  # a browser that asks anew has another cookie
    assert outcomes(portal, [code_of(again)], browser=HIS) == ["SignInResult"]


@pytest.mark.rule("R104")
def test_code__the_fifth_try_still_opens_when_it_is_right(portal: Portal) -> None:
    secret = ask(portal)
    assert outcomes(portal, [wrong(secret)] * 4 + [code_of(secret)]) == ["WrongCode"] * 4 + ["SignInResult"]


@pytest.mark.rule("R104", "R74")
def test_code__wrong_ones_are_counted_for_each_mailbox_and_for_all(portal: Portal) -> None:
    """Guessing many links at once is no cheaper: each link that is compared counts a try."""
    for uai in (SCHOOL, OTHER):
        ask(portal, uai)
    ask(portal, NOBODYS)
    outcomes(portal, ["000000"])
    assert tries(portal, WRONG_CODES_OF_SUBJECT.name) == [1, 1]
    assert tries(portal, WRONG_CODES_FROM_STRANGERS.name) == [2]
    assert tries(portal, WRONG_CODES_OF_CLIENT.name) == [1]


@pytest.mark.rule("R104", "R74")
@pytest.mark.parametrize("limit", [WRONG_CODES_OF_SUBJECT, WRONG_CODES_FROM_STRANGERS, WRONG_CODES_OF_CLIENT])
def test_code__beyond_a_limit_no_guess_is_right_and_the_link_opens_all_the_same(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, limit: Limit
) -> None:
    name = next(name for name in vars(sign_in_links) if getattr(sign_in_links, name) is limit)
    monkeypatch.setattr(sign_in_links, name, replace(limit, most=2))
    away = ask(portal, browser=HIS, client="198.51.100.1" if limit is not WRONG_CODES_OF_CLIENT else CLIENT)
    outcomes(portal, [wrong(away)] * 2, HIS, "198.51.100.1" if limit is not WRONG_CODES_OF_CLIENT else CLIENT)
    secret = ask(portal)
    assert outcomes(portal, [code_of(secret)]) != ["SignInResult"]
    assert portal.context.sign_in.sign_in(secret, client=CLIENT, browser=MINE)


@pytest.mark.rule("R104", "R74")
def test_code__strangers_take_nothing_from_a_network_that_the_mailbox_knows(portal: Portal) -> None:
    type_code(portal, code_of(ask(portal)))
    for number in range(4):
        away = f"198.51.{number}.1"
        secret = ask(portal, browser=HIS[:-1] + str(number), client=away)
        outcomes(portal, [wrong(secret)] * 5, HIS[:-1] + str(number), away)
    assert tries(portal, WRONG_CODES_OF_SUBJECT.name) == [WRONG_CODES_OF_SUBJECT.most]
    assert outcomes(portal, [code_of(ask(portal))]) == ["SignInResult"]


@pytest.mark.rule("R104")
def test_row__tells_neither_the_code_nor_the_browser_nor_the_address(portal: Portal) -> None:
    secret = ask(portal)
    with portal.app.database.read() as connection:
        (link,) = connection.execute(select(LINKS)).all()
    assert link.browser == digest(MINE)
    text = str(link)
    assert not [hidden for hidden in (secret, code_of(secret), MINE, CLIENT) if hidden in text]
    assert link.code_digest != digest(code_of(secret))  # keyed: a million digests do not find it


@pytest.mark.rule("R104")
def test_codes__are_six_digits_spread_over_all_of_them() -> None:
    codes = [code_of(f"secret {number}") for number in range(3000)]
    assert {len(code) for code in codes} == {6}
    assert len(set(codes)) > 2980
    assert {code[0] for code in codes} == set("0123456789")


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"), ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"), ("testclient", ""), ("", ""),
    ],
)  # fmt: skip
@pytest.mark.rule("R104")
def test_network__is_shortened_before_it_is_kept(client: str, network: str) -> None:
    assert shortened(client) == network
