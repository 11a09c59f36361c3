"""The guards and effects of each trigger, by who acts: the establishment, the rectorat, or either."""
