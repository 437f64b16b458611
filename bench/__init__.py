"""Side-by-side measurements: ratios taken in one run, printed as one table."""
