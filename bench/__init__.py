"""The measurements behind every figure that CONTRIBUTING.md quotes; ratios within one run, never absolute times."""
