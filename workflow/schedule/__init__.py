"""What the software does by itself"""
