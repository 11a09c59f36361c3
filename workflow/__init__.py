"""What happens and when: the one write path, the journal, the end of the year, the schedule, imports, settings."""
