"""The rules of a delegation, and the words in which they are told: values in, a decision out, nothing else touched."""
