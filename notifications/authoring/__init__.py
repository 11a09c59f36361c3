"""For whoever replaces a template: checks, examples, reference documentation"""
