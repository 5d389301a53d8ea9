"""Settings of the methods, one file for each family: pydantic models, light to import, checked before any work."""
