"""Families: toys that change without a break from one prompt to the next (A27, A30).

A family is a chain of stages in order, such as a tree's four seasons. Each stage has one prompt,
the first of its phrases, and other ways to say it. What a stage looks like, and everything in
between, is in ``training.toybox.families``.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.protocol.errors import TrainingError

FAMILY_PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "tree-seasons": {
        "spring": (
            "a tree in spring",
            "a tree in springtime",
            "a blossoming tree",
            "a cherry tree in blossom",
            "a tree with pink blossoms",
            "a flowering tree in spring",
        ),
        "summer": (
            "a tree in summer",
            "a tree in summertime",
            "a green tree in summer",
            "a leafy summer tree",
            "an apple tree in summer",
            "a tree full of green leaves",
        ),
        "autumn": (
            "a tree in autumn",
            "a tree in fall",
            "an orange tree in autumn",
            "an autumn tree with fallen leaves",
            "a tree losing its leaves in autumn",
            "a fall tree with orange leaves",
        ),
        "winter": (
            "a tree in winter",
            "a snowy tree in winter",
            "a snowy tree",
            "a winter tree covered in snow",
            "a tree with snow on its branches",
            "a tree in wintertime",
        ),
    },
    "cottage-tudor": {
        "cottage": (
            "a cottage with a thatched roof",
            "a thatched cottage",
            "a small cottage with a straw roof",
            "a cosy thatched cottage",
            "a little cottage with a thatched roof",
        ),
        "farmhouse": (
            "a timber framed farmhouse",
            "a farmhouse with a timber frame",
            "a half timbered farmhouse",
            "a farmhouse with wooden beams",
        ),
        "tudor": (
            "a tudor house",
            "a house in tudor style",
            "a tall tudor house with two gables",
            "a tudor mansion",
            "a tudor manor house",
        ),
    },
    "vehicles": {
        "car": (
            "a compact car",
            "a small car",
            "a red compact car",
            "a little red car",
            "a tiny car with luggage on its roof",
        ),
        "van": (
            "a camper van",
            "a van",
            "a campervan",
            "a turquoise camper van",
            "a camping van",
        ),
        "bus": (
            "a school bus",
            "a bus",
            "a yellow bus",
            "a yellow school bus",
            "a big yellow bus",
        ),
        "truck": (
            "a pickup truck carrying pumpkins",
            "a truck",
            "a green truck",
            "a lorry carrying pumpkins",
            "a green pickup truck full of pumpkins",
        ),
    },
    "dresses": {
        "sundress": (
            "a yellow sundress",
            "a sundress",
            "a short yellow summer dress",
            "a sunny yellow dress",
        ),
        "flamenco": (
            "a red flamenco dress",
            "a flamenco dress",
            "a red dress with ruffles",
            "a spanish dress with red ruffles",
        ),
        "ball gown": (
            "a blue ball gown",
            "a ball gown",
            "a blue ballgown",
            "a wide blue princess gown",
        ),
        "wedding": (
            "a white wedding dress with a veil",
            "a wedding dress",
            "a white bridal gown",
            "a bridal dress with a veil",
        ),
    },
    "rocks": {
        "stone": (
            "a smooth river stone",
            "a river stone",
            "a smooth grey pebble",
            "a round river pebble",
        ),
        "boulder": (
            "a mossy boulder",
            "a boulder covered in moss",
            "a big mossy rock",
            "a mossy boulder with mushrooms",
        ),
        "crystal": (
            "a jagged purple crystal",
            "a cluster of purple crystals",
            "a purple amethyst",
            "jagged amethyst crystals",
        ),
        "lava": (
            "a glowing lava rock",
            "a lava rock",
            "a black volcanic rock with glowing lava",
            "a small volcano with glowing lava",
        ),
    },
    "baby-dragon": {
        "egg": (
            "a dragon egg hatching",
            "a hatching dragon egg",
            "a dragon hatching from its egg",
            "a cracked dragon egg",
        ),
        "baby": (
            "a baby dragon",
            "a cute baby dragon",
            "a dragon hatchling",
            "a tiny baby dragon",
        ),
        "young": (
            "a young dragon",
            "a teenage dragon",
            "a growing young dragon",
            "a young dragon with small wings",
        ),
        "grown": (
            "a mighty grown dragon with large wings",
            "a mighty dragon",
            "a grown dragon with large wings",
            "an adult dragon with huge wings",
            "a big mighty dragon",
        ),
    },
}
"""Family, stage in the chain's order, and its phrases; the first of them is its prompt."""

FAMILY_SYNONYMS: dict[str, dict[str, str]] = {
    "tree-seasons": {
        "springtime": "spring",
        "blossoming": "spring",
        "blossom": "spring",
        "blossoms": "spring",
        "flowering": "spring",
        "cherry": "spring",
        "summertime": "summer",
        "leafy": "summer",
        "apple": "summer",
        "fall": "autumn",
        "fallen": "autumn",
        "snow": "winter",
        "snowy": "winter",
        "wintertime": "winter",
    },
    "cottage-tudor": {
        "straw": "thatched",
        "timbered": "timber",
        "beams": "timber",
        "mansion": "tudor",
        "manor": "tudor",
    },
    "vehicles": {
        "luggage": "car",
        "campervan": "camper",
        "camping": "camper",
        "turquoise": "camper",
        "yellow": "bus",
        "lorry": "truck",
    },
    "dresses": {
        "sunny": "sundress",
        "ruffles": "flamenco",
        "spanish": "flamenco",
        "ballgown": "gown",
        "princess": "gown",
        "bridal": "wedding",
    },
    "rocks": {
        "pebble": "stone",
        "moss": "mossy",
        "mushrooms": "mossy",
        "amethyst": "crystal",
        "crystals": "crystal",
        "volcanic": "lava",
        "volcano": "lava",
    },
    "baby-dragon": {
        "cracked": "egg",
        "hatchling": "baby",
        "cute": "baby",
        "tiny": "baby",
        "teenage": "young",
        "growing": "young",
        "adult": "grown",
        "huge": "large",
    },
}
"""Words of a family's phrases, to the word that its prompts use."""


@dataclass(frozen=True)
class FamilySpec:
    """One stage of a family.

    Raises TrainingError for a family or stage that there is not.
    """

    family: str
    stage: str

    def __post_init__(self) -> None:
        for what, value, known in (
            ("family", self.family, FAMILY_PHRASES),
            ("stage", self.stage, FAMILY_PHRASES.get(self.family, ())),
        ):
            if value not in known:
                raise TrainingError(
                    f"the toybox has no {what} {value!r}", f"It has: {', '.join(known)}."
                )

    @property
    def phrases(self) -> tuple[str, ...]:
        """The stage's prompt, then other ways to say it."""
        return FAMILY_PHRASES[self.family][self.stage]


def chain(family: str) -> tuple[FamilySpec, ...]:
    """A family's stages in order."""
    return tuple(FamilySpec(family, stage) for stage in FAMILY_PHRASES[family])


FAMILIES: tuple[str, ...] = tuple(FAMILY_PHRASES)
