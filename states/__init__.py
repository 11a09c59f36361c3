"""What a delegation is: the vocabulary and the rules. Pure: no database, no clock, no network, no table."""
