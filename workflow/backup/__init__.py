"""Backups of the installation, their restoration, and the move to another database (R116)."""
