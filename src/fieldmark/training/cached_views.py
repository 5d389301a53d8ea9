"""Which views of a photo the cache holds: those that answers average, and others that heads only learn from."""

from __future__ import annotations

from dataclasses import dataclass

from fieldmark.data.photos.views import whole_views

__all__ = ["ONE_VIEW", "CachedViews"]


@dataclass(frozen=True, slots=True)
class CachedViews:
    """The views of a photo in a table, in their order: each look, and its mirror image after it.

    Attributes:
        answering: Looks that answers read: the whole photo, the object that was found in it, or both.
        given: Whether a look at the annotated object follows. Heads learn from it, but answers do not have it.
        mirrored: Whether each look has its mirror image.
    """

    answering: int = 1
    given: bool = False
    mirrored: bool = False

    @property
    def count(self) -> int:
        """All views."""
        return (self.answering + self.given) * self._each

    @property
    def learned(self) -> range:
        """The unmirrored views that heads learn from."""
        return range(0, self.count, self._each)

    @property
    def answered(self) -> range:
        """Those of them that answers read."""
        return range(0, self.answering * self._each, self._each)

    @property
    def told(self) -> list[int]:
        """What an answer reads that is told where the object is: the annotated object in place of the found one."""
        return [*self.answered[:-1], *self.learned[self.answering :]]

    def averaged(self, test_views: int) -> list[int]:
        """Return the views whose logits an answer averages, of those that the table holds."""
        return [first + view for first in self.answered for view in range(min(self._each, whole_views(test_views)))]

    @property
    def _each(self) -> int:
        return 2 if self.mirrored else 1


ONE_VIEW = CachedViews()
"""The photo as answers read it, without its mirror image."""
