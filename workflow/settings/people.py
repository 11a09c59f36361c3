"""Who operates, who reads, and who acts from the command line."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from notifications.settings import MailAddress, OneLine, Section, refusal, refusals
from states.words import fold_mail


def _each_once(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({fold_mail(address): address for address in reversed(addresses)}.values())[::-1]


Addresses = Annotated[tuple[MailAddress, ...], AfterValidator(_each_once)]


class PeopleSettings(Section):
    """The rectorat's people, by address; an establishment's come from the directory (R2, R4)."""

    operators: Addresses = Field(
        min_length=1, description="Adresses des opérateurs du rectorat, qui traitent les demandes."
    )
    readers: Addresses = Field((), description="Adresses de qui voit tout et ne change rien (DRANE).")
    deputy_may_act: bool = Field(True, description="Un adjoint agit comme le chef d'établissement (R4).")
    accounts: dict[OneLine, MailAddress] = Field(
        default_factory=dict,
        description="Compte système du serveur : adresse de l'opérateur au nom de qui sa ligne de commande agit.",
    )

    @field_validator("accounts")
    @classmethod
    def _accounts_are_operators(cls, accounts: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if "operators" not in info.data:
            return accounts
        known = {fold_mail(address) for address in info.data["operators"]}
        found = [
            (account, refusal(f"« {address} » n'est pas dans people.operators"))
            for account, address in accounts.items()
            if fold_mail(address) not in known
        ]
        if found:
            raise refusals(found)
        return accounts

    def operator_of(self, account: str) -> str | None:
        """The operator's address for whom this system account acts; None when it is nobody's."""
        return self.accounts.get(account)
