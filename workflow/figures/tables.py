"""The figures as tables, the same for the page, the PDF, the workbook and the command (R99)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from states import french
from states.vocabulary import State
from workflow.figures.account import FiguresAccount, FiguresAt, PlaceFigures
from workflow.figures.counting import CountingRules

ACADEMIE: Final = "Académie"

VIGILANCE, REACHED = "vigilance", "objectif atteint"


class Share(float):
    """A percentage, of 100."""


class Days(float):
    """A delay in days."""


Cell = int | Share | Days | str | None
"""None where there is nothing to count."""


@dataclass(frozen=True, kw_only=True)
class FigureTable:
    """A table of figures: its first column names the rows, the last row is the whole académie's unless ``is_flat``.

    ``key`` is its name for programs, with the keys of its columns; ``note`` says how it is counted.
    """

    key: str
    title: str
    columns: dict[str, str]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    is_flat: bool = False

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(self.columns.values())


def shown(cell: Cell) -> str:
    """The figure as people read it: ``1 204``, ``57,3 %``, ``12,5 jours``; a dash where there is nothing to count."""
    match cell:
        case None:
            return "–"
        case Share():
            return f"{_decimal(cell)} %"
        case Days():
            return f"{_decimal(cell)} {'jour' if cell < 2 else 'jours'}"
        case int():
            return french.number(cell)
    return cell


def _decimal(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    whole, _, tenth = text.partition(".")
    return f"{french.number(int(whole))},{tenth}" if tenth else french.number(int(whole))


def day_of(figures: FiguresAt) -> str:
    """``au 30/11/2026``, the heading of a date."""
    return f"au {figures.day:%d/%m/%Y}"


def tables_of(account: FiguresAccount, rules: CountingRules) -> tuple[FigureTable, ...]:
    """All tables of an account, those of its weeks last; ``rules`` say what is late."""
    states = (_states(account.now, "states"), _states(account.before, "states_before"))
    return (
        _declared(account), _keys(account), _delays(account), _attention(account, rules), _renewals(account), *states,
        _weeks(account),
    )  # fmt: skip


def nothing_declared(figures: FiguresAt) -> str:
    """The sentence of a day before the first declaration of its year."""
    return f"Aucune demande de {figures.school_year} n'était déclarée le {french.day(figures.day)}."


Pair = Callable[[PlaceFigures, PlaceFigures], tuple[Cell, ...]]
"""The cells of a place, from its figures now and before."""


def _table(
    account: FiguresAccount, key: str, title: str, columns: dict[str, str], cells: Pair, note: str
) -> FigureTable:
    rows = [(name, *cells(now, before)) for name, now, before in account.places()]
    rows.append((ACADEMIE, *cells(account.now.academie, account.before.academie)))
    heading = {"departement": "Département"} | {name: text for name, text in columns.items() if text}
    kept = [0, *(rank for rank, text in enumerate(columns.values(), start=1) if text)]
    return FigureTable(
        key=key, title=title, columns=heading, rows=tuple(tuple(row[rank] for rank in kept) for row in rows), note=note
    )


def _declared(account: FiguresAccount) -> FigureTable:
    target = account.targets.declared
    return _table(
        account, "declared", "Établissements qui ont un RUPN déclaré",
        _both(account, "establishments", "Établissements") | {
            "open_establishments": "Établissements ouverts", "share": f"Part {day_of(account.now)}",
            "target": f"Objectif : {target} %" if target else "",
        },
        lambda now, before: (
            before.establishments, now.establishments, now.open_establishments, _share(now.declared_share),
            judged(now.declared_share, target),
        ),
        "Un établissement compte dès qu'une de ses demandes est en cours ce jour-là. Les établissements ouverts sont"
        " ceux de l'annuaire d'aujourd'hui.",
    )  # fmt: skip


def _keys(account: FiguresAccount) -> FigureTable:
    target = account.targets.in_service
    return _table(
        account, "keys", "Codes remis et clés en service",
        _both(account, "handovers", "Codes remis") | _both(account, "in_service", "Clés en service") | {
            "share": f"Part des demandes en cours {day_of(account.now)}",
            "target": f"Objectif : {target} %" if target else "",
        },
        lambda now, before: (
            before.handovers, now.handovers, before.in_service, now.in_service, _share(now.in_service_share),
            judged(now.in_service_share, target),
        ),
        "Un code compte comme remis dès que sa remise en main propre a été confirmée, même si la demande a été révoquée"
        " depuis ; chaque demande compte une fois. Une clé est en service quand son code est remis, ou quand elle a été"
        " étendue, dans une demande en cours.",
    )  # fmt: skip


def _delays(account: FiguresAccount) -> FigureTable:
    target = account.targets.median_days
    return _table(
        account, "delays", "Délai de la déclaration à la remise du code",
        _both(account, "median_days", "Médiane") | _both(account, "ninth_decile_days", "Neuvième décile") | {
            "target": f"Objectif : {french.plural(target, 'jour')} au plus" if target else "",
        },
        lambda now, before: (
            _days(before.median_days), _days(now.median_days), _days(before.ninth_decile_days),
            _days(now.ninth_decile_days), judged(now.median_days, target, at_most=True),
        ),
        "En jours, du jour de la déclaration au jour de la remise en main propre. La moitié des codes sont remis dans"
        " le délai médian ; neuf sur dix, dans le neuvième décile.",
    )  # fmt: skip


def _attention(account: FiguresAccount, rules: CountingRules) -> FigureTable:
    return _table(
        account, "attention", "Codes non remis à l'établissement, et retards",
        _both(account, "undeliverable", "Codes non remis") | _both(account, "late", "En retard") | {
            "late_checks": "dont au rectorat", "late_steps": "dont à une étape de l'établissement",
            "late_handovers": "dont une remise à confirmer",
        },
        lambda now, before: (
            before.undeliverable, now.undeliverable, before.late, now.late, now.count("late_checks"),
            now.count("late_steps"), now.count("late_handovers"),
        ),
        "Un code non remis est celui dont le courriel n'est pas arrivé à la boîte de l'établissement et n'est pas"
        f" reparti. En retard, avec les délais d'aujourd'hui : {late_words(rules)}.",
    )  # fmt: skip


def late_words(rules: CountingRules) -> str:
    """Say in French what is late, by the delays of the settings."""
    words = [f"une demande qui attend le rectorat depuis plus de {french.plural(rules.checks, 'jour')}"]
    if rules.steps is not None:
        words.append(
            f"une étape de l'établissement qui n'avance pas depuis plus de {french.plural(rules.steps, 'jour')}"
        )
    if rules.handovers is not None:
        words.append(f"un code transmis depuis plus de {french.plural(rules.handovers, 'jour')} sans remise confirmée")
    return " ; ".join(words)


def _renewals(account: FiguresAccount) -> FigureTable:
    former, is_same_year = account.now.school_year.start - 1, account.now.school_year == account.before.school_year
    return _table(
        account, "renewals", f"Clés de {former}-{former + 1} renouvelées pour {account.now.school_year}",
        {
            "former_keys": f"Clés {day_of(account.now)}", "renewed": f"Renouvelées {day_of(account.now)}",
            "share": "Part",
            "renewed_before": f"Renouvelées {day_of(account.before)}" if is_same_year else "",
        },
        lambda now, before: (now.former_keys, now.renewed, _share(now.renewed_share), before.renewed),
        "Une clé de l'année précédente compte si elle sert, ou a servi jusqu'à la fin de son année. Elle est renouvelée"
        " quand l'établissement l'a dit, quoi qu'il advienne de la nouvelle demande.",
    )  # fmt: skip


def _both(account: FiguresAccount, key: str, words: str) -> dict[str, str]:
    """A figure at both dates, the earlier one first, as the columns of a table."""
    return {f"{key}_before": f"{words} {day_of(account.before)}", key: f"{words} {day_of(account.now)}"}


def _states(figures: FiguresAt, key: str) -> FigureTable:
    """The requests in each state, one column a state; the undeliverable codes apart."""
    columns = {"departement": "Département"} | {state.value: state.label.capitalize() for state in State}
    columns |= {"undeliverable": "Code non remis", "total": "Ensemble"}
    places = [*figures.named(), (ACADEMIE, figures.academie)]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(place.of_state(state) for state in State), place.undeliverable, place.total) for name, place in places
    )
    return FigureTable(
        key=key, title=f"Par état {day_of(figures)}, demandes de {figures.school_year}", columns=columns, rows=rows,
        note="Un code non remis ne compte pas comme transmis.",
    )  # fmt: skip


def _weeks(account: FiguresAccount) -> FigureTable:
    columns = {
        "day": "Au soir du", "establishments": "Établissements avec un RUPN", "in_service": "Clés en service",
        "handovers": "Codes remis", "late": "En retard",
    }  # fmt: skip
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{point.day:%d/%m/%Y}", point.establishments, point.in_service, point.handovers, point.late)
        for point in account.weeks
    )
    title = f"Semaine après semaine, {account.now.school_year}"
    return FigureTable(key="weeks", title=title, columns=columns, rows=rows, is_flat=True)


def judged(value: float | None, target: int | None, *, at_most: bool = False) -> str | None:
    """Say in words if a target is reached; None without a target, or without anything to compare with it."""
    if target is None or value is None:
        return None
    return REACHED if (value <= target if at_most else value >= target) else VIGILANCE


@dataclass(frozen=True, slots=True)
class TargetWarning:
    """A target that is not reached: by the académie, or by these départements; ``table`` is where it is seen."""

    table: FigureTable
    value: Cell
    by_academie: bool
    places: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """``l'académie est en deçà de l'objectif… ; de même Ariège et Lot``."""
        subject = f"« {self.table.title} », {self.table.headings[-1][:1].lower()}{self.table.headings[-1][1:]}"
        names = french.listing(list(self.places))
        if self.by_academie:
            also = f" ; en particulier dans ces départements : {names}" if self.places else ""
            return f"{subject}, n'est pas atteint par l'académie ({shown(self.value)}){also}."
        return f"{subject}, est atteint par l'académie, mais pas dans ces départements : {names}."


def warnings_of(account: FiguresAccount) -> tuple[TargetWarning, ...]:
    """The targets that are not reached, by the académie or by a département."""
    warnings = []
    for table in (_declared(account), _keys(account), _delays(account)):
        below = [row for row in table.rows if row[-1] == VIGILANCE]
        if below and "target" in table.columns:
            value = table.rows[-1][-2] if table.key != "delays" else table.rows[-1][2]
            names = tuple(str(row[0]) for row in below if row[0] != ACADEMIE)
            warnings.append(TargetWarning(table, value, table.rows[-1][-1] == VIGILANCE, names))
    return tuple(warnings)


def headline(account: FiguresAccount) -> tuple[tuple[str, str, str], ...]:
    """The main figures of the académie: what each is, now, before."""
    now, before = account.now.academie, account.before.academie
    delay = "délai médian de la déclaration à la remise"
    pairs: tuple[tuple[str, str, Cell, Cell], ...] = (
        ("établissement a un RUPN déclaré", "établissements ont un RUPN déclaré", now.establishments,
         before.establishments),
        ("clé en service", "clés en service", now.in_service, before.in_service),
        ("code remis en main propre", "codes remis en main propre", now.handovers, before.handovers),
        (delay, delay, _days(now.median_days), _days(before.median_days)),
        ("demande en retard", "demandes en retard", now.late, before.late),
    )  # fmt: skip
    return tuple(
        (one if isinstance(value, int) and value < 2 else several, shown(value), shown(former))
        for one, several, value, former in pairs
    )


def _share(value: float | None) -> Share | None:
    return None if value is None else Share(value)


def _days(value: float | None) -> Days | None:
    return None if value is None else Days(value)
