"""Persona-level answers between the engine's array and one row per (context, persona)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from core.errors import StoreError


def responses_table(
    probabilities: np.ndarray,
    *,
    context_ids: Sequence[int] | np.ndarray | None = None,
    persona_ids: Sequence[int] | np.ndarray | None = None,
) -> pa.Table:
    """Rows for the table `responses` (without run and chunk) from an array.

    `probabilities` has the shape (contexts, personas, behaviours) with values in [0, 1]; it is kept as 32-bit floats.
    `context_ids` and `persona_ids` name its first two axes, and count from 0 where they are not given.
    Raises ValueError where the shapes do not agree.
    """
    if probabilities.ndim != 3:
        raise ValueError(f"probabilities have {probabilities.ndim} axes, not contexts × personas × behaviours")
    contexts, personas, behaviours = probabilities.shape
    context = _ids(context_ids, contexts, "context_ids")
    persona = _ids(persona_ids, personas, "persona_ids")
    values = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(-1)
    return pa.table(
        {
            "context_id": np.repeat(context, personas),
            "persona_id": np.tile(persona, contexts),
            "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(values), behaviours),
        }
    )


def responses_array(rows: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (contexts, personas, behaviours; 32-bit floats), context ids and persona ids.

    `rows` come ordered by context and persona. Raises StoreError where a context lacks a persona.
    """
    context = np.asarray(rows.column("context_id"))
    persona = np.asarray(rows.column("persona_id"))
    context_ids, counts = np.unique(context, return_counts=True)
    personas = int(counts[0]) if len(counts) else 0
    persona_ids = persona[:personas]
    lists: Any = rows.column("probabilities").combine_chunks()
    values = np.asarray(lists.flatten(), dtype=np.float32)
    behaviours = len(values) // len(persona) if len(persona) else 0
    whole = (
        bool((counts == personas).all())
        and len(values) == len(persona) * behaviours
        and np.array_equal(persona, np.tile(persona_ids, len(context_ids)))
    )
    if not whole:
        raise StoreError("The stored responses are not one for each context and persona.")
    return values.reshape(len(context_ids), personas, behaviours), context_ids, persona_ids


def _ids(given: Sequence[int] | np.ndarray | None, count: int, name: str) -> np.ndarray:
    ids = np.arange(count, dtype=np.int32) if given is None else np.asarray(given, dtype=np.int32)
    if ids.shape != (count,):
        raise ValueError(f"{name} has the shape {ids.shape}, not ({count},)")
    return ids
