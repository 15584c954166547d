"""Language models' twins of real people (Twin-2K-500), beside answers that ask no model, and stacked with them.

Everybody is predicted by the others, in parts of people. How often people repeat an answer is known by question only, so that
normalised accuracy divides by a number that is the same for every group.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.files import RawFile
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.execution.threads import one_thread
from core.portrait.baselines import cell_answers, dummies
from core.portrait.memory_engine import best_scores, ordered_answers, ridge_scores, scale_of
from core.portrait.panel import AnswerPanel, Items
from core.records import content_hash
from core.services.evaluation.replication_files import read_columns
from core.services.evaluation.replication_results import TwinAgreement, TwinsReplication, TwinsRequest
from core.services.evaluation.replications import rounded_result
from core.services.evaluation.twin_scores import HUMAN, TWIN
from core.services.surveys.answer_files import CONSTRUCTION, numbers_of, read_answers, read_traits
from core.statistics.bootstrap import MANY_DRAWS, generator_of, unit_counts
from core.statistics.levels import JUDGED, central
from core.validity.people_parity import people_parity
from core.validity.retest import Interval, agreement, drawn_means

#: Of whom a cell is made, and groups are compared.
CELL = ("political_views", "gender", "age")
GROUPS = ("political_views", "race", "gender", "age", "education_level")
#: Items whose probabilities are held at once: some have a hundred choices.
AT_ONCE = 20


@dataclass(frozen=True)
class TwinTables:
    """`panel` codes people's answers by their place among all answers that were given to the question, and `twins` (people,
    questions) by construction likewise, 0 for an answer that no person gave, NaN for none. `retest` is the share who repeat their
    answer, of so many `again`; `traits` are texts by attribute and `scores` (people, scores) numbers, NaN where unknown."""

    panel: AnswerPanel
    twins: Mapping[str, np.ndarray]
    retest: np.ndarray
    again: np.ndarray
    traits: pd.DataFrame
    scores: np.ndarray


@one_thread
def replicate_twins(request: TwinsRequest, watch: ProgressReporter | None = None) -> TwinsReplication:
    """Twins, the mode, demographics and scores without a model, and both together. InputError for files that cannot be read."""
    began, watch = time.perf_counter(), watch or ProgressReporter()
    tables = read_twins(request)
    truth, choices = tables.panel.codes, tables.panel.items.choices
    judged = {name: agreement(codes, truth, choices) for name, codes in tables.twins.items()}
    best = max(judged, key=lambda name: judged[name].mean_exact)
    watch.report("simulate", 1, 3, "people predicted by others")
    predicted = _predicted(tables, tables.twins[best], request)
    judged |= {name: agreement(codes, truth, choices) for name, codes in predicted.items()}
    watch.report("simulate", 2, 3, "people drawn anew")
    counts = unit_counts(len(truth), MANY_DRAWS, request.seed)
    drawn = {name: drawn_means(item.exact, counts) for name, item in judged.items()}
    # The retest was measured on people too: its own chance is in the ends of a level, and not in those of a difference.
    again = generator_of(request.seed, 1).binomial(tables.again.astype(int), tables.retest, (MANY_DRAWS, len(choices)))
    reference, repeated = float(tables.retest.mean()), (again / tables.again).mean(axis=1)

    def scored(name: str) -> TwinAgreement:
        low, high = central(drawn[name] / repeated, JUDGED)
        return TwinAgreement(
            exact=judged[name].mean_exact, normalised=judged[name].mean_exact / reference, low=float(low), high=float(high),
            variance_ratio=float(np.nanmedian(judged[name].variance_ratio)),
            people=int((~np.isnan(judged[name].exact)).any(axis=1).sum()),
        )  # fmt: skip

    def ahead(one: str, other: str) -> Interval:
        low, high = central((drawn[one] - drawn[other]) / reference, JUDGED)
        return Interval((judged[one].mean_exact - judged[other].mean_exact) / reference, float(low), float(high))

    shown = ("mode", best, "memory", "stack")
    groups = [name for name in GROUPS if name in tables.traits]
    result: TwinsReplication = rounded_result(
        TwinsReplication(
            people=len(truth), items=len(choices), folds=request.folds, retest=reference, best_twin=best,
            engines={name: scored(name) for name in sorted(judged, key=lambda name: -judged[name].mean_exact)},
            stack_over_best=ahead("stack", best), memory_over_best=ahead("memory", best), level=JUDGED,
            parity={
                group: {name: people_parity(judged[name], None, tables.traits[group].tolist(), seed=request.seed, draws=200)
                        for name in shown}
                for group in groups
            },
        )
    )  # fmt: skip
    told = [result.engines, result.stack_over_best]
    return replace(result, result_hash=content_hash(told), seconds=round(time.perf_counter() - began, 3))


def read_twins(request: TwinsRequest) -> TwinTables:
    """The tables of a request, of the people and questions that all of them know."""
    folder = Path(request.twins)
    human = read_answers(folder / HUMAN)
    known = read_columns(Path(request.retest), ("column", "people", "retest_exact"))
    retest = numbers_of(
        known[["people", "retest_exact"]].set_axis(known["column"].fillna("").astype(str)), str(request.retest)
    )
    names = [str(name) for name in human.columns if name in retest.index and human[name].min() < human[name].max()]
    traits, scores = read_traits(request.people), read_answers(request.scores)
    gone = [name for name in human.index if name not in traits.index or name not in scores.index]
    if gone or not names:
        raise InputError(
            f"person {gone[0]} is not there" if gone else "no question is known to all tables",
            where=f"{request.people}, {request.scores}" if gone else str(request.retest),
            allowed="every person of the answers" if gone else "the answers' questions in a column 'column'",
        )  # fmt: skip
    answers = human[names].to_numpy(float)
    given = [np.unique(column[~np.isnan(column)]) for column in answers.T]

    def coded(table: np.ndarray) -> np.ndarray:
        codes = np.full(table.shape, np.nan)
        for place, values in enumerate(given):
            at = np.minimum(np.searchsorted(values, table[:, place]), len(values) - 1)
            met = np.where(values[at] == table[:, place], at + 1.0, 0.0)
            codes[:, place] = np.where(np.isnan(table[:, place]), np.nan, met)
        return codes

    constructions = RawFile(folder / TWIN).load([CONSTRUCTION]).table.to_pandas()[CONSTRUCTION].astype(str).unique()
    items = Items(tuple(names), tuple(names), np.array([len(values) for values in given]))
    return TwinTables(
        AnswerPanel(tuple(map(str, human.index)), items, coded(answers)),
        {
            str(name): coded(read_answers(folder / TWIN, str(name)).reindex(human.index)[names].to_numpy(float))
            for name in sorted(constructions)
        },
        retest.loc[names, "retest_exact"].to_numpy(), retest.loc[names, "people"].to_numpy(),
        traits.loc[human.index].fillna(""), scores.loc[human.index].to_numpy(float),
    )  # fmt: skip


def _predicted(tables: TwinTables, twin: np.ndarray, request: TwinsRequest) -> dict[str, np.ndarray]:
    """The likeliest answers (people, questions), of everybody by the others: mode, cell, demographics, demographics and
    scores (`memory`), and these with a twin's answers to all questions (`stack`)."""
    panel, people = tables.panel, len(tables.panel.people)
    texts = tables.traits.to_numpy(str)
    cells = tables.traits[[name for name in CELL if name in tables.traits]].to_numpy(str)
    found = {name: np.full(panel.codes.shape, np.nan) for name in ("mode", "cell", "demographics", "memory", "stack")}
    for part in np.array_split(generator_of(request.seed).permutation(people), request.folds):
        rest = np.setdiff1d(np.arange(people), part)
        learned = panel.take(rest)
        found["mode"][part] = learned.shares().argmax(axis=1) + 1.0
        found["cell"][part] = cell_answers(learned, cells[rest], cells[part]).codes
        known = [dummies(texts[rest], texts[part])]
        for name, added in (("demographics", None), ("memory", tables.scores), ("stack", twin)):
            if added is not None:
                known.append((ranked(added[rest], added[rest]), ranked(added[rest], added[part])))
            found[name][part] = _likeliest(learned, *(np.hstack([pair[side] for pair in known]) for side in (0, 1)))
    return found


def ranked(panel: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where values (people, columns) lie among a panel's, −1 to 1, ties in the middle; 0 where unknown."""
    found = np.zeros(values.shape)
    for place, column in enumerate(panel.T):
        known = np.sort(column[~np.isnan(column)])
        if len(known):
            ends = [np.searchsorted(known, values[:, place], side=side) for side in ("left", "right")]
            found[:, place] = np.where(np.isnan(values[:, place]), 0.0, (ends[0] + ends[1]) / len(known) - 1)
    return found


def _likeliest(panel: AnswerPanel, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The likeliest answer of each by a ridge on what is known of people (people, features)."""
    features, answers = scale_of(ours), scale_of(panel.codes)
    scores = best_scores(
        ridge_scores(features.standardised(ours), features.standardised(theirs), answers.standardised(panel.codes)),
        panel,
    )
    codes = np.zeros((len(theirs), len(panel.items.names)))
    for start in range(0, codes.shape[1], AT_ONCE):
        own = slice(start, start + AT_ONCE)
        items = Items(panel.items.names[own], panel.items.instruments[own], panel.items.choices[own])
        part = replace(scores, panel=scores.panel[:, own], asked=scores.asked[:, own])
        found = ordered_answers(AnswerPanel(panel.people, items, panel.codes[:, own]), part).probabilities
        assert found is not None
        codes[:, own] = found.argmax(axis=2) + 1.0
    return codes
