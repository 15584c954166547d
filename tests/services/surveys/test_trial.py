"""What ships of the small model's answers: a run and a question are made from it without any model, and say what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cognition.llm.local_weights import MODELS_VARIABLE, SMALL
from core.report.documents import document_of
from core.report.renderers.html import html_text
from core.report.renderers.terminal import terminal_text
from core.services.runs.results import RunResult
from core.services.surveys.ask import survey_result
from core.services.surveys.trial import try_local
from core.store.database import Store


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
    assert run.asking is not None and run.asking.calls == run.asking.repairs == 0
    assert (run.asking.cached + run.asking.failed, asked.failed, asked.rotations) == (run.asking.distinct, 0, 2)
    # The figures that README shows of it.
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert f"| {run.macro_rmse['twin']:.1f} | {run.macro_rmse['paper']:.1f} |" in readme
    assert f"{run.asking.cached:,} of {run.asking.distinct:,}" in readme
    assert f"{100 * run.coherence.as_expected / run.coherence.comparisons:.1f} |" in readme
