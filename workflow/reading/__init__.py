"""Queries for people who look: the worklist, one request whole, what can be done of it. Nothing here writes."""
