"""Codes and links encrypted at rest"""
