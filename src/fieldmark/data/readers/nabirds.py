"""NABirds: 48,562 photos of 555 visual categories of North American birds, in a hierarchy of 1,011 nodes."""

from __future__ import annotations

from pathlib import Path

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._birds import read_class_ids, read_photos
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._official import check_official
from fieldmark.data.readers._text import lookup, table
from fieldmark.errors import DataError
from fieldmark.structures import RecordList

__all__ = ["RANKS", "read", "recognises"]

RANKS = ("group", "family", "species")
"""Our names for the levels under the root 'Birds'; the files name none."""


def recognises(root: Path) -> bool:
    """Whether the folder has lists like CUB's and a hierarchy."""
    lists = ("images.txt", "classes.txt", "image_class_labels.txt", "hierarchy.txt")
    return all((root / name).is_file() for name in lists)


@register_reader("nabirds", recognises=recognises, before="cub200_2011")
def read(root: Path) -> RecordList:
    """Read NABirds.

    The ids of the classes with photos have gaps (inner nodes have none): labels follow the sorted ids.

    Args:
        root: The folder with ``images.txt``, ``classes.txt``, ``image_class_labels.txt``, ``hierarchy.txt``
            and, where the set has them, ``train_test_split.txt``, ``bounding_boxes.txt`` and ``parts/``.

    Returns:
        Records with split, box, parts and a taxonomy of group, family and species. A group without families
        (all but 'Perching Birds') stands for its own family.

    Raises:
        DataError: A file is missing or damaged, or a complete set has not its published split.
    """
    class_ids = read_class_ids(root)
    names = table(root / "classes.txt")
    parents = table(root / "hierarchy.txt")
    labels = contiguous(class_ids.values())
    chains = {class_id: _ancestors(str(class_id), names, parents, root) for class_id in labels}
    depth = max(map(len, chains.values()), default=0)
    ranks = RANKS if depth == len(RANKS) else tuple(f"level_{level}" for level in range(1, depth + 1))
    taxonomies = {class_id: _level(chain, depth) for class_id, chain in chains.items()}
    photos = read_photos(root, class_ids, labels, taxonomies)
    classes = [names[str(class_id)] for class_id in labels]
    records = RecordList(photos, classes, name="nabirds", root=root, ranks=ranks)
    return check_official(records, classes=555, sizes={"train": 23_929, "test": 24_633})


def _ancestors(node: str, names: dict[str, str], parents: dict[str, str], root: Path) -> tuple[str, ...]:
    """Names from below the root, which holds every bird, down to the parent of a node."""
    lookup(names, node, root / "classes.txt")
    chain: list[str] = []
    while (parent := parents.get(node)) is not None:
        chain.append(lookup(names, parent, root / "classes.txt"))
        if len(chain) > len(parents):
            raise DataError(f"expected a tree in {root / 'hierarchy.txt'}, found a circle through id {node}: mend it")
        node = parent
    return tuple(reversed(chain[:-1]))


def _level(chain: tuple[str, ...], depth: int) -> tuple[str, ...]:
    """Fill a short chain by its first name, so that the last level is the species everywhere."""
    return chain[:1] * (depth - len(chain)) + chain
