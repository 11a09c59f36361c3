"""The one write path"""
