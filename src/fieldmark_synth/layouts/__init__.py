"""The layouts in which a synthetic set can be written: one module each, those of the known data sets."""
