"""The secrets of the doors: drawn here, kept nowhere."""

import hashlib
import hmac
import secrets


def new_secret() -> str:
    """256 bits, fit for an address, a cookie or a header."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """By which a secret is found again. No salt is needed: nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derived(secret: str, use: str) -> str:
    """Another secret drawn from this one, which does not give it away."""
    return hmac.new(secret.encode(), use.encode(), hashlib.sha256).hexdigest()
