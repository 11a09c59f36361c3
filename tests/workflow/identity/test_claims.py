"""What the claims of an identity make of somebody (R103)."""

from collections.abc import Collection, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.vocabulary import Role
from workflow.identity.claims import (
    BindingNeeded,
    IdentityRefusal,
    IdentityRefused,
    IdentityUser,
    KnownEstablishment,
    Resolution,
    read_claims,
    resolve,
)
from workflow.settings.sign_in import ClaimNamesSettings, IdentityMappingSettings

pytestmark = pytest.mark.rule("R103")

LYCEE, COLLEGE, CLOSED, ELSEWHERE = "0310001H", "0310002J", "0310003K", "0590121L"
SIRET = "19310001800015"
DIRECTORY = (
    KnownEstablishment(LYCEE, SIRET), KnownEstablishment(COLLEGE, SIRET),
    KnownEstablishment(CLOSED, SIRET, is_open=False),
)  # fmt: skip
PEOPLE = {"operateur@ac-toulouse.fr": Role.OPERATOR, "drane@ac-toulouse.fr": Role.READER}


def rne(uai: str, *parts: str) -> str:
    return "$".join((uai, "UAJ", "PU", "N", "T3", "LYC", "340", *parts))


def find_member(mail: str) -> tuple[Role, str] | None:
    known = mail.strip().casefold()
    return (PEOPLE[known], known) if known in PEOPLE else None


def find_establishments(uais: Collection[str], sirets: Collection[str]) -> Sequence[KnownEstablishment]:
    return [place for place in DIRECTORY if place.uai in uais or place.siret in sirets]


def resolved(claims: Mapping[str, object], *, deputy_may_act: bool = True, **mapping: object) -> Resolution:
    return resolve(
        claims, IdentityMappingSettings.model_validate(mapping), find_member, find_establishments,
        deputy_may_act=deputy_may_act,
    )  # fmt: skip


def chef(responsibility: object, **claims: object) -> dict[str, object]:
    return {
        "FrEduFonctAdm": "DIR",
        "FrEduRneResp": responsibility,
        "given_name": "CLAIRE",
        "usual_name": "MARTIN",
        **claims,
    }


@pytest.mark.parametrize(
    ("responsibility", "uais"),
    [
        (rne(LYCEE), (LYCEE,)),
        ([rne(LYCEE)], (LYCEE,)),
        (f"{rne(LYCEE)},{rne(COLLEGE)}", (LYCEE, COLLEGE)),
        (f"{rne(LYCEE)};{rne(COLLEGE)}", (LYCEE, COLLEGE)),
        ([rne(COLLEGE), rne(LYCEE), rne(LYCEE)], (LYCEE, COLLEGE)),
        ([rne(LYCEE), "X", None, 7], (LYCEE,)),
        (rne(LYCEE.lower()), (LYCEE,)),
        (LYCEE, (LYCEE,)),
        (f"{rne(LYCEE)}, {rne(ELSEWHERE)},{rne(CLOSED)}", (LYCEE,)),
        ([rne(LYCEE), rne(COLLEGE, "8")], (LYCEE,)),
    ],
)
def test_resolve__a_chef_has_the_open_establishments_that_it_is_responsible_for(
    responsibility: object, uais: tuple[str, ...]
) -> None:
    assert resolved(chef(responsibility)) == IdentityUser(
        role=Role.CHEF, subjects=uais, name="Claire Martin", asks_function=True
    )


def test_resolve__names_below_attributes_and_in_other_forms_are_the_same_names() -> None:
    nested = {"id": "c.martin", "attributes": {"fr_edu_rne_resp": rne(LYCEE), "fr_edu_fonct_adm": ["DIR"]}}
    user = resolved(nested)
    assert isinstance(user, IdentityUser)
    assert user.subjects == (LYCEE,)
    above = nested | {"FrEduRneResp": "X"}
    assert resolved(above) == IdentityRefused(code=IdentityRefusal.NO_ESTABLISHMENT)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        (chef("X"), IdentityRefusal.NO_ESTABLISHMENT),
        (chef([]), IdentityRefusal.NO_ESTABLISHMENT),
        ({"FrEduFonctAdm": "DIR"}, IdentityRefusal.NO_ESTABLISHMENT),
        ({"FrEduFonctAdm": "DIR", "FrEduRne": rne(LYCEE, "8")}, IdentityRefusal.NO_ESTABLISHMENT),
        ({"FrEduRneResp": "X"}, IdentityRefusal.NO_ESTABLISHMENT),
        (chef(rne(ELSEWHERE)), IdentityRefusal.UNKNOWN_ESTABLISHMENT),
        (chef(rne(CLOSED)), IdentityRefusal.CLOSED_ESTABLISHMENT),
        (chef(rne(LYCEE, "8")), IdentityRefusal.UNREADABLE),
        (chef("???"), IdentityRefusal.UNREADABLE),
        ({"FrEduFonctAdm": "ENS", "FrEduRneResp": rne(LYCEE)}, IdentityRefusal.NOT_CHEF),
        ({"FrEduFonctAdm": "X", "FrEduRneResp": "X"}, IdentityRefusal.NOT_CHEF),
    ],
)
def test_resolve__what_opens_nothing_says_why(claims: Mapping[str, object], code: IdentityRefusal) -> None:
    result = resolved(claims)
    assert isinstance(result, IdentityRefused)
    assert result.code is code


@pytest.mark.parametrize(
    ("mapping", "claims", "role", "is_asked"),
    [
        ({}, {}, Role.CHEF, True),
        ({"deputy_functions": ["ADJ"]}, {}, Role.CHEF, False),
        ({"deputy_functions": ["ADJ"]}, {"FrEduFonctAdm": "adj"}, Role.DEPUTY, False),
        ({"deputy_groups": ["adjoints"]}, {"ctgrps": "agents,Adjoints"}, Role.DEPUTY, False),
        ({"deputy_groups": ["adjoints"]}, {"ctgrps": "agents"}, Role.CHEF, False),
    ],
)
@pytest.mark.rule("R4")
def test_resolve__a_deputy_is_told_by_the_settings_or_asked(
    mapping: dict[str, object], claims: dict[str, object], role: Role, is_asked: bool
) -> None:
    user = resolved(chef(rne(LYCEE), **claims), **mapping)  # type: ignore[arg-type]
    assert isinstance(user, IdentityUser)
    assert (user.role, user.asks_function) == (role, is_asked)
    if role is Role.DEPUTY:
        refused = resolved(chef(rne(LYCEE), **claims), deputy_may_act=False, **mapping)
        assert isinstance(refused, IdentityRefused)
        assert refused.code is IdentityRefusal.DEPUTY


def test_resolve__an_operator_is_a_person_of_the_settings_and_no_group_makes_one() -> None:
    operator = {"email": "Operateur@ac-toulouse.fr", "groups": ["agents"]}
    assert resolved(operator) == IdentityUser(
        role=Role.OPERATOR, subjects=("operateur@ac-toulouse.fr",), mail="Operateur@ac-toulouse.fr"
    )
    stranger = {"email": "autre@ac-toulouse.fr", "groups": ["oda-operateurs"]}
    assert isinstance(resolved(stranger, operator_groups=["oda-operateurs"]), BindingNeeded)
    outside = resolved(operator, operator_groups=["oda-operateurs"])
    assert isinstance(outside, IdentityRefused)
    assert outside.code is IdentityRefusal.NOT_IN_GROUP
    inside = operator | {"groups": ["agents", "ODA-operateurs"]}
    assert isinstance(resolved(inside, operator_groups=["oda-operateurs"]), IdentityUser)


@pytest.mark.parametrize(
    "doubt", [{"email_verified": False}, {"email_verified": "false"}, {"email": ["operateur@ac-toulouse.fr", "b@c.fr"]}]
)
def test_resolve__an_address_that_nobody_vouches_for_makes_no_operator(doubt: dict[str, object]) -> None:
    assert isinstance(resolved({"email": "operateur@ac-toulouse.fr"} | doubt), BindingNeeded)


def test_resolve__an_address_counts_only_as_verified_where_its_provider_is_not_trusted_for_it() -> None:
    operator = {"email": "operateur@ac-toulouse.fr"}
    mapping = IdentityMappingSettings()
    doubtful = resolve(operator, mapping, find_member, find_establishments, trusts_mail=False)
    sure = resolve(operator | {"email_verified": True}, mapping, find_member, find_establishments, trusts_mail=False)
    assert isinstance(doubtful, BindingNeeded)
    assert isinstance(sure, IdentityUser)


def test_resolve__an_agent_without_function_is_to_be_bound_and_the_siret_only_proposes() -> None:
    agent = {"email": "c.martin@ac-toulouse.fr", "given_name": "Claire", "usual_name": "Martin", "siret": SIRET}
    assert resolved(agent) == BindingNeeded(
        name="Claire Martin", mail="c.martin@ac-toulouse.fr", proposed=(LYCEE, COLLEGE)
    )
    assert resolved({"FrEduRneResp": rne(LYCEE)}) == BindingNeeded(proposed=(LYCEE,))
    refused = resolved(agent, binding=False)
    assert isinstance(refused, IdentityRefused)
    assert refused.code is IdentityRefusal.NO_FUNCTION


@pytest.mark.rule("R103", "R110")
def test_read_claims__what_is_not_asked_for_is_dropped() -> None:
    claims = chef(rne(LYCEE), employeeNumber="123456", birthdate="1970-01-01", FrEduRneDateNaissance="01/01/1970")
    assert "123456" not in repr(read_claims(claims, ClaimNamesSettings()))
    assert "1970" not in repr(read_claims(claims, ClaimNamesSettings()))


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["X", "DIR", LYCEE, rne(LYCEE), rne(COLLEGE.lower()), rne(LYCEE, "8"), f"{rne(LYCEE)},X", SIRET]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=8), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["FrEduFonctAdm", "FrEduRneResp", "fr_edu_rne_resp", "groups", "siret", "email", "email_verified", "given_name",
     "usual_name", "attributes", "employeeNumber"]
)  # fmt: skip


@given(st.dictionaries(st.one_of(NAMES, st.text(max_size=8)), VALUES, max_size=8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_resolve__whatever_is_claimed_it_raises_nothing_and_gives_only_what_was_named(
    claims: dict[str, object], deputy_may_act: bool
) -> None:
    result = resolved(claims, deputy_may_act=deputy_may_act)
    text = repr(claims).upper()
    if isinstance(result, IdentityUser) and result.role in (Role.CHEF, Role.DEPUTY):
        assert all(uai in text for uai in result.subjects)
        assert CLOSED not in result.subjects
    if isinstance(result, BindingNeeded):
        assert all(uai in text or SIRET in text for uai in result.proposed)
