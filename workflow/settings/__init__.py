"""The académie's settings: read from ``config.yaml``, checked as a whole, with their secrets kept elsewhere."""

from workflow.settings.loader import find_settings, load_settings
from workflow.settings.model import Settings
from workflow.settings.secrets import SecretError, SecretMissing, SecretRefused, Secrets, generate
from workflow.settings.warnings import check_settings
from workflow.settings.yaml_reader import SettingsError, SettingsProblem

__all__ = [
    "SecretError",
    "SecretMissing",
    "SecretRefused",
    "Secrets",
    "Settings",
    "SettingsError",
    "SettingsProblem",
    "check_settings",
    "find_settings",
    "generate",
    "load_settings",
]
