"""The events of the requests told to other systems, signed (R118)"""
