"""Scheduled work of the software"""
