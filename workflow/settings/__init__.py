"""The académie's settings: read from ``config.yaml``, checked as a whole, with their secrets kept elsewhere."""

from workflow.settings.checks import check_settings
from workflow.settings.loader import find_settings, load_settings
from workflow.settings.model import Settings
from workflow.settings.problems import Problem, SettingsError
from workflow.settings.secrets import SecretError, SecretMissing, SecretRefused, Secrets, generate

__all__ = [
    "Problem",
    "SecretError",
    "SecretMissing",
    "SecretRefused",
    "Secrets",
    "Settings",
    "SettingsError",
    "check_settings",
    "find_settings",
    "generate",
    "load_settings",
]
