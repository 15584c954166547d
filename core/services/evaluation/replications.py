"""People's answers predicted by what else they answered, and judged by how well people agree with themselves.

1. the panel: people of whom answers are learned; the others answered twice, and are predicted;
2. each engine answers for them every item from their answers to other instruments only, or from less;
3. agreement with their first answers, over agreement of their second answers with the first;
4. the same by group, and how far groups lie apart by chance.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.execution.threads import one_thread
from core.portrait.baselines import (
    cell_answers,
    demographic_answers,
    donors_of,
    drawn_answers,
    median_answers,
    mode_answers,
    random_answers,
)
from core.portrait.memory_engine import (
    memory_answers,
    memory_of_scores,
    neighbour_answers,
    panel_scores,
    ridge_of_scores,
)
from core.portrait.panel import AnswerPanel, PredictedAnswers
from core.records import content_hash
from core.result import Result
from core.services.evaluation.replication_files import PEOPLE, read_items, read_people
from core.services.evaluation.replication_results import (
    ENGINES,
    AnswersReplication,
    AnswersRequest,
    EngineAgreement,
    Measures,
    RetestAgreement,
    Spread,
)
from core.statistics.bootstrap import generator_of
from core.statistics.levels import JUDGED
from core.validity.item_structure import calibration_error, item_structure
from core.validity.people_parity import people_parity
from core.validity.retest import Agreement, RetestDraws, agreement, log_score, mean_agreement

DIGITS = 4
#: Fewer people, learned from or predicted, say nothing.
FEWEST_PEOPLE = 10
RANDOM_DRAWS = 5
#: What is left of the other answers in a shortened interview.
SHORTENED = 0.2
NOT_AGAIN, NO_FIRST = "people who answered once only", "people without first answers"
IN_BOTH = "people of the first folder who are in the second too: not learned from"
NO_RETEST = "items that nobody answered twice"


@dataclass(frozen=True)
class Split:
    """Who is learned from (`panel`), and who is predicted: their answers and the same asked again. `panel_traits` and `traits`
    are texts (people, attributes), named by `attributes`."""

    panel: AnswerPanel
    people: AnswerPanel
    again: AnswerPanel
    panel_traits: np.ndarray
    traits: np.ndarray
    attributes: tuple[str, ...]
    left_out: Mapping[str, int]


@one_thread
def replicate_answers(request: AnswersRequest, watch: ProgressReporter | None = None) -> AnswersReplication:
    """How well an engine, and what stands beside it, answers for people it has not seen. InputError for files that cannot be
    read, and for too few people."""
    began, watch = time.perf_counter(), watch or ProgressReporter()
    split = read_split(request.answers, request.predict)
    watch.report("simulate", 0, 2, "engines")
    judged = ~np.isnan(split.people.codes - split.again.codes).all(axis=0)
    choices, truth = split.panel.items.choices[judged], split.people.codes[:, judged]
    retest = agreement(split.again.codes[:, judged], truth, choices)
    found, spread = _agreements(split, judged, request)
    watch.report("simulate", 1, 2, "people drawn anew")
    draws, mode = RetestDraws(retest, seed=request.seed), found["mode"]
    asked = found[request.engine]
    parity, mode_parity = (
        {
            name: people_parity(agent, retest, split.traits[:, place].tolist(), seed=request.seed)
            for place, name in enumerate(split.attributes)
        }
        for agent in (asked, mode)
    )
    result = AnswersReplication(
        engine=request.engine, people=len(split.people.people), panel=len(split.panel.people), items=int(judged.sum()),
        instruments=len(set(split.panel.items.instruments)), near_copies=len(split.panel.items.copies),
        engines={name: _scores(found[name], retest, mode, draws) for name in ENGINES if name in found},
        retest=RetestAgreement(people=len(split.people.people), items=int(judged.sum()), **_measures(retest)),
        parity=parity, mode_parity=mode_parity, spread=spread, level=JUDGED,
        left_out={**split.left_out, **({NO_RETEST: int((~judged).sum())} if not judged.all() else {})},
    )  # fmt: skip
    result = rounded_result(result)
    told = [result.engines, result.retest, result.parity]
    return replace(result, result_hash=content_hash(told), seconds=round(time.perf_counter() - began, 3))


def read_split(answers: str | Path, predict: str | Path | None) -> Split:
    """Who is learned from and who is predicted, from one folder or two. Nobody is both."""
    items = read_items(answers)
    here = read_people(answers, items, again=predict is None)
    there = here if predict is None else read_people(predict, items, again=True)
    assert there.again is not None
    first = {name: row for row, name in enumerate(there.first.people)}
    asked = [row for row, name in enumerate(there.again.people) if name in first]
    people = there.first.take([first[there.again.people[row]] for row in asked])
    unlearned = set(people.people) if predict is None else set(first)
    panel = here.first.take([row for row, name in enumerate(here.first.people) if name not in unlearned])
    for number, whose, folder in (
        (len(panel.people), "to learn from", answers), (len(people.people), "answered twice", predict or answers)
    ):  # fmt: skip
        if number < FEWEST_PEOPLE:
            raise InputError(f"{number} people {whose}", where=str(folder), allowed=f"{FEWEST_PEOPLE} or more")
    attributes = [str(name) for name in there.people if name in here.people]
    counts = {
        NO_FIRST: len(there.again.people) - len(asked),
        NOT_AGAIN: 0 if predict is None else len(first) - len(asked),
        IN_BOTH: 0 if predict is None else len(unlearned & set(here.first.people)),
    }
    return Split(
        panel, people, there.again.take(asked),
        here.people.loc[list(panel.people)][attributes].to_numpy(str),
        there.people.loc[list(people.people)][attributes].to_numpy(str),
        tuple(attributes), {why: number for why, number in counts.items() if number},
    )  # fmt: skip


def _agreements(split: Split, judged: np.ndarray, request: AnswersRequest) -> tuple[dict[str, Agreement], Spread]:
    """Of every engine with people's first answers to the items that are judged; and how answers drawn from `memory` spread."""
    panel, people, theirs, traits = split.panel, split.people, split.panel_traits, split.traits
    choices, truth, count = panel.items.choices[judged], people.codes[:, judged], len(people.people)

    def judge(found: PredictedAnswers) -> Agreement:
        return agreement(found.codes[:, judged], truth, choices, found.levels[:, judged])

    scores = panel_scores(panel, people)
    memory = memory_of_scores(panel, *scores)
    names = len(panel.items.names)
    kept = generator_of(request.seed, 1).permutation(names) < SHORTENED * names
    found = {
        "memory": judge(memory), "ridge": judge(ridge_of_scores(panel, scores[0])),
        "neighbours": judge(neighbour_answers(panel, people)),
        "memory_fifth": judge(memory_answers(panel, people, kept)),
        "shuffled": mean_agreement([judge(memory.take(rows)) for rows in donors_of(traits, generator_of(request.seed, 2)).T]),
        "median": judge(median_answers(panel, count)), "mode": judge(mode_answers(panel, count)),
        "random": mean_agreement(
            [judge(random_answers(panel, count, generator_of(request.seed, 3, draw))) for draw in range(RANDOM_DRAWS)]
        ),
    }  # fmt: skip
    if split.attributes:
        found |= {
            "demographics": judge(demographic_answers(panel, theirs, traits)), "cell": judge(cell_answers(panel, theirs, traits))
        }  # fmt: skip
    if request.engine not in found:
        raise InputError(f"nothing is known of people, which {request.engine} needs", where=str(request.answers),
                         allowed=f"a file {PEOPLE} of attributes, in every folder")  # fmt: skip
    assert memory.probabilities is not None
    drawn = PredictedAnswers(drawn_answers(memory, generator_of(request.seed, 4)))
    possible = memory.probabilities[:, judged]
    shares = np.broadcast_to(panel.shares(), memory.probabilities.shape)
    spread = Spread(
        variance_ratio=float(np.nanmedian(judge(drawn).variance_ratio)),
        log_score=log_score(possible, truth), log_score_of_shares=log_score(shares[:, judged], truth),
        calibration_error=calibration_error(possible, truth),
        structure=item_structure(drawn.codes[:, judged], truth, seed=request.seed),
    )  # fmt: skip
    return found, spread


def _measures(found: Agreement) -> dict[str, Any]:
    return {"exact": found.mean_exact, "partial": found.mean_partial, "correlation": found.mean_correlation}


def _scores(found: Agreement, retest: Agreement, mode: Agreement, draws: RetestDraws) -> EngineAgreement:
    measured, reference = _measures(found), _measures(retest)
    normalised: dict[str, Any] = {
        name: None if value is None or not reference[name] else value / reference[name]
        for name, value in measured.items()
    }
    interval = draws.normalised(found)
    ahead = retest.mean_exact - mode.mean_exact
    return EngineAgreement(
        **measured, normalised=Measures(**normalised), low=interval.low, high=interval.high,
        variance_ratio=float(np.nanmedian(found.variance_ratio)),
        band=(found.mean_exact - mode.mean_exact) / ahead if ahead else 0.0, lead=draws.lead(found, mode),
    )  # fmt: skip


def rounded_result(result: Result) -> Any:
    """The result with its numbers at `DIGITS` decimals."""

    def short(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, DIGITS)
        if isinstance(value, dict):
            return {name: short(part) for name, part in value.items()}
        return [short(part) for part in value] if isinstance(value, list | tuple) else value

    return type(result).from_dict(short(result.as_dict()))
