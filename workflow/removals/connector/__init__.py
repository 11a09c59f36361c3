"""The ODA server asked by program (R84)"""
