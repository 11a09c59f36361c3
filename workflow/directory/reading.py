"""A whole file read for one académie: its establishments by UAI, and all that the operator is to be told of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from states.words import has_uai_form, normalise_uai
from workflow.directory.entries import Entry, judge, tidy
from workflow.directory.file import Record, unusable
from workflow.directory.imported import Remark
from workflow.directory.kinds import is_known, is_outside
from workflow.settings.problems import shown

MAX_REMARKS = 50_000
"""Beyond it the file is not read to its end: gigabytes of nonsense would be kept in memory to be told."""
LONGEST_CODE = 9


class _Seen(NamedTuple):
    line: int
    entry: Entry


@dataclass
class Reading:
    """What a file says of the académie of number ``academie``; fed row by row, it keeps only that one's.

    ``spared``: the UAI of refused rows. The file does name these establishments, so they are left as they are.
    """

    academie: int
    rows: int = 0
    outside_academie: int = 0
    outside_scope: int = 0
    repeated: int = 0
    differing: int = 0
    refused: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    spared: set[str] = field(default_factory=set)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _strange: set[str] = field(default_factory=set)

    @property
    def entries(self) -> dict[str, Entry]:
        """The establishments by UAI, in the order of the UAI."""
        return {uai: self._seen[uai].entry for uai in sorted(self._seen)}

    def read(self, records: Iterable[Record]) -> "Reading":
        """Take every row. Raises UnusableFile when none is an establishment of this académie (R67)."""
        for record in records:
            self.rows += 1
            self._take(record)
            if len(self.refused) + len(self.warnings) > MAX_REMARKS:
                raise unusable(f"déjà {MAX_REMARKS} lignes refusées ou douteuses, ce n'est pas l'annuaire", record.line)
        if not self._seen:
            raise unusable(
                f"aucun établissement de l'académie {self.academie:02d} dans ce fichier"
                f" (lignes lues : {self.rows}, hors académie : {self.outside_academie},"
                f" hors périmètre : {self.outside_scope}, refusées : {len(self.refused)})",
                advice="prendre le fichier entier, et vérifier le réglage academie.code",
            )
        return self

    def _take(self, record: Record) -> None:
        kind, academie = record.values[2], record.values[5].strip()
        if record.problem:
            self._refuse(record, [record.problem])
        elif not academie.isdecimal() or len(academie) > LONGEST_CODE:
            self._refuse(record, [f"le code d'académie « {shown(academie)} » n'est pas un nombre"])
        elif int(academie) != self.academie:
            self.outside_academie += 1
        elif is_outside(kind):
            self.outside_scope += 1
        else:
            self._judge(record, kind)

    def _judge(self, record: Record, kind: str) -> None:
        judged = judge(record.values)
        if judged.entry is None:
            self._refuse(record, judged.refusals)
            return
        if not is_known(kind):
            self._wonder(record.line, judged.entry.uai, kind)
        self.warnings += [Remark(record.line, judged.entry.uai, odd) for odd in judged.warnings]
        self._keep(_Seen(record.line, judged.entry))

    def _refuse(self, record: Record, reasons: list[str]) -> None:
        uai = normalise_uai(record.values[0])
        if has_uai_form(uai):
            self.spared.add(uai)
        self.refused.append(Remark(record.line, shown(uai), " ; ".join(reasons)))

    def _wonder(self, line: int, uai: str, kind: str) -> None:
        """Say an unknown kind once. Broken accents would let every primary school in."""
        if "Ã" in kind or "\ufffd" in kind:
            raise unusable(f"les accents sont abîmés (« {shown(kind)} »)", line)
        if (name := tidy(kind)) not in self._strange:
            self._strange.add(name)
            self.warnings.append(Remark(line, uai, f"le type « {shown(name)} » n'est pas connu : pris quand même"))

    def _keep(self, new: _Seen) -> None:
        """Of two rows of an UAI, the open one with a mailbox; the choice never depends on their order."""
        old = self._seen.setdefault(new.entry.uai, new)
        if old is new:
            return
        if old.entry == new.entry:
            self.repeated += 1
            return
        self.differing += 1
        kept = min(old, new, key=_preference)
        self._seen[new.entry.uai] = kept
        told = f"déjà à la ligne {old.line} avec d'autres valeurs : la ligne {kept.line} est gardée"
        self.warnings.append(Remark(new.line, new.entry.uai, told))


def _preference(seen: _Seen) -> tuple[object, ...]:
    e = seen.entry
    return (not e.is_open, e.mailbox is None, e.nom, e.kind, e.commune, e.departement, e.mailbox or "")
