"""The ``config.yaml`` of a new installation: the repository's own, which a wheel carries as ``starter.yaml``."""

from pathlib import Path

_HERE = Path(__file__).resolve()
_PACKAGED = _HERE.with_name("starter.yaml")
_CHECKOUT = _HERE.parents[2] / "config.yaml"
SCHEMA_NAME = "config.schema.json"


def starter_text() -> str:
    """The settings to write for a new installation; their schema is expected beside them, as ``SCHEMA_NAME``."""
    source = _PACKAGED if _PACKAGED.is_file() else _CHECKOUT
    return source.read_text(encoding="utf-8").replace(f"$schema=docs/{SCHEMA_NAME}", f"$schema={SCHEMA_NAME}", 1)
