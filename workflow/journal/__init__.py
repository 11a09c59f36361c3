"""Hash-chained audit log"""
