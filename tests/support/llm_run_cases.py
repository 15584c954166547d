"""Runs of a language model for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llm_cases import expected
from llm_servers import (
    ServerUrl,
)
from small_runs import SHORT, TEST_END, TRAIN_END

from core.cognition.engine import DAY_TYPE
from core.cognition.llm.canaries import CANARIES, REPEATS
from core.cognition.llm.fenced import one_line
from core.services.runs.results import RunResult
from core.services.studies.inputs import open_study
from core.services.studies.requests import ModelOptions, RunRequest
from core.store.database import Store

PEOPLE, TRIALS = 2, 2
CANARY_CALLS = len(CANARIES) * REPEATS
STUDY = open_study("meridia").study


def request(url: str, engine: str = "openai", *, people: int | None = PEOPLE, **asking: Any) -> RunRequest:
    return RunRequest(
        "meridia",
        personas=people,
        trials=TRIALS,
        asking=ModelOptions(engine, "test-model", base_url=str(url), **asking),
        **SHORT,
    )


def words(url: str, *more: str) -> list[str]:
    """The command line of `request`."""
    asked = ["--engine", "openai", "--model", "test-model", "--base-url", str(url)]
    size = ["--personas", str(PEOPLE), "--trials", str(TRIALS)]
    return ["run", "meridia", *asked, *size, "--train-end", str(TRAIN_END), "--test-end", str(TEST_END), *more]


def checked_answers(store: Store, run_id: str, *, missing: int = 0) -> None:
    """Every stored answer is the one that the model gives to that persona in that context; `missing` are NaN."""
    responses, ids, personas = store.read_responses(run_id)
    contexts = store.read_result("contexts", run_id).set_index("context_id")["attributes"]
    texts = store.read("personas", population_id=store.run(run_id).record.population_id).set_index("persona_id")["text"]
    assert list(personas) == list(range(len(texts))) and len(ids) == len(contexts)
    wrong = gone = 0
    for place, context_id in enumerate(ids):
        context = {name: np.nan if value is None else value for name, value in contexts[context_id].items()}
        for person in personas:
            for position, behaviour in enumerate(STUDY.behaviour_ids):
                found = responses[place, person, position]
                wanted = expected(one_line(texts[person]), context, context[DAY_TYPE], behaviour, of=STUDY)
                gone += np.isnan(found)
                wrong += not np.isnan(found) and found != np.float32(wanted)
    assert (wrong, gone > 0) == (0, missing > 0)


@dataclass
class AskedRun:
    """A finished run whose model is there to be asked more."""

    url: ServerUrl
    store: Store
    summary: RunResult

    @property
    def run_id(self) -> str:
        return self.summary.run_id
