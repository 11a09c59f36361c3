"""Connections, tables, schema, clock."""
