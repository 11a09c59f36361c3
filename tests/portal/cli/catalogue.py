"""Compiles the French catalogue of click's messages: ``python -m tests.portal.cli.catalogue`` writes the ``.mo``."""

import ast
import struct
from pathlib import Path

import portal.cli

SOURCE = Path(portal.cli.__file__).with_name("locale") / "fr" / "LC_MESSAGES" / "messages.po"


def entries(source: str) -> dict[str, str]:
    """The messages and their translations; the forms of a plural are separated by a NUL, as in a ``.mo``."""
    parsed: list[dict[str, str]] = []
    for line in source.splitlines():
        if not line or line.startswith("#"):
            continue
        keyword, quoted = ("", line) if line.startswith('"') else line.split(" ", 1)
        if keyword == "msgid":
            parsed.append({})
        elif not keyword:  # the text goes on
            keyword = list(parsed[-1])[-1]
        parsed[-1][keyword] = parsed[-1].get(keyword, "") + ast.literal_eval(quoted)
    return {
        "\0".join(text for keyword, text in entry.items() if keyword.startswith("msgid")): "\0".join(
            text for keyword, text in entry.items() if keyword.startswith("msgstr")
        )
        for entry in parsed
    }


def compiled(messages: dict[str, str]) -> bytes:
    """The messages in the format that ``gettext`` reads (GNU gettext manual, « The Format of GNU MO Files »)."""
    pairs = sorted((key.encode(), text.encode()) for key, text in messages.items())
    header = 7 * 4
    offset = header + len(pairs) * 16
    tables, texts = [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            tables[column] += struct.pack("<2I", len(pair[column]), offset + len(texts))
            texts += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), header, header + len(pairs) * 8, 0, offset)
    return head + tables[0] + tables[1] + texts


if __name__ == "__main__":
    SOURCE.with_suffix(".mo").write_bytes(compiled(entries(SOURCE.read_text("utf-8"))))
