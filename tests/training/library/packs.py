"""The packs of models beside the checkout, where they are."""

import os
from pathlib import Path

import pytest


def packs() -> Path:
    """The folder of packs: ``ATT3D_PACKS``, or shared/data/packs beside a folder that we are in.

    Skips the test where there is none.
    """
    named = os.environ.get("ATT3D_PACKS")
    places = (
        [Path(named)]
        if named
        else [folder / "shared" / "data" / "packs" for folder in Path(__file__).resolve().parents]
    )
    for place in places:
        if place.is_dir():
            return place
    pytest.skip("the packs are not here; ATT3D_PACKS can name their folder")
