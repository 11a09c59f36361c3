"""The end of the school year"""
