"""Routes of the server, one file for each task."""
