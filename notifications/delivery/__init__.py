"""Sending by SMTP"""
