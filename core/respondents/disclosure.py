"""What may be said of a group of people without saying it of one of them: small cells, and differences of answers given before.

Suppression hides a cell of fewer than ten, and enough others that the hidden ones cannot be had from the total. The guard
asks whether any group of one to nine people could be had by adding and taking away groups that were released: the people
are sorted into those who are in the same released groups, and a small sort (or two together) is exposed where its
indicator lies in the row space of the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np
from scipy.linalg import null_space

#: The fewest people of whom anything is said.
FEWEST = 10
#: Counts that everybody may see are rounded to this.
ROUNDED = 5
#: Groups of a viewer and question that are held together; more are refused.
MOST_GROUPS = 400


def suppressed(counts: Mapping[str, int], fewest: int = FEWEST) -> frozenset[str]:
    """The cells that are not said: those of fewer than `fewest` people (not of none), and the smallest others, until two at least
    and `fewest` people together are hidden. With no small cell, none."""
    hidden = {name for name, count in counts.items() if 0 < count < fewest}
    if not hidden:
        return frozenset()
    rest = sorted((name for name, count in counts.items() if count >= fewest), key=lambda name: (counts[name], name))
    while rest and (len(hidden) < 2 or sum(counts[name] for name in hidden) < fewest):
        hidden.add(rest.pop(0))
    return frozenset(hidden)


def rounded(count: int, to: int = ROUNDED) -> int:
    """A count to the nearest multiple of `to`."""
    return int(round(count / to) * to)


def exposes(released: Sequence[Set[str]], wanted: Sequence[Set[str]], fewest: int = FEWEST) -> bool:
    """Whether `wanted` groups, told beside those `released`, would tell of fewer than `fewest` people by adding and taking away.

    Also where there are more groups than can be held together. O(groups² · sorts of people).
    """
    distinct = {frozenset(group) for group in (*released, *wanted) if group}
    if len(distinct) > MOST_GROUPS:
        return True
    groups = sorted(distinct, key=lambda group: (len(group), sorted(group)))
    if any(len(group) < fewest for group in groups):
        return True
    patterns: dict[tuple[bool, ...], int] = {}
    for person in sorted(set().union(*groups)):
        pattern = tuple(person in group for group in groups)
        patterns[pattern] = patterns.get(pattern, 0) + 1
    sizes = np.array(list(patterns.values()))
    if not (sizes < fewest).any():
        return False
    hidden = null_space(np.array(list(patterns), dtype=float).T)
    small = np.flatnonzero(sizes < fewest)
    if hidden.shape[1] == 0 or bool((np.abs(hidden[small]).max(axis=1) < 1e-9).any()):
        return True
    for place, first in enumerate(small):
        others = small[place + 1 :]
        others = others[sizes[others] + sizes[first] < fewest]
        if len(others) and bool((np.abs(hidden[others] + hidden[first]).max(axis=1) < 1e-9).any()):
            return True
    return False
