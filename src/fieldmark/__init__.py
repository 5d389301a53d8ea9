"""Fieldmark."""
