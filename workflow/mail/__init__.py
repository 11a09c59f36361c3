"""Mails as operators and establishments see them"""
