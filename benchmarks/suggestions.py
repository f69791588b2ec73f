"""How quick suggestions are while typing, letter by letter, where many phrases are known.

    python benchmarks/suggestions.py [--phrases 100000]

Blender asks at every keystroke and waits for the answer: below 20 ms nobody notices.
"""

from __future__ import annotations

import argparse
import itertools
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.wire import extension  # noqa: F401 makes the package importable without bpy

from att3d_extension.blender_addon.checkpoints.prompt_index import (  # isort: skip # pyright: ignore[reportMissingImports]
    PromptIndex,
)

TYPED = (
    "a red wooden barrel in the snow",
    "an old stone castle with a flag",
    "barrel snow golden",
    "a purple zeppelin with a golden key",
    "a big blue wizard beside a tavern",
)


def phrases(count: int) -> list[str]:
    """Captions as a library of props has them, all different."""
    sizes = ["", "small ", "big ", "tall ", "flat ", "old ", "broken ", "new "]
    colors = ["", "red ", "blue ", "green ", "golden ", "white ", "black ", "brown ", "purple "]
    stuffs = ["", "wooden ", "stone ", "iron ", "leather "]
    things = re.findall(
        r"\w+",
        """
        barrel castle sword tree house ship chair table lamp key book potion banner wall tower fish
        crop fence rock tavern bridge coin crown shield axe helmet bow cart
        """,
    )
    ends = ["", " in the snow", " with a flag", " on a table", " beside a tavern", " in autumn"]
    found = itertools.product(sizes, colors, stuffs, things, ends)
    texts = [f"a {size}{color}{stuff}{thing}{end}" for size, color, stuff, thing, end in found]
    numbered = (f"{text}, level {level}" for level in range(1, 10) for text in texts)
    return list(itertools.islice(itertools.chain(texts, numbered), count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phrases", type=int, default=100_000)
    arguments = parser.parse_args()
    known = phrases(arguments.phrases)
    started = time.perf_counter()
    index = PromptIndex(known)
    print(f"{len(known):,} phrases, indexed in {time.perf_counter() - started:.1f} s")
    index.suggest("a flurb ")  # the words' meanings are read once
    times = []
    for text in TYPED:
        for end in range(1, len(text) + 1):
            started = time.thread_time()
            index.suggest(text[:end])
            times.append((1000 * (time.thread_time() - started), text[:end]))
    slowest, typed = max(times)
    middle = statistics.median(seconds for seconds, _ in times)
    print(f"{len(times)} keystrokes: median {middle:.1f} ms, at most {slowest:.1f} ms ({typed!r})")


if __name__ == "__main__":
    main()
