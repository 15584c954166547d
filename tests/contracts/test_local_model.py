"""The real model on this machine: the engine contract, percents in range, equal answers, and no server left behind.

Its weights are fetched as a user fetches them, once for all workers; where that cannot be, these tests are skipped and say why.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from behaviour_cases import study
from llm_cases import people, some_contexts
from local_model_cases import answers_with

from core.cognition.engine import ResponseEngine
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.canaries import REPEATS
from core.cognition.llm.engine import LanguageEngine, language_engine
from core.cognition.llm.local_server import close_servers, enter_server, leave_server
from core.cognition.llm.local_weights import MODELS_VARIABLE, SMALL, SMOLLM2, caution_of, models_folder, weights_of
from core.cognition.llm.prices import load_prices, price_of
from core.cognition.llm.types import ModelSpec
from core.errors import InputError
from core.execution.executor import Executor
from core.services.language.answer_cache import import_answers
from core.services.language.local_models import fetch_model, local_models, model_is_here, serve_model
from core.services.populations.synthesis import make_population
from core.services.surveys.trial import ANSWERS
from core.settings import shipped_data
from core.store.database import Store
from core.study import Study, load_study
from core.survey.ask import SurveyRespondents, ask_survey
from core.survey.prompts import SurveyWriter, load_survey_prompts
from core.survey.questions import SurveyQuestion
from core.testing.engine_contract import EngineContract

#: CPU seconds of the model after which a run is killed: it is loaded, and has not answered everything.
SECONDS_ASKED = 4.0


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The weights in a folder of the tests', fetched unless this machine has them."""
    pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    with pytest.MonkeyPatch.context() as patch:
        if not model_is_here():
            patch.setenv(MODELS_VARIABLE, str(tmp_path_factory.mktemp("models")))
            try:
                fetch_model()
            except InputError as wrong:
                pytest.skip(f"no weights: {wrong}")
        yield weights_of(SMOLLM2.name)
        close_servers()


@pytest.fixture(scope="module")
def cache() -> Iterator[AnswerCache]:
    """Answers of all tests of a class: each question is put to the model once in this process."""
    with AnswerCache() as kept:
        yield kept


def one_behaviour() -> Study:
    """One behaviour and two indicators: reading the prompt is most of the time that an answer takes."""
    return replace(study(), behaviours=study().behaviours[:1], indicators=study().indicators[:2])


def few(count: int) -> pd.DataFrame:
    """People in few words."""
    found = people(count)
    return found.assign(text=found["text"].str.split(".").str[0] + ".")


def asking(cache: AnswerCache | None = None, **options: object) -> LanguageEngine:
    given = {"model": SMOLLM2.name, "days": "apart", "seed": 3, "timeout": 300, **options}
    return language_engine(one_behaviour(), "local", given, cache=cache)


class TestLocal(EngineContract):
    """Few short questions: two texts for three people, two situations, one behaviour and kind of day in each."""

    @pytest.fixture
    def engine(self, weights: Path, cache: AnswerCache) -> LanguageEngine:
        return asking(cache)

    @pytest.fixture
    def personas(self) -> pd.DataFrame:
        return pd.concat([few(2), few(1)], ignore_index=True)

    @pytest.fixture
    def contexts(self) -> pd.DataFrame:
        return some_contexts().iloc[[0, 7, 0]].reset_index(drop=True)

    @pytest.fixture
    def behaviours(self) -> tuple[str, ...]:
        return one_behaviour().behaviour_ids

    def test_another_process_gives_the_same_answer(
        self, engine: ResponseEngine, personas: pd.DataFrame, contexts: pd.DataFrame, elsewhere: Executor
    ) -> None:
        """There the cache is not, so that a server of its own is asked: about one person in one situation."""
        one = engine, personas.iloc[:1], contexts.iloc[:1]
        there = elsewhere.submit(answers_with, str(models_folder()), *one).result()
        assert np.array_equal(there, engine.respond(*one[1:]))


def test_equal_seeds_have_equal_answers_whatever_was_asked_before(weights: Path, cache: AnswerCache) -> None:
    one, situation = few(1), some_contexts().iloc[:1]
    # As it was asked among the questions of the contract, after another one, whose beginning is known, and after itself, when
    # nothing is.
    first = asking(cache).ask(one, situation)
    again, at_once = (asking().ask(one, situation) for _ in range(2))
    assert np.array_equal(first.values, again.values)
    assert first.outcomes[0].raw == again.outcomes[0].raw == at_once.outcomes[0].raw
    assert first.values.min() >= 0 and first.values.max() <= 1
    assert all(item.attempts == 1 for item in again.outcomes)  # the server holds the model to whole percents
    assert first.model_ids == (f"{SMOLLM2.name}-{SMOLLM2.sha256[:12]}",) and caution_of(*first.model_ids) == SMALL


def test_it_costs_nothing_and_needs_no_key() -> None:
    assert price_of(ModelSpec("local", SMOLLM2.name), load_prices()) == (None, "a model on this machine has no price")


def test_no_server_is_left_when_whoever_started_it_is_killed(weights: Path) -> None:
    script = (
        "from core.cognition.llm.local_server import enter_server; import time; "
        f"print(enter_server({SMOLLM2.name!r}).process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        assert server.is_running()
        os.kill(parent.pid, signal.SIGKILL)
    ends = time.monotonic() + 10
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends, "the server outlived its parent"
        time.sleep(0.05)


def test_a_server_that_died_is_started_again(weights: Path) -> None:
    server = enter_server(SMOLLM2.name)
    server.process.kill()
    server.process.wait()
    leave_server(server)
    other = enter_server(SMOLLM2.name)
    assert other.runs and other.address != server.address
    leave_server(other)


def test_what_is_absent_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="policytwin models fetch"):
        weights_of(SMOLLM2.name)
    with pytest.raises(InputError, match="smollm2-135m"):
        weights_of("smollm2")
    wrong = tmp_path / "other.bin"
    wrong.write_bytes(b"none")
    with pytest.raises(InputError, match="no file of weights"):
        fetch_model(file=wrong)
    with pytest.raises(InputError, match="port"), serve_model(port=70_000):
        pass
    assert not model_is_here() and local_models().models[0].file is None


def test_weights_of_ones_own_have_their_own_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "models"))
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"GGUF" + bytes(8))
    found = fetch_model(file=mine)
    assert (found.model.name, found.model.checked, found.model.caution) == ("mine", None, None)
    assert weights_of("mine") == models_folder() / "mine.gguf"
    taken = tmp_path / f"{SMOLLM2.name}.gguf"
    taken.write_bytes(b"GGUF" + bytes(9))
    with pytest.raises(InputError, match="a name of their own"):
        fetch_model(file=taken)


def test_each_answer_is_valid_by_log_probabilities(weights: Path) -> None:
    meridia = load_study("meridia")
    question = SurveyQuestion.of_choices("Should shops be open on Sundays?", ["Yes", "No"])
    writer = SurveyWriter(meridia, load_survey_prompts(letters=True), question)
    two = make_population(meridia, 2, 0).personas
    two = two.assign(text=two["text"].str.split(".").str[0] + ".")
    spec = ModelSpec("local", SMOLLM2.name, timeout=300)
    found = ask_survey(writer, two, SurveyRespondents("local", spec, rotations=2))
    assert np.allclose(found.values.sum(axis=-1), 1) and found.values.shape == (2, 1, 2) and not found.problems
    assert [(item.attempts, item.tokens_out) for item in found.outcomes] == [(1, 1)] * 4  # none was mended
    assert 0 < (found.unread or 0) < 0.5
    for person, pair in enumerate(zip(found.outcomes[::2], found.outcomes[1::2], strict=True)):
        straight, turned = (item.answer["letters"] for item in pair)
        assert found.values[person, 0, 0] == pytest.approx((straight["A"] + turned["B"]) / 2)


def test_a_run_killed_while_it_asks_is_taken_up_by_the_same_command(weights: Path, tmp_path: Path) -> None:
    """kill -9 of `policytwin run meridia --engine local`, of whose questions all but one are answered by what ships."""
    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        import_answers(store, shipped_data() / ANSWERS)
        rows = store.read("llm_calls", columns=["key", "prompt_version", "design"])
        asked = rows[(rows["prompt_version"] == "mobility-2") & (rows["design"] == "blinded")]
        AnswerCache(store).forget(asked["key"].iloc[:1])
    script = Path(__file__).parents[1] / "support" / "killed_model.py"
    line = [sys.executable, str(script), "run", "meridia", "--engine", "local", "--trials", "2", "--timeout", "300"]
    line += ["--json", "--db", str(path)]
    killed = subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while sum(item.cpu_times().user for item in psutil.Process(killed.pid).children()) < SECONDS_ASKED:
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    with Store(path) as store:
        [row] = store.runs(kind="run").to_dict("records")
        kept = len(store.read("llm_calls", columns=["key"], run_id=row["run_id"]))
    assert row["status"] == "interrupted" and kept < 1 + REPEATS
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    values = json.loads(done.stdout)
    assert values["run_id"] == row["run_id"] and values["asking"]["calls"] == 1 + REPEATS - kept
    assert values["asking"]["of_run"]["answered"] == 1 + REPEATS and not values["asking"]["failed"]
