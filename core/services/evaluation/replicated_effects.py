"""Effects of treatments on people, and whether they were foreseen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError
from core.records import content_hash
from core.services.evaluation.replication_files import first_row, read_columns
from core.services.evaluation.replication_results import EffectsReplication, EffectsRequest, PooledEffects
from core.services.evaluation.replications import rounded_result
from core.services.surveys.answer_files import numbers_of
from core.statistics.levels import JUDGED
from core.validity.effects import FEWEST_EFFECTS, Effects, effect_scores, pooled_r

EXPERT, OUTCOME = "expert", "outcome"
EMPTY = "rows without an effect, its error or a prediction"
FEW = f"rows of studies of fewer than {FEWEST_EFFECTS} effects, or where all are the same"


def replicate_effects(request: EffectsRequest) -> EffectsReplication:
    """How well the effects of a file were foreseen, study by study. InputError for a file that cannot be read."""
    began = time.perf_counter()
    found, empty = read_effects(request.effects, request.predictor)
    scores = {name: effect_scores(item, seed=request.seed) for name, item in found.items()}
    judged = {name: item for name, item in scores.items() if item is not None}
    if not judged:
        raise InputError("no study can be judged", where=str(request.effects),
                         allowed=f"{FEWEST_EFFECTS} or more effects of a study, that differ")  # fmt: skip
    r, low, high = pooled_r(judged)
    few = sum(len(found[name].effect) for name, item in scores.items() if item is None)
    result: EffectsReplication = rounded_result(
        EffectsReplication(
            file=Path(request.effects).name, predictor=request.predictor, studies=judged, level=JUDGED,
            pooled=PooledEffects(
                r=r, low=low, high=high, effects=sum(item.effects for item in judged.values()), studies=len(judged),
                line_beats_mean=sum(item.line_beats_mean for item in judged.values()),
            ),
            left_out={why: number for why, number in {EMPTY: empty, FEW: few}.items() if number},
        )
    )  # fmt: skip
    return replace(result, result_hash=content_hash(result.studies), seconds=round(time.perf_counter() - began, 3))


def read_effects(path: str | Path, predictor: str) -> tuple[Mapping[str, Effects], int]:
    """The effects of a file by study, and how many rows have none. InputError for a column that is not there, and a cell that is
    no number, with its row."""
    here = Path(path)
    optional = [name for name in (EXPERT, OUTCOME) if name in RawFile(here).columns]
    names = ["dataset", "condition", "effect", "effect_se", predictor]
    frame = read_columns(here, list(dict.fromkeys([*names, *optional])))
    frame.index = pd.RangeIndex(first_row(here), first_row(here) + len(frame))
    measured = [name for name in dict.fromkeys([*names[2:], EXPERT]) if name in frame]
    numbers = numbers_of(frame[measured], str(path), "row {}, column {}")
    for row, value in numbers["effect_se"].items():
        if value < 0:
            raise InputError(f"{value:g} is no standard error", where=f"{path}, row {row}, column effect_se",
                             allowed="0 and above")  # fmt: skip
    whole = numbers[names[2:]].notna().all(axis=1) & frame["dataset"].notna() & frame["condition"].notna()
    texts, numbers = frame[whole].fillna("").astype(str), numbers[whole]
    study = texts["dataset"].str.split("-").str[0]
    block = texts["dataset"] + " " + texts.get(OUTCOME, "")
    expert = numbers[EXPERT].to_numpy() if EXPERT in numbers else np.full(len(numbers), np.nan)
    columns = [numbers[column].to_numpy() for column in names[2:]] + [expert]
    found = {}
    for name in study.unique():
        own = (study == name).to_numpy()
        effect, error, predicted, forecast = (column[own] for column in columns)
        found[str(name)] = Effects(
            effect, error, predicted, forecast, tuple(texts["condition"][own]), tuple(block[own])
        )
    return found, int((~whole).sum())
