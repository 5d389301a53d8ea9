"""All layouts by name."""

from __future__ import annotations

from typing import Final

from fieldmark_synth.layouts.aircraft import AIRCRAFT
from fieldmark_synth.layouts.base import Layout
from fieldmark_synth.layouts.cars import CARS
from fieldmark_synth.layouts.csv_file import CSV
from fieldmark_synth.layouts.cub import CUB
from fieldmark_synth.layouts.flowers import FLOWERS
from fieldmark_synth.layouts.folder import FOLDER, NESTED

__all__ = ["LAYOUTS"]

LAYOUTS: Final[dict[str, Layout]] = {
    layout.name: layout for layout in (FOLDER, NESTED, CUB, CARS, AIRCRAFT, FLOWERS, CSV)
}
