"""The EduConnect accounts that were activated: their import, and their rates at two dates (R100)."""
