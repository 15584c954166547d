"""What ships of the small model's answers: a run and a question are made from it without any model, and say what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cognition.llm.local_weights import MODELS_VARIABLE, SMALL
from core.execution.progress import ProgressReporter
from core.report.documents import document_of
from core.report.renderers.html import html_text
from core.report.renderers.terminal import terminal_text
from core.services.evaluation import asked_scores as measuring
from core.services.runs.results import RunResult
from core.services.surveys.ask import survey_result
from core.services.surveys.trial import try_local
from core.store.database import Store
from core.validity.measured import AskedScores, read_measured


def test_shipped_answers_make_a_run_and_a_question_without_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "none"))
    with Store(tmp_path / "a.duckdb") as store:
        found = try_local(store)
        run, asked = RunResult.from_dict(store.run(found.run_id).summary), survey_result(store.run(found.asked))
        for name in (found.run_id, found.asked):
            document = document_of(store, name)
            assert SMALL in terminal_text(document) and SMALL in html_text(document)
        assert try_local(store) == found
        # What README and the screen quote of these answers is what they come to.
        monkeypatch.setattr(measuring, "SHIPPED", {"meridia": measuring.SHIPPED["meridia"]})
        now = measuring.asked_scores(store, None, ProgressReporter())
    kept = read_measured(AskedScores, "asked_small")
    assert kept is not None
    [split] = now.splits
    shipped = kept.of_study("meridia")
    assert shipped is not None and (split.answered, split.questions, split.fewest) == (
        shipped.answered, shipped.questions, shipped.fewest,
    )  # fmt: skip
    for mine, theirs in ((split.model, shipped.model), (split.rules, shipped.rules)):
        assert mine["twin"] == pytest.approx(theirs["twin"], abs=1e-3) and mine.keys() == theirs.keys()
    assert (now.checks is None) == (kept.checks is None)
    if now.checks is not None and kept.checks is not None:
        assert (now.checks.questions, now.checks.cues_moved) == (kept.checks.questions, kept.checks.cues_moved)
    assert now.canaries_valid == now.canaries_asked == kept.canaries_asked > 0
    assert run.asking is not None and run.asking.calls == run.asking.repairs == 0
    assert (run.asking.cached + run.asking.failed, asked.failed, asked.rotations) == (run.asking.distinct, 0, 2)
    assert split.model["twin"] == pytest.approx(run.macro_rmse["twin"], abs=1e-3)
