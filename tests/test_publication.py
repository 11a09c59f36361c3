"""What a catalogue, an index of packages and a forge read of the project: true, valid, and saying the same."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.test_readme import ROOT

PUBLICCODE = ROOT / "publiccode.yml"
MANDATORY = {
    "publiccodeYmlVersion", "name", "url", "platforms", "categories", "developmentStatus", "softwareType",
    "description", "legal", "maintenance", "localisation",
}  # fmt: skip
OPTIONAL = {
    "applicationSuite", "landingURL", "isBasedOn", "softwareVersion", "releaseDate", "logo", "usedBy", "roadmap",
    "intendedAudience", "dependsOn",
}  # fmt: skip
OF_A_LANGUAGE = {
    "localisedName", "shortDescription", "longDescription", "documentation", "apiDocumentation", "features",
    "screenshots", "videos", "awards",
}  # fmt: skip
STATUSES = {"concept", "development", "beta", "stable", "obsolete"}
NOT_PUBLISHED = ".invalid/"
"""How an address ends of which everybody can see that it leads nowhere (RFC 2606)."""


@pytest.fixture
def publiccode() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(PUBLICCODE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return loaded


def test_publiccode__has_the_fields_of_the_standard(publiccode: dict[str, Any]) -> None:
    """Those of version 0.4, in force since 2024, that are not deprecated."""
    assert publiccode["publiccodeYmlVersion"] == "0.4"
    assert publiccode.keys() >= MANDATORY
    assert publiccode.keys() <= MANDATORY | OPTIONAL
    assert publiccode["developmentStatus"] in STATUSES
    assert publiccode["softwareType"] == "standalone/web"
    assert set(publiccode["platforms"]) <= {"web", "windows", "mac", "linux", "ios", "android"}
    assert publiccode["maintenance"]["type"] in {"internal", "contract", "community", "none"}
    if publiccode["maintenance"]["type"] in {"internal", "community"}:
        assert all(contact["name"] for contact in publiccode["maintenance"]["contacts"])
    assert isinstance(publiccode["localisation"]["localisationReady"], bool)
    assert publiccode["localisation"]["availableLanguages"]
    assert all(len(country) == 2 and country.islower() for country in publiccode["intendedAudience"]["countries"])
    assert all(dependency["name"] for dependency in publiccode["dependsOn"]["open"])


def test_publiccode__describes_the_software_within_the_standard_s_lengths(publiccode: dict[str, Any]) -> None:
    assert publiccode["description"].keys() == {"fr", "en"}
    for words in publiccode["description"].values():
        assert words.keys() <= OF_A_LANGUAGE
        assert len(words["shortDescription"]) <= 150
        assert 150 <= len(words["longDescription"]) <= 10_000
        assert words["features"]
        assert all((ROOT / path).exists() for path in words.get("screenshots", ()))


def test_publiccode__says_what_the_package_says(publiccode: dict[str, Any], project: dict[str, Any]) -> None:
    assert publiccode["name"] == project["name"]
    assert publiccode["legal"]["license"] == project["license"]
    assert publiccode["legal"]["mainCopyrightOwner"] == project["authors"][0]["name"]
    assert publiccode["dependsOn"]["open"][0]["versionMin"] == project["requires-python"].removeprefix(">=")
    assert (publiccode["developmentStatus"] == "beta") is ("Development Status :: 4 - Beta" in project["classifiers"])


def test_addresses__none_is_invented(publiccode: dict[str, Any], project: dict[str, Any]) -> None:
    """Until the project has an address, that which the standard asks for leads nowhere."""
    urls = project.get("urls", {})
    assert urls.get("Repository", publiccode["url"]) == publiccode["url"]
    assert urls or NOT_PUBLISHED in publiccode["url"]
    assert all("email" not in author for author in project["authors"])


def test_authors__are_those_of_the_licence(project: dict[str, Any]) -> None:
    assert project["authors"][0]["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines()[2]


@pytest.mark.parametrize("path", [".github/workflows/ci.yml", ".gitlab-ci.yml"])
def test_forges__call_what_every_integration_server_calls(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    job = yaml.safe_load(text)
    job = job["jobs"]["ci"] if "jobs" in job else job["ci"]
    commands = (
        [step.get("run", "") for step in job["steps"]] if "steps" in job else [*job["before_script"], *job["script"]]
    )
    assert commands[-1] == ".ci/run"
    assert any("python3-venv" in command for command in commands)
    assert "secrets" not in text
    assert len(text.splitlines()) <= 15


def test_security__says_where_to_report_and_invents_no_address() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "/.well-known/security.txt" in text
    assert not re.search(r"[\w.]+@[\w.]+", text)
