"""The JSON Schema of ``config.yaml``: an editor completes and checks the file with it."""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from workflow.settings.model import Settings

TITLE = "Réglages d'ODA délégations"

DESCRIPTION = "Le fichier config.yaml d'une académie. Produit à partir du code : ne pas le modifier à la main."

_HERE = Path(__file__).resolve()

_PACKAGED = _HERE.with_name("starter.yaml")

_CHECKOUT = _HERE.parents[2] / "config.yaml"

SCHEMA_NAME = "config.schema.json"


class _WithoutTitles(GenerateJsonSchema):
    """Titles made of English attribute names would only stand before the French descriptions."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def schema_text() -> str:
    """The text of ``docs/config.schema.json``; a test compares the two."""
    schema = Settings.model_json_schema(schema_generator=_WithoutTitles)
    for section in [schema, *schema["$defs"].values()]:
        # The class's name and its English docstring: the field that holds the section describes it in French.
        section.pop("title", None)
        section.pop("description", None)
        for name, key in section.get("properties", {}).items():  # an enumeration has none
            if name not in section.get("required", ()) and key.get("type") in ("array", "object"):
                key["type"] = [key["type"], "null"]  # ``accounts:`` and nothing after it is a key not given
            if "patternProperties" in key:
                key["additionalProperties"] = False  # a year badly written is refused
    header = {"$schema": GenerateJsonSchema.schema_dialect, "title": TITLE, "description": DESCRIPTION}
    return json.dumps(header | schema, ensure_ascii=False, indent=2) + "\n"


def starter_text() -> str:
    """The settings to write for a new installation; their schema is expected beside them, as ``SCHEMA_NAME``."""
    source = _PACKAGED if _PACKAGED.is_file() else _CHECKOUT
    return source.read_text(encoding="utf-8").replace(f"$schema=docs/{SCHEMA_NAME}", f"$schema={SCHEMA_NAME}", 1)


if __name__ == "__main__":
    print(schema_text(), end="")  # noqa: T201
