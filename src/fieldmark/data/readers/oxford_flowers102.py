"""Oxford Flowers-102: 8,189 photos of 102 flowers, 1,020 to train, 1,020 to validate and 6,149 to test on."""

from __future__ import annotations

from pathlib import Path

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._matlab import integers, read_mat
from fieldmark.data.readers._official import check_official
from fieldmark.errors import DataError
from fieldmark.structures import Record, RecordList, Split

__all__ = ["CLASSES", "read", "recognises"]

_SPLIT_VARIABLES: dict[str, Split] = {"trnid": "train", "valid": "val", "tstid": "test"}

# The annotation files hold numbers only; these are the names that the data set's category page gives to
# 1..102.
CLASSES = tuple(
    name.strip()
    for name in """
    pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily,
    moon orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea, spear
    thistle, yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower, giant white arum
    lily, fire lily, pincushion flower, fritillary, red ginger, grape hyacinth, corn poppy, prince of wales
    feathers, stemless gentian, artichoke, sweet william, carnation, garden phlox, love in the mist, mexican
    aster, alpine sea holly, ruby-lipped cattleya, cape flower, great masterwort, siam tulip, lenten rose,
    barbeton daisy, daffodil, sword lily, poinsettia, bolero deep blue, wallflower, marigold, buttercup,
    oxeye daisy, common dandelion, petunia, wild pansy, primula, sunflower, pelargonium, bishop of llandaff,
    gaura, geranium, orange dahlia, pink-yellow dahlia, cautleya spicata, japanese anemone, black-eyed susan,
    silverbush, californian poppy, osteospermum, spring crocus, bearded iris, windflower, tree poppy, gazania,
    azalea, water lily, rose, thorn apple, morning glory, passion flower, lotus, toad lily, anthurium,
    frangipani, clematis, hibiscus, columbine, desert-rose, tree mallow, magnolia, cyclamen, watercress,
    canna lily, hippeastrum, bee balm, ball moss, foxglove, bougainvillea, camellia, mallow, mexican petunia,
    bromelia, blanket flower, trumpet creeper, blackberry lily
    """.split(",")  # noqa: SIM905 - a table of names reads better than a hundred lines
)


def recognises(root: Path) -> bool:
    """Whether the folder has the label and the split file."""
    return (root / "imagelabels.mat").is_file() and (root / "setid.mat").is_file()


@register_reader("oxford_flowers102", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read Oxford Flowers-102 with its official split: the test split is the large one.

    Args:
        root: The folder with ``jpg/``, ``imagelabels.mat`` and ``setid.mat``.

    Returns:
        Records with split, in the order of their numbers; classes by name, in the order of their numbers.

    Raises:
        DataError: A file is missing or damaged, or a complete set has not its published split.
    """
    path = root / "imagelabels.mat"
    numbers = integers(read_mat(path), "labels", path)
    labels = contiguous(numbers)
    beyond = next((number for number in labels if not 1 <= number <= len(CLASSES)), None)
    if beyond is not None:
        raise DataError(f"expected labels from 1 to {len(CLASSES)} in {path}, found {beyond}: download it again")
    splits = _read_splits(root / "setid.mat")
    photos = [
        Record(root / "jpg" / f"image_{index:05d}.jpg", labels[number], splits.get(index))
        for index, number in enumerate(numbers, start=1)
    ]
    classes = [CLASSES[number - 1] for number in labels]
    records = RecordList(photos, classes, name="oxford_flowers102", root=root)
    return check_official(records, classes=102, sizes={"train": 1020, "val": 1020, "test": 6149})


def _read_splits(path: Path) -> dict[int, Split]:
    content = read_mat(path)
    return {index: split for name, split in _SPLIT_VARIABLES.items() for index in integers(content, name, path)}
