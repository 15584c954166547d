"""Posts of one step, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Kind(IntEnum):
    """What a post is."""

    experience = 0
    complaint = 1
    repost = 2
    campaign = 3
    advert = 4
    false = 5


@dataclass(eq=False)
class Posts:
    """M posts. `author` is a household, -1 for promoted ones; `place` a restaurant, -1 for none; `depth` counts how often it
    was passed on; `reach` is how many posts of a promotion a household gets in the mean; `slot` names a post in draws, the same
    whoever else posts; what is not `spread` cannot be passed on."""

    author: NDArray[np.int64]
    place: NDArray[np.int64]
    valence: NDArray[np.float32]
    kind: NDArray[np.int64]
    depth: NDArray[np.int64]
    likes: NDArray[np.int64]
    slot: NDArray[np.uint64]
    reach: NDArray[np.float64]
    false: NDArray[np.bool_]
    spread: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.author)

    @classmethod
    def none(cls) -> Posts:
        return NONE

    @classmethod
    def joined(cls, parts: list[Posts]) -> Posts:
        parts = [part for part in parts if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else NONE
        return cls(*map(np.concatenate, zip(*(vars(part).values() for part in parts), strict=True)))

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Posts:
        return Posts(*(values[chosen] for values in vars(self).values()))

    @classmethod
    def of(
        cls,
        author: NDArray[np.int64],
        place: NDArray[np.int64],
        valence: NDArray[np.float32],
        kind: Kind,
        slot: NDArray[np.uint64],
        *,
        reach: float = 0.0,
        false: bool = False,
    ) -> Posts:
        count = len(author)
        return cls(
            author, place, valence, np.full(count, int(kind)), np.zeros(count, np.int64), np.zeros(count, np.int64), slot,
            np.full(count, reach), np.full(count, false), np.ones(count, bool),
        )  # fmt: skip


NONE = Posts(*(np.zeros(0, kind) for kind in ("i8", "i8", "f4", "i8", "i8", "i8", "u8", "f8", "?", "?")))
