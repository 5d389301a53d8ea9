"""An illustrated field guide: what each class looks like, what it is taken for, and what tells the two apart."""

from fieldmark.guide.write import GuideOptions, write_guide

__all__ = ["GuideOptions", "write_guide"]
