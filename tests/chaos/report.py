"""The report of a campaign: a text in French for who reads it, a JSON file for who compares."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.chaos.campaign import Outcome
from tests.chaos.invariants import Invariant


def text_of(outcome: Outcome) -> str:
    """The report as a text."""
    plan = outcome.plan
    lines = [
        f"Campagne de chaos : graine {plan.seed}, {plan.database}, {plan.seconds:.0f} s de tempête",
        "",
        f"Verdict : {'tout tient' if outcome.holds else 'des invariants sont rompus'}.",
        f"Durée : {outcome.took:.0f} s en tout, dont {outcome.calm_seconds:.0f} s d'attente au calme ; arrêt le plus"
        f" long : {outcome.slowest_stop:.1f} s.",
        f"Envois douteux, connus comme tels : {outcome.doubtful} ; courriels reçus deux fois : {outcome.doubles}.",
        "",
        "Invariants",
        *(line for invariant in outcome.invariants for line in _of_invariant(invariant)),
    ]
    sections = {
        "Actions faites": outcome.actions, "Réponses": outcome.answers, "Refus": outcome.refusals,
        "Coupures vues par les clients": outcome.cuts, "Ce qui a été infligé": outcome.faults,
        "Courriels": outcome.mails, "Codes de sortie": outcome.endings, "Réponses du relais": outcome.replies,
        "Lignes des journaux": outcome.log_kinds,
    }  # fmt: skip
    for title, counts in sections.items():
        lines += ["", f"{title} ({counts.total()})", *_of_counts(counts)]
    return "\n".join(lines) + "\n"


def _of_invariant(invariant: Invariant) -> list[str]:
    head = f"  {'tient ' if invariant.holds else 'ROMPU '} {invariant.name} ({invariant.tried_on})"
    return [head, *(f"           {breach}" for breach in invariant.breaches[:50])]


def _of_counts(counts: Counter[str]) -> list[str]:
    return [f"  {count:7} {name}" for name, count in counts.most_common(60)]


def write(outcome: Outcome, folder: Path) -> Path:
    """Write ``rapport.txt``, ``rapport.json`` and ``tempete.log`` in a folder; returns the first."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "rapport.txt"
    text.write_text(text_of(outcome), encoding="utf-8")
    invariants = [asdict(invariant) | {"holds": invariant.holds} for invariant in outcome.invariants]
    values = {name: value for name, value in vars(outcome).items() if name not in ("books", "log")}
    values |= {"plan": asdict(outcome.plan), "invariants": invariants, "holds": outcome.holds}
    (folder / "rapport.json").write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / "tempete.log").write_text("\n".join(outcome.log) + "\n", encoding="utf-8")
    return text
