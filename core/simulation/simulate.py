"""Simulate a population on unique contexts, in blocks of personas, so that memory is bounded and a killed run resumes.

The order of a run:
1. split the personas into blocks of a fixed size (never by the number of workers);
2. ask the engine for the block's probabilities on all contexts;
3. reduce them to weighted sums per attribute and category;
4. hand the block over (the caller stores it), then the next;
5. add the blocks' sums in block order and divide by the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.cognition.engine import ResponseEngine
from core.execution.executor import IN_THIS_PROCESS, Executor

#: Personas in a block: 500 × 250 contexts × 6 behaviours of float32 are 3 MB.
BLOCK = 500
#: Storing a block costs a commit, which grows with what is stored already.
MOST_BLOCKS = 50
EVERYONE = ("all", "all")


@dataclass(frozen=True)
class BlockResult:
    """One block's answers reduced to sums.

    `groups` are (attribute, category) pairs; `sums` is (groups, contexts, behaviours): weighted sums of probabilities;
    `weights` (groups,) the sum of weights. `responses` is (personas, contexts, behaviours), float32, or None where they
    are not kept. Where answers are missing (NaN), they are in no sum, and `answered` is like `sums`: the weights of those
    who answered; None where everybody did.
    """

    block: int
    first: int
    groups: tuple[tuple[str, str], ...]
    sums: np.ndarray
    weights: np.ndarray
    responses: np.ndarray | None
    answered: np.ndarray | None = None


@dataclass(frozen=True)
class Aggregates:
    """Mean activity by group, context and behaviour.

    `means` is (groups, contexts, behaviours) over those who answered, NaN where nobody did; `weights` (groups,) people;
    row 0 is everyone.
    """

    groups: tuple[tuple[str, str], ...]
    means: np.ndarray
    weights: np.ndarray

    @property
    def everyone(self) -> np.ndarray:
        return self.means[self.groups.index(EVERYONE)]

    def group(self, attribute: str, category: str) -> np.ndarray:
        return self.means[self.groups.index((attribute, category))]


def population_groups(personas: pd.DataFrame, attributes: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Everyone, then each category of each attribute that somebody has."""
    groups = [EVERYONE]
    for attribute in attributes:
        groups += [(attribute, str(category)) for category in sorted(personas[attribute].astype(str).unique())]
    return tuple(groups)


def simulate_block(
    engine: ResponseEngine,
    personas: pd.DataFrame,
    contexts: pd.DataFrame,
    groups: tuple[tuple[str, str], ...],
    block: int,
    first: int,
    keep_responses: bool,
) -> BlockResult:
    """Steps 2 and 3 for one block."""
    answers = engine.respond(personas, contexts)
    weight = personas["weight"].to_numpy(dtype=float)
    membership = np.stack(
        [
            np.ones(len(personas))
            if group == EVERYONE
            else (personas[group[0]].astype(str) == group[1]).to_numpy(float)
            for group in groups
        ]
    )
    flat = answers.reshape(len(personas), -1).astype(np.float64)
    shape = (len(groups), *answers.shape[1:])
    missing, answered = np.isnan(flat), None
    if missing.any():
        flat = np.where(missing, 0.0, flat)
        answered = np.einsum("gp,pf->gf", membership * weight, (~missing).astype(np.float64)).reshape(shape)
    # Not BLAS: the last bit of its sums depends on how many threads the machine gives it.
    sums = np.einsum("gp,pf->gf", membership * weight, flat)
    return BlockResult(
        block=block,
        first=first,
        groups=groups,
        sums=sums.reshape(shape),
        weights=(membership * weight).sum(axis=1),
        responses=answers if keep_responses else None,
        answered=answered,
    )


def simulate_blocks(
    engine: ResponseEngine,
    personas: pd.DataFrame,
    contexts: pd.DataFrame,
    attributes: Sequence[str],
    *,
    done: frozenset[int] = frozenset(),
    keep_responses: bool = False,
    executor: Executor = IN_THIS_PROCESS,
    block_size: int | None = None,
) -> Iterator[BlockResult]:
    """The blocks that are not `done` yet, in order, of which no more are in flight than workers and one."""
    groups = population_groups(personas, attributes)
    blocks = (
        (engine, rows, contexts, groups, block, first, keep_responses)
        for block, first, rows in persona_blocks(engine, personas, block_size)
        if block not in done
    )
    with executor.share(engine, contexts):
        yield from executor.map(simulate_block, blocks, in_flight=executor.workers)


def persona_blocks(
    engine: ResponseEngine, personas: pd.DataFrame, block_size: int | None = None
) -> Iterator[tuple[int, int, pd.DataFrame]]:
    """Step 1: each block's number, the place of its first persona, and its personas as the engine reads them."""
    block_size = block_size or size_of_blocks(len(personas))
    # Texts are most of what a persona weighs; only an engine that reads them is sent them.
    unread = ("persona_id",) if getattr(engine, "reads_text", False) else ("persona_id", "text")
    columns = [name for name in personas.columns if name not in unread]
    for first in range(0, len(personas), block_size):
        yield first // block_size, first, personas.iloc[first : first + block_size][columns]


def size_of_blocks(personas: int) -> int:
    """Personas in a block: at least BLOCK, and more where there would be too many blocks to store one by one."""
    return max(BLOCK, -(-personas // MOST_BLOCKS))


def block_count(personas: int) -> int:
    """How many blocks a population of this size makes."""
    return -(-personas // size_of_blocks(personas))


def combine(blocks: Sequence[BlockResult]) -> Aggregates:
    """Means of all blocks, added in block order so that the last bit does not depend on who finished first."""
    ordered = sorted(blocks, key=lambda item: item.block)
    first = ordered[0]
    sums, weights = np.zeros_like(first.sums), np.zeros_like(first.weights)
    for item in ordered:
        sums += item.sums
        weights += item.weights
    if all(item.answered is None for item in ordered):
        return Aggregates(first.groups, sums / weights[:, None, None], weights)
    answered = np.zeros_like(first.sums)
    for item in ordered:
        answered += item.weights[:, None, None] if item.answered is None else item.answered
    means = np.divide(sums, answered, out=np.full_like(sums, np.nan), where=answered > 0)
    return Aggregates(first.groups, means, weights)


def simulate(
    engine: ResponseEngine,
    personas: pd.DataFrame,
    contexts: pd.DataFrame,
    attributes: Sequence[str] = (),
    *,
    on_block: Callable[[BlockResult], None] | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> Aggregates:
    """Simulate everyone on every context and reduce to means; `on_block` sees each block as it comes."""
    blocks = []
    for item in simulate_blocks(engine, personas, contexts, attributes, executor=executor):
        if on_block is not None:
            on_block(item)
        blocks.append(item)
    return combine(blocks)


def aggregate_frame(aggregates: Aggregates, behaviours: Sequence[str]) -> pd.DataFrame:
    """Long table attribute, level, context_id, behaviour, mean, weight, ready for the store."""
    groups, contexts, kinds = aggregates.means.shape
    index = np.indices((groups, contexts, kinds)).reshape(3, -1)
    names: Mapping[str, np.ndarray] = {
        "attribute": np.array([item[0] for item in aggregates.groups], dtype=object)[index[0]],
        "level": np.array([item[1] for item in aggregates.groups], dtype=object)[index[0]],
        "context_id": index[1].astype(np.int32),
        "behaviour": np.array(behaviours, dtype=object)[index[2]],
        "mean": aggregates.means.reshape(-1),
        "weight": aggregates.weights[index[0]],
    }
    return pd.DataFrame(names)
