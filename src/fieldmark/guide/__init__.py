"""An illustrated field guide: what each class looks like, what it is taken for, and what tells the two apart."""
