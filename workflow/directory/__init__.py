"""The directory of establishments"""
