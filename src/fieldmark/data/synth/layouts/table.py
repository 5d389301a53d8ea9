"""All layouts by name."""

from __future__ import annotations

from typing import Final

from fieldmark.data.synth.layouts.aircraft import AIRCRAFT
from fieldmark.data.synth.layouts.base import Layout
from fieldmark.data.synth.layouts.cars import CARS
from fieldmark.data.synth.layouts.csv_file import CSV
from fieldmark.data.synth.layouts.cub import CUB
from fieldmark.data.synth.layouts.flowers import FLOWERS
from fieldmark.data.synth.layouts.folder import FOLDER, NESTED

__all__ = ["LAYOUTS"]

LAYOUTS: Final[dict[str, Layout]] = {
    layout.name: layout for layout in (FOLDER, NESTED, CUB, CARS, AIRCRAFT, FLOWERS, CSV)
}
