"""The published schema, the models and the repository's file hold together."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.workflow.settings.files import MINIMAL, written
from workflow.settings.loader import load_settings
from workflow.settings.model import schema_text, starter_text

ROOT = Path(__file__).parents[3]


class AsAnEditor(yaml.SafeLoader):
    """YAML as an editor reads it (1.2): a date is a text."""


AsAnEditor.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def as_an_editor(text: str) -> Any:
    return yaml.load(text, Loader=AsAnEditor)


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(schema_text())


def test_published_schema__is_the_models() -> None:
    published = (ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "refaire : python -m workflow.settings.model > docs/config.schema.json"


def test_repository_file__fits_the_schema(schema: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(as_an_editor((ROOT / "config.yaml").read_text(encoding="utf-8")), schema)


def test_repository_file__names_its_schema() -> None:
    first = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=docs/config.schema.json"


def test_repository_file__shows_every_key(schema: Any) -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    for section in [schema, *schema["$defs"].values()]:
        for key in section.get("properties", {}):
            assert re.search(rf"^[ #-]*{key}:", text, re.MULTILINE), key


def test_every_key__described_in_french(schema: Any) -> None:
    for section in [schema, *schema["$defs"].values()]:
        for name, key in section.get("properties", {}).items():
            assert key["description"].endswith("."), name
            assert not re.search(r"\b(the|of|and|which)\b", key["description"]), name


@pytest.mark.parametrize(
    "extra",
    [
        "four_eye: true\n",
        "school_year: {end: 01-06}\n",
        "school_year: {rentree_dates: {'2027': 2027-09-01}}\n",
        "key: {scope: personne}\n",
        "code: {keep_days: 0}\n",
        "campaign: {opens: 01-06}\n",
        "timezone: null\n",
    ],
)
def test_editor__sees_common_mistakes(schema: Any, extra: str) -> None:
    jsonschema.validate(as_an_editor(MINIMAL), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_an_editor(MINIMAL + extra), schema)


def test_starter__loads_and_finds_its_schema_beside_it(tmp_path: Path) -> None:
    text = starter_text()
    assert text.startswith("# yaml-language-server: $schema=config.schema.json\n")
    assert load_settings(written(tmp_path, text)).academie.nom == "Toulouse"


def test_starter__of_a_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = tmp_path / "starter.yaml"
    packaged.write_text("# celui du paquet\n")
    monkeypatch.setattr("workflow.settings.model._PACKAGED", packaged)
    assert starter_text() == "# celui du paquet\n"
