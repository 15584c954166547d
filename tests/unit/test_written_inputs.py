"""What people write, taken wrongly before: kinds that cross files, the command line and a run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from run_results import run_result

from core.cli import main
from core.errors import InputError
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.policy.scenario import load_scenario
from core.printable import printable, quoted
from core.report.renderers.terminal import terminal_text
from core.report.sentences.runs import run_document
from core.services.evaluation.ablations import check_ablations
from core.services.studies.inputs import open_study
from core.services.studies.requests import RunRequest
from core.services.studies.splits import check_split
from core.settings import shipped_data
from core.store.database import Store
from core.study import load_study
from core.survey.questions import load_question

EDIT = {"set": "C1", "level": 3, "flag": 1, "start": "2031-04-10"}
OTHER_SEXES = """
[[marginals]]
name = "sex_total"
attributes = ["sex"]
use = "fit"
unit = "percent"
quality = "estimate"
source = "another table"
table = { male = 70, female = 30 }
"""


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# Scenario files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"name": "t", "edits": [{"set": "C1", "level": 3, "flag": 1, "level": 1}]}',
            "the key 'level' is given twice",
        ),
        ('{"name": "t", "name": "u"}', "the key 'name' is given twice"),
        ('{"name": "t", "edits": [{"tighten": NaN}]}', "NaN is not a number"),
        ('{"name": "t", "edits": [{"tighten": 1e999}]}', "edit 1, tighten: is inf"),
        ('{"name": "t"} // a note', "is not valid JSON"),
        ('{"name": "\\ud83d"}', "half a character"),
        ('{"name": "t", "edits": [{"shift": 10000000000000000000}]}', "edit 1, shift"),
        ('{"name": "t", "edits": [{"tighten": true}]}', "edit 1, tighten: is true. Allowed: a whole number"),
        ('{"name": "t", "edits": [{"no_holiday": "2031-04-10T00:00:00Z"}]}', "is not a date"),
        ('{"nam": "t"}', "unknown key 'nam'. Allowed: name, parent, edits. Nearest valid: name"),
    ],
)
def test_a_scenario_in_json_is_as_strict_as_in_toml(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path / "a.json", text)
    with pytest.raises(InputError) as caught:
        load_scenario(path, open_study("meridia").timeline)
    assert words in str(caught.value) and str(path) in str(caught.value)


def test_a_mark_before_the_text_is_no_fault_of_any_file(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    timeline = open_study("meridia").timeline
    toml = b'name = "t"\n[[edits]]\nset = "C1"\nlevel = 3\nflag = 1\nstart = 2031-04-10\n'
    one = load_scenario(written(tmp_path / "a.toml", mark + toml), timeline)
    two = load_scenario(
        written(tmp_path / "b.json", mark + json.dumps({"name": "t", "edits": [EDIT]}).encode()), timeline
    )
    assert one.level_changes(two) == [] and one.level_changes(timeline)
    people = (shipped_data() / "populations" / "world.toml").read_bytes()
    assert load_population_spec(written(tmp_path / "p.toml", mark + people)).id == "world"
    question = b'text = "Well?"\nkind = "choices"\nchoices = ["Yes", "No"]\n'
    assert load_question(written(tmp_path / "q.toml", mark + question)).choices == ("Yes", "No")


# Population files


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('fictional = false', 'fictionl = false'), "unknown key 'fictionl'"),
        (('fictional = false', 'fictional = "no"'), "fictional: is 'no'. Allowed: true or false"),
        (('use = "fit"', 'use = "fit"\nyaer = "2020"'), "marginal age_by_sex: unknown key 'yaer'"),
        (('age = [1, 14]', 'age = [14, 1]'), "category 0-14, age: the ages [14, 1]"),
        (('age = [1, 14]', 'age = "young"'), "category 0-14, age: the ages 'young'"),
        (('{ family = 1.0 }', '{ family = 100 }'), "row 1, shares, family: is 100. Allowed: 1 or less"),
        (('{ family = 1.0 }', '{ family = "all" }'), "row 1, shares, family: is 'all'. Allowed: a number"),
        (('within = ["sex"]', 'within = ["sex", "sex"]'), "within: 'sex' is given twice"),
        (('"0-14" = 1023730094', '"0-14" = "many"'), "has the value 'many'"),
        (('"0-14" = 1023730094', '"0-14" = true'), "has the value true"),
        (('"0-14" = 1023730094', '"0-14" = 1e300'), "has the value 1e+300"),
        (('id = "world"', 'id = "../world"'), "id: is '../world'"),
        (('total = 7793491545', 'total = 0'), "total is 0. Allowed: a whole number of inhabitants"),
    ],
)  # fmt: skip
def test_a_population_file_is_checked_key_by_key(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    text = (shipped_data() / "populations" / "world.toml").read_text(encoding="utf-8")
    assert change[0] in text
    with pytest.raises(InputError) as caught:
        load_population_spec(written(tmp_path / "p.toml", text.replace(*change, 1)))
    assert words in str(caught.value) and "p.toml" in str(caught.value)


def test_tables_that_contradict_one_another_are_all_named(tmp_path: Path) -> None:
    text = (shipped_data() / "populations" / "world.toml").read_text(encoding="utf-8")
    people = synthesise(load_population_spec(written(tmp_path / "p.toml", text + OTHER_SEXES)), 40)
    assert people.conflicts == ("age_by_sex", "sex_total")
    assert synthesise(load_population_spec("world"), 40).conflicts == ()


def test_what_a_run_prints_names_contradicting_tables() -> None:
    found = run_result(twin=1.0, gradient_boosting=2.0)
    assert "contradict" not in terminal_text(run_document(found, load_study("meridia")))
    conflicting = replace(found, contradicting_tables=("age_by_sex", "sex_total"))
    said = terminal_text(run_document(conflicting, load_study("meridia")))
    assert "contradict one another" in said and "age_by_sex, sex_total" in said


# Splits


@pytest.mark.parametrize(
    ("train_end", "test_end"),
    [
        (date(2030, 5, 1), date(2031, 12, 31)),
        (date(2020, 1, 1), date(2031, 12, 31)),
        (date(2031, 12, 31), date(2031, 12, 31)),
        (date(2035, 1, 1), date(2031, 12, 31)),
        (date(2031, 3, 31), date(2031, 3, 31)),
    ],
)
def test_the_training_end_that_is_proposed_will_do(train_end: date, test_end: date) -> None:
    inputs = open_study("meridia")
    with pytest.raises(InputError) as caught:
        check_split(inputs, train_end, test_end)
    assert caught.value.nearest is not None
    check_split(inputs, date.fromisoformat(caught.value.nearest), test_end)


def test_a_behaviour_that_was_hardly_observed_is_named_with_its_file() -> None:
    inputs = open_study("meridia")
    holes = inputs.observations.copy()
    holes["parks"] = np.nan
    with pytest.raises(InputError, match=r"mobility\.csv: the behaviour parks .* was observed on 0 days") as caught:
        check_split(with_observations(inputs, holes), date(2031, 3, 31), date(2031, 12, 31))
    assert caught.value.nearest is None
    holes.loc[pd.Timestamp("2031-04-01") :, "parks"] = 1.0
    with pytest.raises(InputError, match="parks") as caught:
        check_split(with_observations(inputs, holes), date(2031, 3, 31), date(2031, 12, 31))
    assert caught.value.nearest is not None
    check_split(with_observations(inputs, holes), date.fromisoformat(caught.value.nearest), date(2031, 12, 31))


def with_observations(inputs: Any, observations: pd.DataFrame) -> Any:
    from dataclasses import replace

    return replace(inputs, observations=observations)


# What is refused before anything is run


def test_an_unknown_ablation_is_refused_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "s.duckdb"
    assert main(["ablate", "meridia", "--only", "nonsense", "--personas", "20", "--db", str(store)]) == 2
    assert "unknown ablation 'nonsense'" in capsys.readouterr().err
    with Store(store) as opened:
        assert opened.runs().empty
        with pytest.raises(InputError, match="no ablation is named"):
            check_ablations(RunRequest("meridia", personas=20), [], opened)


# The terminal


def test_no_character_of_a_file_commands_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hostile = 'name = "a\\u001b]0;owned\\u0007\\u202eb"\nparent = "\\u001b[2J"\n[[edits]]\ntighten = 1\n'
    path = written(tmp_path / "esc.toml", hostile)
    assert main(["compare", "meridia", "--scenario", str(path), "--db", str(tmp_path / "s.duckdb")]) == 2
    main(["data", "check", str(written(tmp_path / "esc.csv", b"\x1b[2Jx,y\n1,2\n"))])
    with pytest.raises(SystemExit):
        main(["run", "meridia", "--trials", "\x1b[2J"])
    said = "".join(capfd.readouterr())
    assert printable(said, keep="\n\t") == said and "\\x1b[2J" in said


def test_progress_and_output_are_printable(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from core.cli import options

    monkeypatch.setattr(options.sys.stderr, "isatty", lambda: True, raising=False)
    options.watch().report("store", 1, 2, "a\x1b[2J")
    options.say("a\x9bb\u2028c\td")
    options.say("x\x1by", aside=True)
    out, err = capsys.readouterr()
    assert out == "a\\x9bb\\u2028c\td\n"
    assert "a\\x1b[2J" in err and "x\\x1by\n" in err


def test_an_error_is_one_printable_line_whatever_was_given() -> None:
    wrong = InputError("a\nb\x1b" + "x" * 9_000, where="f\u202e" * 900, allowed="y" * 9_000, nearest="\ud800")
    assert str(wrong).isprintable() and len(str(wrong)) < 1_500 and str(wrong).endswith("Nearest valid: \\ud800.")
    assert quoted({"a": [1, {"b": [[]]}]}) == "{a = [1, {b = […]}]}" and quoted("x" * 500).endswith("xxx'")
    assert len(quoted([[10**9_000]])) < 60 and quoted(True) == "true"
