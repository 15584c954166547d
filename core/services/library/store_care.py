"""The deletion of runs, with what was made on them."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import InputError
from core.store.database import Store


def runs_on(store: Store, run_ids: Sequence[str]) -> list[str]:
    """The results that were made on these runs, and on those in turn; InputError for an unknown run."""
    for run_id in run_ids:
        store.run(run_id)
    found = store.runs()
    bases = {str(row["run_id"]): row["record"]["parameters"].get("of_run") for row in found.to_dict("records")}
    wanted, hanging = set(run_ids), list[str]()
    while True:
        more = [run_id for run_id, base in bases.items() if base in wanted and run_id not in wanted]
        if not more:
            return hanging
        wanted |= set(more)
        hanging += more


def delete_runs(store: Store, run_ids: Sequence[str], *, dependents: bool) -> list[str]:
    """Delete runs with all they stored, all or none, and return them; `dependents` deletes what was made on them too.

    A model's answers stay in the cache. InputError for an unknown run, one that is running, and without `dependents` one on
    which results were made.
    """
    run_ids = list(dict.fromkeys(run_ids))
    hanging = runs_on(store, run_ids)
    if hanging and not dependents:
        raise InputError(
            f"{len(hanging)} results were made on it: {', '.join(hanging[:5])}{' …' if len(hanging) > 5 else ''}",
            where=f"run {run_ids[0]}" if len(run_ids) == 1 else "these runs",
            allowed="--dependents, which deletes them too",
        )
    with store.transaction():
        for run_id in (*hanging, *run_ids):
            store.delete_run(run_id)
    return [*run_ids, *hanging]
