"""The judge: a network that never saw an expert's data says what generated pictures show."""
