"""Three school years simulated day by day, and an oracle that knows the rules' text and nothing of the code."""
