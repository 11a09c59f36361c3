"""Personal data is forgotten after its time, and at a person's request (R110, R111)."""
