"""Runs of one study side by side: how far each engine's twin misses, what its people do, and how much they differ.

Nothing here computes a result that is not stored; means and spreads are taken over stored answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE
from core.forecasting.baselines import BASELINES
from core.forecasting.metrics import MACRO
from core.policy.calendar import DAY_WORDS
from core.services.language.descriptions import about_engine, is_rules, run_label
from core.services.runs.forecasters import in_sentence
from core.services.runs.results import RunResult
from core.store.database import Store
from core.store.runs import StoredRun
from core.study import Study

#: Runs that fit side by side.
MOST_RUNS = 6


@dataclass(frozen=True)
class Comparison:
    """Runs side by side, each frame in the order of `labels` (run id -> name on the screen).

    errors: run_id, engine (name on the screen), rules (bool), behaviour (an id, or `macro`), value (RMSE in points),
        best, best_name (the best baseline of the behaviour in the same run).
    activity: run_id, engine, kind (of day, in words), behaviour, mean and spread (0 to 1): the weighted mean of the answers
        over people and days, and the weighted standard deviation between people (NaN where single answers are not kept).
    notes: what keeps the runs from being comparable, in sentences.
    """

    labels: Mapping[str, str]
    errors: pd.DataFrame
    activity: pd.DataFrame
    notes: tuple[str, ...]


def runs_to_compare(store: Store, study_id: str) -> pd.DataFrame:
    """Complete runs of a study, newest first: run_id, label, rules, engine, model, design, samples, personas,
    population_id, train_end, test_end, twin, best_baseline (macro RMSE, points), best_name, finished_at, seconds."""
    columns = [
        "run_id", "label", "rules", "engine", "model", "design", "samples", "personas", "population_id", "train_end",
        "test_end", "twin", "best_baseline", "best_name", "finished_at", "seconds",
    ]  # fmt: skip
    rows = []
    for run_id in store.runs(kind="run", study_id=study_id, status="complete")["run_id"]:
        run = store.run(str(run_id))
        record, asking, macro = run.record, about_engine(run.record), run.summary["macro_rmse"]
        best = best_baseline(macro)
        rows.append(
            {
                "run_id": run.run_id,
                "label": run_label(record),
                "rules": is_rules(record),
                "engine": record.engine,
                "model": record.model_id or "",
                "design": str(asking.get("design", "")),
                "samples": int(asking.get("samples", 1)),
                "personas": record.personas,
                "population_id": record.population_id,
                "train_end": record.train_end,
                "test_end": record.test_end,
                "twin": macro["twin"],
                "best_baseline": np.nan if best is None else macro[best],
                "best_name": "" if best is None else in_sentence(best),
                "finished_at": run.finished_at,
                "seconds": run.seconds,
            }
        )
    return pd.DataFrame(rows, columns=columns)


def best_baseline(scores: Mapping[str, Any]) -> str | None:
    """The baseline with the least error among forecaster -> error."""
    rivals = {name: value for name, value in scores.items() if name in BASELINES and value is not None}
    return min(rivals, key=lambda name: rivals[name]) if rivals else None


def beside(runs: pd.DataFrame, run_id: str) -> list[str]:
    """The runs that are worth setting beside one: it, and the newest of each other engine, model and design on its split,
    with the same people where there is a choice."""
    if run_id not in set(runs["run_id"]):
        return []
    own = runs[runs["run_id"] == run_id].iloc[0]
    same = runs[(runs["train_end"] == own["train_end"]) & (runs["test_end"] == own["test_end"])]
    same = same.assign(other_people=same["population_id"] != own["population_id"])
    same = same.sort_values("other_people", kind="stable")
    keys = ["engine", "model", "design"]
    others = same[(same[keys] != own[keys]).any(axis=1)].drop_duplicates(keys)
    return [run_id, *others["run_id"]][:MOST_RUNS]


def compare_engines(store: Store, run_ids: Sequence[str], study: Study) -> Comparison:
    """These complete runs side by side."""
    runs = [store.run(run_id) for run_id in run_ids]
    labels = _labels(runs)
    errors = pd.concat([_errors(store, run, labels[run.run_id], study) for run in runs], ignore_index=True)
    activity = pd.concat([_activity(store, run, labels[run.run_id], study) for run in runs], ignore_index=True)
    return Comparison(labels, errors, activity, _notes(runs))


def _labels(runs: Sequence[StoredRun]) -> dict[str, str]:
    """Names on the screen; runs that would have the same are told apart by the end of their ids."""
    names = {run.run_id: run_label(run.record) for run in runs}
    doubles = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {run_id: f"{name} · {run_id[-4:]}" if name in doubles else name for run_id, name in names.items()}


def _errors(store: Store, run: StoredRun, label: str, study: Study) -> pd.DataFrame:
    table = RunResult.of(run).score_matrix("rmse")
    rivals = table.loc[[name for name in table.index if name in BASELINES]]
    rows = []
    for behaviour in (MACRO, *study.behaviour_ids):
        column = rivals[behaviour].dropna()
        rows.append(
            {
                "run_id": run.run_id,
                "engine": label,
                "rules": is_rules(run.record),
                "behaviour": behaviour,
                "value": float(table[behaviour].loc["twin"]),
                "best": float(column.min()) if len(column) else np.nan,
                "best_name": in_sentence(str(column.idxmin())) if len(column) else "",
            }
        )
    return pd.DataFrame(rows)


def _activity(store: Store, run: StoredRun, label: str, study: Study) -> pd.DataFrame:
    contexts = store.read_result("contexts", run.run_id)
    contexts["kind"] = [str(item[DAY_TYPE]) for item in contexts["attributes"]]
    used = contexts[contexts["days"] > 0].set_index("context_id")
    means = store.read_result("aggregates", run.run_id, attribute="all")
    mean = means.pivot(index="context_id", columns="behaviour", values="mean")  # noqa: PD010 (nothing to aggregate)
    answers, context_ids, persona_ids = store.read_responses(run.run_id)
    spread = None
    if answers.size:
        people = store.read("personas", columns=["persona_id", "weight"], population_id=run.record.population_id)
        weights = people.set_index("persona_id")["weight"].reindex(persona_ids).to_numpy(dtype=float)
        deviation = spread_between(answers, weights)
        spread = pd.DataFrame(deviation, index=context_ids, columns=list(study.behaviour_ids))
    rows = []
    for kind in (name for name in DAY_WORDS if name in set(used["kind"])):
        days = used.loc[used["kind"] == kind, "days"].astype(float)
        for behaviour in study.behaviour_ids:
            rows.append(
                {
                    "run_id": run.run_id,
                    "engine": label,
                    "rules": is_rules(run.record),
                    "kind": DAY_WORDS[kind],
                    "behaviour": behaviour,
                    "mean": _over_days(mean[behaviour], days),
                    "spread": np.nan if spread is None else _over_days(spread[behaviour], days),
                }
            )
    return pd.DataFrame(rows)


def spread_between(answers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted standard deviation between personas: `answers` (contexts, personas, behaviours) to (contexts, behaviours).

    Missing answers are left out; NaN where fewer than two personas answered.
    """
    known = ~np.isnan(answers)
    share = known * weights[None, :, None]
    total = share.sum(axis=1)
    values = np.where(known, answers, 0.0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (share * values).sum(axis=1) / total
        variance = (share * (values - mean[:, None, :]) ** 2).sum(axis=1) / total
    return np.where(known.sum(axis=1) >= 2, np.sqrt(variance), np.nan)


def _over_days(values: pd.Series, days: pd.Series) -> float:
    """Mean over situations by their days; missing situations are left out."""
    both = pd.DataFrame({"value": values.reindex(days.index), "days": days}).dropna()
    return float(np.average(both["value"], weights=both["days"])) if len(both) else float("nan")


def _notes(runs: Sequence[StoredRun]) -> tuple[str, ...]:
    notes = []
    splits = {(run.record.train_end, run.record.test_end) for run in runs}
    if len(splits) > 1:
        notes.append(
            "These runs were not tested on the same days, so their errors cannot be set against one another: "
            + "; ".join(f"{run_label(run.record)} to {run.record.train_end}" for run in runs)
            + "."
        )
    if len({run.record.population_id for run in runs}) > 1:
        sizes = ", ".join(f"{run_label(run.record)}: {run.record.personas:,}" for run in runs)
        notes.append(
            f"The people are not the same (personas: {sizes}). Part of a difference is who was drawn, above all with few."
        )
    if len({run.record.study_hash for run in runs}) > 1 or len({str(run.record.input_hashes) for run in runs}) > 1:
        notes.append(
            "The study, its data or what was learned from other places changed between these runs, so that not only the "
            "engine differs."
        )
    return tuple(notes)
