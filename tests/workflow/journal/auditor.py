"""Checks an export of the journal by what docs/journal.md says, and nothing else: ``auditor.py EXPORT KNOWN_KEY``."""

import hashlib
import json
import sys
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NONE = "0" * 64


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def audit(export: Iterable[str], known_key: str) -> list[str]:
    faults, hashes, ends, heads, seals, keys = [], dict[Any, str](), dict[Any, Any](), dict[str, Any](), {}, {known_key}
    lines = list(map(json.loads, export))
    for line in (line for line in lines if line["type"] == "event"):
        event = json.loads(line["canonical"])
        stream, seq = event["stream"], event["seq"]
        if digest(line["canonical"]) != line["hash"] or (seq - 1, event["prev"]) != ends.get(stream, (0, NONE)):
            faults.append(f"{stream} {seq}")
        ends[stream] = seq, line["hash"]
        hashes[stream, seq] = line["hash"]
        if event["kind"] == "journal_sealed":
            seals[event["data"]["number"]] = event["data"]["hash"]
    number, before, key, born, announced = 0, NONE, "", lines[0]["installation"], set()
    for line in (line for line in lines if line["type"] == "seal"):
        text, name = line["text"], f"sceau {number + 1}"
        fields = dict(row.split(" ", 1) for row in text.splitlines())
        changed = [h for h in lines if h["type"] == "head" and str(h["seal"]) == fields["numero"]]
        heads |= {h["stream"]: h for h in changed}
        texts = ["".join(f"{h['stream']} {h['length']} {h['hash']}\n" for h in sorted(group, key=lambda h: h["stream"]))
                 for group in (changed, heads.values())]  # fmt: skip
        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(fields["cle"]))
            public.verify(bytes.fromhex(line["signature"]), text.encode())
        except Exception:
            faults.append(f"{name} : signature")
        wanted = ["1", born, str(number + 1), before, key or fields["cle"], str(len(heads)), digest(texts[1]),
                  str(len(changed)), digest(texts[0])]  # fmt: skip
        rows = ["oda-sceau", "installation", "numero", "precedent", "cle", "chaines", "tetes", "changees", "lignes"]
        faults += [f"{name} : {row}" for row, value in zip(rows, wanted, strict=True) if fields[row] != value]
        faults += [
            f"{h['stream']} {h['length']}" for h in changed if hashes.get((h["stream"], h["length"])) != h["hash"]
        ]
        number, before = int(fields["numero"]), digest(text)
        key = fields["cle"] if fields["suivante"] == "-" else fields["suivante"]
        announced |= {fields["cle"], key}
        if seals.pop(number, None) != before:
            faults.append(f"{name} : événement")
    return faults + [f"sceau {gone} : retiré" for gone in seals] + (["clé inconnue"] if not keys & announced else [])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        faults = audit(file, sys.argv[2])
    print("\n".join(faults) or "tout tient")
    sys.exit(bool(faults))
