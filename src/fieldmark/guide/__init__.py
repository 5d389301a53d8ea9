"""The content of a field guide: typical photos of each class, its look-alikes, and what separates them."""
