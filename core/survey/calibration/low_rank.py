"""Low-rank completion of two tables of answers, one question of the people's hidden at a time, with the work shared.

The completed table is U·Vᵀ of rank r that minimises, over the observed cells,

    Σ (x − u·v)² + λ (‖U‖² + ‖V‖²).

With λ = 0 this is the fixed point of iterated hard-thresholded SVD; with λ > 0 that of soft-thresholded SVD and of alternating
least squares alike, for ‖Z‖* = min ½(‖U‖² + ‖V‖²) over Z = U·Vᵀ (Mazumder et al. 2010, JMLR 11, 2287; Hastie et al. 2015,
JMLR 16, 3367). Alternating exact solves need a tenth of the steps of refilling and decomposing again, and each is cheap:
questions that were put to the same people share one matrix of normal equations.

Hiding question j leaves its column of the people's out of every sum. To have a start near the end without having seen that
column, questions are hidden in blocks first, and each question then starts from the fit that lacked its whole block. Nothing of
the hidden column, not even which of its cells are empty, reaches a number: the order of sums follows the other columns alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

#: Questions hidden together before each is hidden alone.
BLOCK = 6
#: A relative change of U·Vᵀ by one step that ends the iteration; tables with few cells go to the end, as that costs nothing.
#: The most steps of each stage.
TOLERANCE = 5e-3
TIGHT, SMALL = 1e-7, 20_000
MOST_STEPS = 500
#: Steps that the acceleration looks back on.
MEMORY = 3
#: Keeps the normal equations of a person with fewer answers than directions solvable.
FLOOR = 1e-6
#: A direction with less than this part of the largest one's size has died out.
DEAD = 0.01


@dataclass(frozen=True)
class _Side:
    """The rows of one table: its cells with zeros where empty, each distinct column of what is observed, and which a column
    has."""

    cells: np.ndarray
    patterns: np.ndarray
    pattern_of: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray, kind: type) -> _Side:
        observed = ~np.isnan(table)
        patterns, of = np.unique(observed, axis=1, return_inverse=True)
        return cls(np.where(observed, table, 0.0).astype(kind), patterns.astype(kind), of.ravel())

    def without(self, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(patterns, which of them each shown column has), in the order in which the shown columns need them."""
        _, first, of = np.unique(self.pattern_of[shown], return_index=True, return_inverse=True)
        order = np.argsort(first)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return self.patterns[:, self.pattern_of[shown][np.sort(first)]], place[of.ravel()]


class LowRank:
    """Completion of the people's table (n, m), beside the twins' (k, m) or alone; NaN where nothing was answered.

    `shrinkage` is λ over √rows + √columns, the size that noise of variance 1 gives a table's largest singular value (Geman 1980),
    so that one value serves tables of any size. `tolerance` is the relative change of U·Vᵀ in one step that ends the iteration.
    """

    def __init__(
        self, people: np.ndarray, twins: np.ndarray | None, rank: int, shrinkage: float, tolerance: float | None = None
    ) -> None:
        self.rank = min(rank, *people.shape)
        rows = len(people) + (0 if twins is None else len(twins))
        self.penalty = shrinkage * (np.sqrt(rows) + np.sqrt(people.shape[1]))
        small = people.size + (0 if twins is None else twins.size) < SMALL
        self.tolerance = tolerance or (TIGHT if small else TOLERANCE)
        kind = np.float64 if small else np.float32
        self._people = _Side.of(people, kind)
        self._twins = None if twins is None else _Side.of(twins, kind)
        self._ridge = np.eye(self.rank, dtype=kind) * max(self.penalty, FLOOR)

    def start(self, table: np.ndarray) -> np.ndarray:
        """V (m, r) to begin with: the leading directions of a table that hides nothing, as that of the twins."""
        filled = np.nan_to_num(table)
        values, vectors = np.linalg.eigh(filled.T @ filled)
        lead = np.argsort(values)[::-1][: self.rank]
        return np.asarray(vectors[:, lead] * np.sqrt(np.sqrt(np.maximum(values[lead], 0.0))), dtype=self._ridge.dtype)

    def fit(self, hidden: Sequence[int] | np.ndarray, questions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(U of the people, V), from V, with the `hidden` columns of the people's table left out."""
        shown = np.ones(len(questions), dtype=bool)
        shown[np.asarray(hidden, dtype=int)] = False
        people = self._people.without(shown)
        questions = _revived(questions)
        path = _Anderson()
        for _ in range(MOST_STEPS):
            u, w = self._rows(self._people, people, questions, shown), None
            if self._twins is not None:
                w = self._rows(self._twins, (self._twins.patterns, self._twins.pattern_of), questions, None)
            found = self._columns(u, people, w, shown)
            rows = u if w is None else w
            if _size(rows, found - questions) <= self.tolerance * max(_size(rows, found), 1e-30):
                questions = found
                break
            questions = path.next(questions, found)
        return self._rows(self._people, people, questions, shown), questions

    def each_hidden(self, columns: Sequence[int], start: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(j, U of the people, V) for each column j hidden alone, from V of `start`, which must not have seen the people's."""
        yield from self._halved(list(columns), start)

    def _halved(self, hidden: list[int], start: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        # With everything of the people's hidden, nothing moves the start but the twins.
        nothing = self._twins is None and len(hidden) == len(start)
        u, v = (np.empty((0, 0)), start) if nothing else self.fit(hidden, start)
        if len(hidden) == 1:
            yield hidden[0], u, v
            return
        parts = (
            (hidden[: len(hidden) // 2], hidden[len(hidden) // 2 :]) if len(hidden) > BLOCK else [[j] for j in hidden]
        )
        for part in parts:
            yield from self._halved(part, v)

    def _rows(
        self, side: _Side, known: tuple[np.ndarray, np.ndarray], v: np.ndarray, shown: np.ndarray | None
    ) -> np.ndarray:
        patterns, of = known
        kept = v if shown is None else v[shown]
        products = (kept[:, :, None] * kept[:, None, :]).reshape(len(kept), self.rank**2)
        sums = np.zeros((patterns.shape[1], products.shape[1]), dtype=products.dtype)
        np.add.at(sums, of, products)
        normal = (patterns @ sums).reshape(-1, self.rank, self.rank) + self._ridge
        right = side.cells @ (v if shown is None else np.where(shown[:, None], v, 0.0).astype(v.dtype))
        return np.linalg.solve(normal, right[:, :, None])[:, :, 0]

    def _columns(
        self, u: np.ndarray, people: tuple[np.ndarray, np.ndarray], w: np.ndarray | None, shown: np.ndarray
    ) -> np.ndarray:
        normal = np.tile(self._ridge, (len(shown), 1, 1))
        right = np.zeros((len(shown), self.rank), dtype=u.dtype)
        patterns, of = people
        normal[shown] += _products(patterns, u)[of]
        right[shown] = (self._people.cells.T @ u)[shown]
        if self._twins is not None and w is not None:
            normal += _products(self._twins.patterns, w)[self._twins.pattern_of]
            right += self._twins.cells.T @ w
        return np.linalg.solve(normal, right[:, :, None])[:, :, 0]


def _revived(v: np.ndarray) -> np.ndarray:
    """V with directions that have died out set moving again, of fixed noise as large as the largest: exact steps would leave them
    at nothing, and accelerated ones go back to it from nearby."""
    size, axes = np.linalg.eigh(v.T @ v)
    dead = size < DEAD**2 * size[-1]
    if not dead.any():
        return v
    turned = v @ axes
    turned[:, dead] = np.random.default_rng(0).normal(size=(len(v), int(dead.sum()))) * np.sqrt(size[-1] / len(v))
    return np.asarray(turned, dtype=v.dtype)


def _products(patterns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Σ u·uᵀ over the rows of each pattern, (patterns, r, r)."""
    size = rows.shape[1]
    found = patterns.T @ (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
    return found.reshape(-1, size, size)


def _size(rows: np.ndarray, v: np.ndarray) -> float:
    """‖rows·vᵀ‖, without making the table."""
    return float(np.sqrt(max(((rows.T @ rows) * (v.T @ v)).sum(dtype=np.float64), 0.0)))


class _Anderson:
    """Anderson's acceleration of a fixed-point iteration (Walker and Ni 2011, SIAM J. Numer. Anal. 49, 1715)."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._images: list[np.ndarray] = []

    def next(self, point: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Where to go from a point and its image: the combination of images whose steps all but cancel."""
        self._points, self._images = [*self._points, point][-MEMORY:], [*self._images, image][-MEMORY:]
        if len(self._points) < 2:
            return image
        steps = [(b - a).ravel().astype(np.float64) for a, b in zip(self._points, self._images, strict=True)]
        differences = np.stack([step - steps[-1] for step in steps[:-1]], axis=1)
        shares = np.linalg.lstsq(differences, -steps[-1], rcond=1e-8)[0]
        moved = image.astype(np.float64)
        for share, other in zip(shares, self._images[:-1], strict=True):
            moved += share * (other - image)
        return np.asarray(moved, dtype=image.dtype)
