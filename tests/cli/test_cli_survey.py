"""`policytwin survey`: keys that others read, and what it says to tables that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from twin_cases import small_pair

from core.cli import main

METHODS = "ridge,synthetic_control"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    twins, people = small_pair()
    names = [f"q{place}" for place in range(people.shape[1])]
    paths = tmp_path / "people.csv", tmp_path / "twins.csv"
    for table, path in zip((people, twins), paths, strict=True):
        pd.DataFrame(table, columns=names, index=pd.Index(range(100, 100 + len(table)), name="id")).to_csv(path)
    return paths


def _run(pair: tuple[Path, Path], *more: str) -> list[str]:
    return ["survey", "calibrate", "--human", str(pair[0]), "--twin", str(pair[1]), "--methods", METHODS, *more]


@pytest.mark.parametrize("target", ["question", "user"])
def test_calibrate_prints_the_keys_that_are_read(pair, target, capsys) -> None:
    assert main(_run(pair, "--target", target, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["methods"]) == set(METHODS.split(","))
    for item in found["methods"].values():
        assert {"mean_correlation", "mean_correlation_defined", "standard_error", "seconds"} <= set(item)
        assert 0.3 < item["mean_correlation"] <= 1
    assert found["raw"]["mean_correlation"] > 0 and found["trivial"]["mean_correlation"] > -1
    assert found["questions"] == 9 and found["left_out"] == {}


def test_the_terminal_says_which_wins(pair, capsys) -> None:
    assert main(_run(pair)) == 0
    said = capsys.readouterr().out
    assert "Do calibrated twins predict a new question?" in said and "Trivial baseline, no twin" in said


def _changed(pair, change) -> tuple[Path, Path]:
    frames = [pd.read_csv(path, index_col=0) for path in pair]
    for frame, path in zip(change(*frames), pair, strict=True):
        frame.to_csv(path)
    return pair


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p, t: (p, t.set_axis(t.index + 1000)), "people such as 100, 48 twins such as 1100"),
        (lambda p, t: (p, t * 100 + 5000), "left out: 9 (twins answer on another scale than people)"),
        (lambda p, t: (t, t), "both tables hold the same answers"),
        (lambda p, t: (p * np.nan, t), "left out: 9 (no person answered)"),
        (lambda p, t: (p.assign(q3=np.inf), t), "id 100, question q3: 'inf' is no number"),
        (lambda p, t: (p, t[["q0"]]), "1 questions are left that people and twins both answered"),
        (lambda p, t: (pd.concat([p, p.iloc[:1]]), t), "id 100 is there twice"),
        (lambda p, t: (p.astype({"q3": object}).assign(q3="often"), t), "'often' is no number"),
        (lambda p, t: (p[[]], t), "has no column of answers"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_said(pair, change, said, capsys) -> None:
    assert main(_run(_changed(pair, change))) == 2
    assert said in capsys.readouterr().err


def test_questions_that_cannot_be_scored_are_left_out_and_counted(pair, capsys) -> None:
    def change(people, twins):
        people = people.assign(q1=np.nan, q2=3.0)
        people.iloc[0, people.columns.get_loc("q5")] = -99
        return people.assign(only=1.0), twins.assign(q4=twins["q4"] * 100 + 5000)

    assert main(_run(_changed(pair, change), "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["questions"] == 5
    assert found["left_out"] == {
        "only": "in one of the two tables only",
        "q1": "no person answered",
        "q2": "every person gave the same answer",
        "q4": "twins answer on another scale than people",
        "q5": "-99 looks like a code for no answer, where an empty cell is read as that",
    }


def test_of_several_constructions_one_is_named(pair, capsys) -> None:
    twins = pd.read_csv(pair[1])
    pd.concat([twins.assign(construction="text"), twins.assign(construction="json")]).set_index("id").to_csv(pair[1])
    assert main(_run(pair)) == 2
    assert "--construction with one of json, text" in capsys.readouterr().err
    assert main(_run(pair, "--construction", "texts")) == 2
    assert "Nearest valid: text" in capsys.readouterr().err
    assert main(_run(pair, "--construction", "text", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["construction"] == "text"


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_distribution_prints_seven_scores_of_each_way(kind, tmp_path, capsys) -> None:
    random = np.random.default_rng(0)
    questions, said = [f"q{place}" for place in range(30)], random.integers(1, 6, (30, 20))
    pd.DataFrame(said, index=pd.Index(questions, name="question")).to_csv(tmp_path / "answers.csv")
    counts = np.stack([np.bincount(row[:6], minlength=6)[1:] for row in said]) * 10 + 1
    if kind == "csv":
        frame = pd.DataFrame(counts, columns=list("12345"), index=pd.Index(questions, name="question"))
        frame.assign(title="what").to_csv(tmp_path / "targets.csv")
    else:
        words = ["a lot", "some", "little", "none", "Refused"]
        items = {
            name: {"choices": words, "choice_counts": {str(k + 1): int(n) for k, n in enumerate(row)}}
            for name, row in zip(questions, counts, strict=True)
        }
        (tmp_path / "targets.json").write_text(json.dumps(items))
    words = [
        "survey",
        "distribution",
        "--answers",
        str(tmp_path / "answers.csv"),
        "--targets",
        str(tmp_path / f"targets.{kind}"),
    ]
    assert main([*words, "--objective", "tv", "--seeds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for way in ("calibrated", "personas_only", "dummies_only", "uniform", "trivial_mean", "shrunk"):
        assert set(found[way]["scores"]) == {"tv", "chi2", "kl", "hellinger", "ks", "l1", "l2"}
    assert found["calibrated"]["scores"]["tv"] < found["trivial_mean"]["scores"]["tv"]
    assert found["unordered"] == ([] if kind == "csv" else ["Refused"])
    assert main([*words, "--objective", "tvv"]) == 2
    assert "Nearest valid: tv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, c: (a, c.where(c != 7, -7)), "question q3, answer 2: -7 is no number of people"),
        (lambda a, c: (a, c.astype(object).where(c != 7, "many")), "question q3, answer 2: 'many' is no number"),
        (lambda a, c: (a, pd.concat([c, c.iloc[:1]])), "question q0 is there twice"),
        (lambda a, c: (a * 20 + 100, c), "left out: 12 (twins' answers are none of the options)"),
    ],
)  # fmt: skip
def test_counts_that_are_none_are_said(change, said, tmp_path, capsys) -> None:
    index = pd.Index([f"q{place}" for place in range(12)], name="question")
    answers = pd.DataFrame(np.random.default_rng(0).integers(1, 4, (12, 20)), index=index)
    counts = pd.DataFrame(10, index=index, columns=list("123"))
    counts.iloc[3, 1] = 7
    for frame, name in zip(change(answers, counts), ("answers", "targets"), strict=True):
        frame.to_csv(tmp_path / f"{name}.csv")
    files = ["--answers", str(tmp_path / "answers.csv"), "--targets", str(tmp_path / "targets.csv")]
    assert main(["survey", "distribution", *files]) == 2
    assert said in capsys.readouterr().err


def test_a_question_that_people_were_not_asked_is_predicted(pair, capsys) -> None:
    people = pd.read_csv(pair[0], index_col=0)
    truth = people["q3"]
    words = ["survey", "predict", "--human", str(pair[0]), "--twin", str(pair[1]), "--question", "q3", "--json"]
    assert main(words) == 0
    known = json.loads(capsys.readouterr().out)
    people.drop(columns="q3").to_csv(pair[0])
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert {**found, "seconds": 0} == {**known, "seconds": 0}, "what people had answered to it was looked at"
    answers = pd.Series(found["answers"])
    answers.index = answers.index.astype(int)
    assert answers.corr(truth) > 0.5
    assert found["lower"] < found["mean"] < found["upper"]
    assert main([*words[:-2], "q33", "--json"]) == 2
    assert "unknown question" in capsys.readouterr().err


def test_the_board_says_before_calibrating_whether_it_will_help(pair, capsys) -> None:
    assert main(_run(pair, "--json")) == 0
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert found["questions"]["distance"] < found["questions"]["shuffled_distance"]
    assert main(_run(pair)) == 0
    assert "Calibration is likely to help." in capsys.readouterr().out
    random = np.random.default_rng(0)
    frame = pd.read_csv(pair[1], index_col=0)
    frame[:] = random.normal(size=frame.shape)
    frame.to_csv(pair[1])
    assert main(_run(pair)) == 0
    assert "Calibration is not likely to help" in capsys.readouterr().out


def test_a_board_is_kept_reported_and_made_again_with_what_is_known_of_people(pair, tmp_path, capsys) -> None:
    ids = [str(place) for place in range(100, 148)]
    pd.DataFrame({"id": ids, "sex": ["m", "f"] * 24, "own": ids}).to_csv(tmp_path / "who.csv", index=False)
    pd.DataFrame({"question": ["q0", "q1"], "retest": [0.5, 0.25]}).to_csv(tmp_path / "retest.csv", index=False)
    store = ["--db", str(tmp_path / "store.duckdb")]
    known = ["--demographics", str(tmp_path / "who.csv"), "--retest", str(tmp_path / "retest.csv")]
    assert main(_run(pair, *known, *store, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"]["mode"]["questions"] == 2 and found["accuracy"]["ridge"]["normalised"] > 0
    assert found["groups"].keys() == {"sex"} and found["groups"]["sex"]["people"] == {"f": 24, "m": 24}
    assert len(found["verdicts"]["chance"]) == 9 and found["raw"]["lower"] < found["raw"]["upper"]
    assert main(["report", found["run_id"], "--to", str(tmp_path / "r.html"), *store]) == 0
    assert "Tables of others" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert main(["rerun", found["run_id"], "--data", str(tmp_path), *store]) == 0
    (tmp_path / "nothing").mkdir()
    assert main(["rerun", found["run_id"], "--data", str(tmp_path / "nothing"), *store]) == 2
    capsys.readouterr()
    predict = [
        "survey",
        "predict",
        "--human",
        str(pair[0]),
        "--twin",
        str(pair[1]),
        "--question",
        "q3",
        "--method",
        "ridge",
    ]
    assert main([*predict, *store, "--json"]) == 0
    one = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert main([*predict, *store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run_id"] == one["run_id"], "the same is not made twice"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("--demographics", "id,sex\n1,m\n1,f\n", "id 1 is there twice"),
        ("--retest", "question,retest\nq0,1.5\n", "1.5 is no share"),
        ("--retest", "question\nq0\n", "has one column"),
    ],
)
def test_what_is_known_of_people_is_checked(pair, tmp_path, capsys, file: str, text: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    assert main(_run(pair, file, str(tmp_path / "x.csv"))) == 2
    assert said in capsys.readouterr().err


def test_the_benchmark_prints_speed_and_memory(pair, capsys) -> None:
    assert main(["survey", "bench", "--human", str(pair[0]), "--twin", str(pair[1]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["people"], found["questions"]) == (48, 9)
    assert [item["what"] for item in found["figures"]] == ["ridge alone", "all ten methods"]
    assert all(item["seconds"] > 0 and 50 < item["peak_memory_mb"] < 2000 for item in found["figures"])
    assert main(["survey", "bench", "--human", str(pair[0])]) == 2
    assert main(["survey", "bench", "--human", str(pair[0]), "--twin", "nowhere.csv"]) == 2
    assert "nowhere.csv" in capsys.readouterr().err
