"""Connections, tables, schema, clock"""
