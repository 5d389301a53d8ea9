"""Layouts of known data sets that a synthetic set can be written in, one module each."""
