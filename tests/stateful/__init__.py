"""Every trigger by every role in any order, on real databases, against a model that a person can read."""
