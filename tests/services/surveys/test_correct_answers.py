"""What personas said, corrected by what people said to other questions: kept, reported, made again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from llm_servers import openai_server
from survey_cases import asked_of, asking, kept, scripted

from core.cli import main
from core.errors import InputError
from core.report.documents import write_report
from core.report.renderers.terminal import terminal_text
from core.report.sentences.corrections import correction_document
from core.services.library.archive import load_result
from core.services.library.reruns import rerun
from core.services.surveys.ask import ask_people
from core.services.surveys.correct import CorrectionRequest, correct, plan_correction
from core.services.surveys.people_shares import read_people_shares
from core.store.database import Store
from core.survey.mapping import AnswerMapping
from core.survey.questions import SurveyQuestion

NEW = SurveyQuestion.of_choices("Should shops be open at night?", ["Yes", "No"], situation="A long weekend.")
OTHERS = [f"Should {what} be open?" for what in ("schools", "parks", "museums", "pools", "banks")]


def _persona(person, sample):
    """A model that agrees far too much, the old less so."""
    yes = 0.8 if person["age_group"] in ("50-64", "65+") else 0.95
    return [yes, round(1 - yes, 2)]


def _people(folder: Path, shares=None) -> Path:
    shares = [0.4, 0.45, 0.5, 0.42, 0.48] if shares is None else shares
    rows = [(text, round(1000 * share), 1000 - round(1000 * share)) for text, share in zip(OTHERS, shares, strict=True)]
    rows += [(NEW.text, 999, 1), ("Three answers?", 1, None)]
    path = folder / "people.csv"
    pd.DataFrame(rows, columns=["question", "Yes", "No"]).to_csv(path, index=False)
    return path


@pytest.fixture
def asked(store: Store, tmp_path: Path):
    """The id of a question that 8 personas answered, of a model that answers others too, and people's answers to those."""
    identifier, population = kept(store, 8)
    with openai_server(scripted("openai", population, _persona)) as url:
        found = ask_people(store, identifier, NEW, asking=asking("openai", url), personas=8)
        yield found.run_id, _people(tmp_path), url


def test_people_s_other_answers_pull_the_personas_back(store: Store, asked, tmp_path: Path) -> None:
    run_id, path, url = asked
    people = read_people_shares(path, NEW)
    plan = plan_correction(store, run_id, people)
    assert (plan.asked, len(plan.unasked), plan.calls) == (0, 5, 5 * (8 + 15)), "canaries with each"
    with pytest.raises(InputError, match="0 questions were answered by people and by these personas"):
        correct(CorrectionRequest(run_id, path), store)
    result = correct(CorrectionRequest(run_id, path, ask=True), store)
    assert len(asked_of(url)) == 6 * 8
    yes = result.predicted.shares[0]
    assert result.predicted.raw[0] > 0.85 and 0.38 < yes.value < 0.55
    assert yes.lower < yes.value < yes.upper and result.predicted.helps
    assert set(result.left_out) == {NEW.text, "Three answers?"}, "what people said to the question itself is not read"
    assert correct(CorrectionRequest(run_id, path, ask=True), store) == result
    assert load_result(store, result.run_id) == result
    text = terminal_text(correction_document(result))
    assert "each predicted from the others" in text and "What would people answer" in text
    again = rerun(store, result.run_id)
    assert again.same, again.changes
    report = write_report(store, result.run_id, tmp_path / "corrected.html").read_text(encoding="utf-8")
    assert "Should shops be open at night?" in report and "What this rests on" in report


def test_mapped_questions_correct_each_other_and_the_command_prints_it(tmp_path: Path, capsys) -> None:
    scale = SurveyQuestion.of_scale("How worried are you?", 1, 5, "Not at all", "Very")
    rng = np.random.default_rng(0)
    with Store(tmp_path / "store.duckdb") as store:
        identifier, population = kept(store, 40)
        traits = population.spec.trait_names
        runs = {}
        for place, text in enumerate([scale.text, *OTHERS]):
            mapping = AnswerMapping("trait", traits[place % len(traits)])
            runs[text] = ask_people(store, identifier, replace(scale, text=text), mapping=mapping).run_id
    rows = pd.DataFrame(rng.dirichlet([6, 5, 4, 3, 2], len(OTHERS)) * 500, columns=list("12345"))
    rows.insert(0, "question", OTHERS)
    rows.to_parquet(tmp_path / "people.parquet")
    command = ["survey", "correct", runs[scale.text], "--people", str(tmp_path / "people.parquet"), "--db",
               str(tmp_path / "store.duckdb")]  # fmt: skip
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(item["value"] for item in found["predicted"]["shares"]) == pytest.approx(1, abs=1e-5)
    assert found["predicted"]["questions"] == 5 and found["predicted"]["missed"].keys() == {
        "calibrated", "raw", "trivial", "corrected",
    }  # fmt: skip
    assert main(["report", found["run_id"], "--to", str(tmp_path / "r.html"), "--db", command[-1]]) == 0
    assert main(["show", found["run_id"], "--db", command[-1]]) == 0
    assert "What would people answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("text,a,b\nx,1,2\n", "columns: question"),
        ("question,a,b\nx,many,2\n", "'many' is no number of people"),
        ("question,a,b\nx,-3,2\n", "'-3' is no number of people"),
    ],
)
def test_what_is_no_table_of_people_s_answers_is_refused(tmp_path: Path, table: str, said: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(table)
    with pytest.raises(InputError, match=said):
        read_people_shares(path, NEW)


def test_other_words_of_as_many_answers_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("question,answers,a,b\nBuild it?,For|Against,30,70\nEmpty?,For|Against,0,0\n")
    found = read_people_shares(path, NEW)
    assert found.questions[0].labels == ("For", "Against") and found.shares[0] == (0.3, 0.7)
    assert found.left_out == {"Empty?": "no person answered"}
