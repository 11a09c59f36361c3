"""From facts to words and papers"""
