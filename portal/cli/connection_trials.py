"""``oda check-config --connect``: the database, the relay, each provider, tried at once and bounded in time."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from workflow.settings.model import Settings

TRIAL_S: Final = 20
"""Seconds of a trial, whatever it waits for; all run at the same time."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a trial has shown: ``remedy`` is empty when all is well, else what to do."""

    name: str
    text: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        return not self.remedy


class TrialUnfit(Exception):
    """A trial that did not succeed; ``remedy`` is what to do, both in French."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


Trial = Callable[[], str]
"""Tries something; returns what was seen, in French. Raises TrialUnfit."""


def try_connections(settings: "Settings", seconds: float = TRIAL_S) -> list[TrialResult]:
    """Try everything that these settings connect to, at the same time; nothing is written, no mail leaves."""
    trials: list[tuple[str, Trial]] = [
        ("Base de données", lambda: _try_database(settings)), ("Relais", lambda: _try_relay(settings)),
        *((provider.label, _provider_trial(settings, provider.name)) for provider in settings.sign_in.providers),
    ]  # fmt: skip
    return run_trials(trials, seconds)


def run_trials(trials: list[tuple[str, Trial]], seconds: float) -> list[TrialResult]:
    """Run them in threads that end with the process: one that never answers keeps nobody waiting longer than that."""
    results: dict[int, TrialResult] = {}
    threads = [
        Thread(target=_run, args=(results, number, name, trial), daemon=True)
        for number, (name, trial) in enumerate(trials)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    silent = f"pas de réponse en {seconds:g} secondes"
    remedy = "vérifier l'adresse, et que le pare-feu laisse passer cette machine"
    return [results.get(number, TrialResult(name, silent, remedy)) for number, (name, _) in enumerate(trials)]


def _run(results: dict[int, TrialResult], number: int, name: str, trial: Trial) -> None:
    try:
        results[number] = TrialResult(name, trial())
    except TrialUnfit as unfit:
        results[number] = TrialResult(name, str(unfit), unfit.remedy)
    except Exception as error:  # its class alone: a text may hold an address or a secret
        results[number] = TrialResult(name, f"essai interrompu ({type(error).__name__})", "lire le journal du système")


def _try_database(settings: "Settings") -> str:
    from sqlalchemy.exc import SQLAlchemyError

    from notifications.ports import DatabaseTrouble
    from workflow.app import open_database
    from workflow.database import schema
    from workflow.database.connection import FileMissing, SharedFile
    from workflow.database.faults import DatabaseFault, fault_of
    from workflow.journal import installation
    from workflow.journal.chain import JournalHasher
    from workflow.settings.secrets import SecretError, Secrets

    try:
        key = Secrets(settings.secrets_directory, os.environ).read("journal-key").get_secret_value()
        database = open_database(settings, os.environ)
        try:
            with database.read() as connection:
                schema.require_current(connection)
                installation.check_key(connection, JournalHasher(key.encode()))
        finally:
            database.dispose()
    except SecretError as error:
        raise TrialUnfit(str(error), "déposer ce secret, puis recommencer") from None
    except (
        FileMissing, SharedFile, schema.SchemaAhead, schema.SchemaBehind, installation.NotInstalled,
        installation.OtherInstallation,
    ) as error:  # fmt: skip
        message, _, remedy = " ".join((type(error).__doc__ or "").split()).partition(" : ")
        raise TrialUnfit(message, remedy.rstrip(".")) from None
    except (DatabaseTrouble, SQLAlchemyError) as error:
        fault = getattr(error, "fault", None) or fault_of(getattr(error, "orig", None)) or DatabaseFault.UNREACHABLE
        raise TrialUnfit(fault.message, fault.remedy) from None
    return "elle répond, à la version de ce logiciel"


def _try_relay(settings: "Settings") -> str:
    from notifications.delivery.probe import Probe, ProbeFailed
    from workflow.settings.secrets import SMTP_PASSWORD, SecretError, Secrets

    async def steps(probe: Probe) -> list[str]:
        return [result.text async for result in probe.steps() if result.is_alarming]

    try:
        password = Secrets(settings.secrets_directory, os.environ).find(SMTP_PASSWORD)
        alarming = asyncio.run(steps(Probe(settings.mail, password.get_secret_value() if password else None)))
    except SecretError as error:
        raise TrialUnfit(str(error), "déposer ce secret, puis recommencer") from None
    except ProbeFailed as failure:
        raise TrialUnfit(f"étape « {failure.step.label} » : {failure.reply}", failure.remedy) from None
    return "; ".join(["il prend les courriels de cet expéditeur", *alarming])


def _provider_trial(settings: "Settings", name: str) -> Trial:
    def trial() -> str:
        from notifications.ports import SystemClock
        from workflow.identity.provider_trial import ProviderUnfit, try_provider
        from workflow.settings.secrets import Secrets

        provider = settings.sign_in.provider(name)
        if provider is None:
            raise TrialUnfit("il n'est plus dans les réglages", "recommencer")
        try:
            return try_provider(provider, Secrets(settings.secrets_directory, os.environ), SystemClock().now())
        except ProviderUnfit as unfit:
            raise TrialUnfit(str(unfit), unfit.remedy) from None

    return trial
