"""The command line in processes of its own: one JSON object or plain text, one-line errors, honest exit codes."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from small_runs import SHORT, TEST_END, TRAIN_END

from core.cli import _parser, main
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store

ROOT = Path(__file__).resolve().parents[2]
DAYS = ["--train-end", str(TRAIN_END), "--test-end", str(TEST_END)]
#: The request of the session's run (see conftest), so that commands find it instead of running it again.
SAME = ["meridia", "--personas", "200", "--trials", "8"]
SCENARIO = """
name = "Everything open in June"
[[edits]]
remove = "all"
start = 2031-06-01
end = 2031-06-30
"""


def environment(folder: Path) -> dict[str, str]:
    """A user without observations, with a home of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POLICYTWIN", "XDG"))}
    return {
        **kept,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error::UserWarning",
    }


def policytwin(*arguments: object, home: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "core.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(home),
        cwd=home,
        timeout=120,
        check=False,
        **options,
    )


def here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object, home: Path
) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has imported everything already."""
    with monkeypatch.context() as patched:
        patched.chdir(home)
        for name, value in environment(home).items():
            patched.setenv(name, value)
        for name in ("POLICYTWIN_DATA", "POLICYTWIN_DB"):
            patched.delenv(name, raising=False)
        try:
            code = main([str(item) for item in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    out, err = capsys.readouterr()
    return subprocess.CompletedProcess(arguments, code, out, err)


def one_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, done.stdout
    assert done.stderr == "" or re.fullmatch(r"This result is there already: [^\n]+\n", done.stderr), done.stderr
    found = json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert isinstance(found, dict)
    return found


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.startswith("policytwin: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.fixture(scope="module")
def stored(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one complete run, for the commands of this module to read and add to."""
    path = tmp_path_factory.mktemp("cli") / "store.duckdb"
    shutil.copy(meridia_run, path)
    return path


@pytest.fixture(scope="module")
def run_id(stored: Path) -> str:
    with Store(stored) as store:
        return str(store.runs(kind="run")["run_id"].iloc[-1])


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys, contextlib, io\nfrom core.cli import main\n"
        "for words in ([], ['run'], ['sweep'], ['data', 'check']):\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        try: main([*words, '--help'])\n"
        "        except SystemExit as end: assert end.code == 0\n"
        "    assert 'usage: policytwin' in out.getvalue()\n"
        "heavy = {'numpy', 'pandas', 'optuna', 'streamlit', 'duckdb', 'scipy', 'sklearn', 'plotly'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(tmp_path), check=False
    )
    assert done.stdout == "[]\n", done.stderr


def test_every_command_of_the_contract_is_there(tmp_path: Path) -> None:
    text = policytwin("--help", home=tmp_path).stdout
    for command in ("run", "sweep", "compare", "sensitivity", "stringency", "data", "runs", "show", "export", "bench"):
        assert re.search(rf"^    {command}\b", text, re.MULTILINE), command
    for option in ("--host", "--port", "--no-browser", "--db"):
        assert option in text


def test_readme_lists_every_command_and_each_of_its_actions() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## The command line\n")[1].split("\n## ")[0]
    listed = {
        tuple(words)
        for row in section.splitlines()
        if row.startswith("| `policytwin ")
        for words in _commands_of(row.replace("\\|", "/").split("|")[1])
    }
    lacking = [" ".join(words) for words in _commands(_parser()) if words not in listed]
    assert not lacking, lacking


def _commands_of(cell: str) -> list[list[str]]:
    """The commands that a row of README is about, each with its action where it names some: `data check/fetch`, `show RUN`."""
    found = []
    for text in re.findall("`([^`]*)`", cell):
        command, *rest = text.removeprefix("policytwin ").split()
        actions = rest[0].split("/") if rest and rest[0].islower() and not rest[0].startswith("-") else []
        found += [[command, action] for action in actions] or [[command]]
    return found


def _commands(parser: argparse.ArgumentParser, *before: str) -> list[tuple[str, ...]]:
    """What can be called: commands, and the actions of those that do nothing by themselves or have some besides."""
    below = [item for item in parser._actions if isinstance(item, argparse._SubParsersAction)]
    own = [before] if before and parser.get_default("command") else []
    named = [(name, sub) for item in below for name, sub in item.choices.items() if sub.prog.split()[-1] == name]
    return own + [words for name, sub in named for words in _commands(sub, *before, name)]


@pytest.mark.full
def test_run_prints_one_object_and_stores_it(tmp_path: Path) -> None:
    request = [
        "run",
        "meridia",
        "--personas",
        "40",
        "--trials",
        "2",
        *DAYS,
        "--db",
        "new/folder/x.duckdb",
        "--workers",
        "2",
    ]
    found = one_object(policytwin(*request, "--json", home=tmp_path))
    assert {"study", "engine", "macro_rmse", "rmse", "calibration_gap", "seconds", "run_id"} <= set(found)
    assert (found["study"], found["personas"], found["days"]) == ("meridia", 40, 213)
    with Store(tmp_path / "new" / "folder" / "x.duckdb") as store:
        assert store.run(found["run_id"]).complete
        again = run_study(RunRequest("meridia", personas=40, trials=2, **SHORT), store)
    assert again.result_hash == found["result_hash"], "two workers, another process: the same result"


def test_run_in_words_says_whether_the_twin_lost(tmp_path: Path) -> None:
    done = policytwin(
        "run", "meridia", "--personas", "40", "--trials", "1", *DAYS, "--seed", "4", home=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    assert "Meridia" in done.stdout or "meridia" in done.stdout
    assert "fictional" in done.stdout and "not a language model" in done.stdout and "Gradient boosting" in done.stdout
    assert (tmp_path / "policytwin" / "policytwin.duckdb").is_file(), "the store of this user"


def test_the_store_answers_runs_show_and_export(
    stored: Path, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = partial(here, monkeypatch, capsys)
    listed = one_object(beside("runs", "--db", stored, "--json", home=tmp_path))
    assert run_id in [row["run_id"] for row in listed["runs"]]
    shown = one_object(policytwin("show", run_id, "--db", stored, "--json", home=tmp_path))
    assert shown["status"] == "complete" and shown["summary"]["run_id"] == run_id
    written = one_object(beside("export", run_id, "--to", tmp_path / "out", "--db", stored, "--json", home=tmp_path))
    assert all(Path(name).is_file() for name in written["files"])
    assert {Path(name).name for name in written["files"]} >= {
        "scores.csv",
        "forecasts.csv",
        "record.json",
        "trials.journal",
    }
    for words in (["show", run_id], ["runs"]):
        assert main([*words, "--db", str(stored)]) == 0
        assert run_id in capsys.readouterr().out


def test_sweep_compare_and_sensitivity_build_on_the_run(
    stored: Path, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "open.toml").write_text(SCENARIO, encoding="utf-8")
    window = ["--start", "2031-06-01", "--end", "2031-06-30"]
    commands = {
        "sweep": ["sweep", *SAME, "--levels", "0,100", *window],
        "compare": ["compare", *SAME, "--scenario", tmp_path / "open.toml", *window],
        "sensitivity": ["sensitivity", *SAME],
    }
    for name, words in commands.items():
        done = policytwin if name == "sweep" else partial(here, monkeypatch, capsys)
        found = one_object(done(*words, "--db", stored, "--json", home=tmp_path))
        assert found["study"] == "meridia" and found["run_id"].startswith(name), name
    with Store(stored) as store:
        assert len(store.runs(kind="run")) == 1, "the run that was there is taken"


def test_files_of_observations_are_checked(tmp_path: Path) -> None:
    policy = ROOT / "data" / "meridia" / "policy.csv"
    found = one_object(policytwin("data", "check", policy, "--json", home=tmp_path))
    assert found["rows"] == 761 or "rows" in json.dumps(found)
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n", encoding="utf-8")
    done = policytwin("data", "check", broken, "--json", home=tmp_path)
    assert done.returncode == 2 and isinstance(json.loads(done.stdout), dict)


@pytest.mark.real_data
def test_stringency_is_recomputed(real_data: Path, tmp_path: Path) -> None:
    found = one_object(policytwin("stringency", real_data / "OxCGRT_nat_latest_ARE.csv", "--json", home=tmp_path))
    assert found["max_abs_error"] and max(found["max_abs_error"].values()) <= 0.005 + 1e-9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "meridya"], ["unknown study 'meridya'", "Nearest valid: meridia"]),
        (["run", "absent.toml"], ["absent.toml", "no such file"]),
        (["run", "meridia", "--train-end", "2031-02-30"], ["--train-end", "'2031-02-30' is not a date", "YYYY-MM-DD"]),
        (["run", "meridia", "--train-end", "2035-01-01"], ["2035-01-01", "Allowed"]),
        (["run", "meridia", "--train-end", "2030-03-01"], ["training to 2030-03-01", "Nearest valid: 2030-08-13"]),
        (["run", "meridia", "--personas", "0"], ["0 personas", "Nearest valid: 1"]),
        (["run", "meridia", "--personas", "many"], ["--personas", "many"]),
        (["run", "meridia", "--trials", "0"], ["0 trials"]),
        (["run", "meridia", "--engine", "rule"], ["unknown engine 'rule'", "rules"]),
        (["run", "uae"], ["its observations are not here", "--data", "POLICYTWIN_DATA"]),
        (["run", "uae", "--data", "nowhere"], ["nowhere", "is not a folder"]),
        (["run", "meridia", "--data", "nowhere"], ["--data", "'nowhere' is not a folder"]),
        (["run", "uae", "--data", "."], ["google_mobility_national.parquet"]),
        (["run"], ["study"]),
        (["rnu"], ["rnu"]),
        (["run", "meridia", "--trails", "3"], ["--trails"]),
        (["sweep", "meridia", "--levels", "0,120"], ["120", "0 to 100"]),
        (["sweep", "meridia", "--levels", "0,high"], ["'0,high' is not a list of numbers"]),
        (["compare", "meridia", "--scenario", "absent.toml"], ["absent.toml"]),
        (["compare", "meridia"], ["--scenario"]),
        (["stringency", "absent.csv"], ["absent.csv"]),
        (["data"], ["ACTION"]),
        (["show", "run-20200101-0000000000"], ["unknown run"]),
        (["export", "run-20200101-0000000000", "--to", "out"], ["unknown run"]),
        (["bench", "--repeat", "0"], ["repeat 0", "1 and above"]),
        (["bench", "meridja", "--repeat", "1"], ["meridja", "meridia"]),
        (["runs", "--db", "."], ["."]),
    ],
    ids=lambda item: " ".join(item)[:50],
)
def test_wrong_input_is_answered_in_one_line(
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one_line(here(monkeypatch, capsys, *arguments, home=tmp_path), *words)


def test_the_same_in_a_process_of_its_own(tmp_path: Path) -> None:
    one_line(policytwin("run", "meridya", "--json", home=tmp_path), "unknown study 'meridya'")
    one_line(policytwin("run", "meridia", "--train-end", "yesterday", home=tmp_path), "'yesterday' is not a date")


def test_a_store_in_use_says_so(stored: Path, tmp_path: Path) -> None:
    held = tmp_path / "held.duckdb"
    shutil.copy(stored, held)
    with Store(held):
        one_line(policytwin("runs", "--db", held, home=tmp_path), "is in use by process", str(os.getpid()), "--db")


def test_a_reader_that_leaves_is_no_error(stored: Path, run_id: str, tmp_path: Path) -> None:
    """`policytwin show … | head -0`"""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "core.cli", "show", run_id, "--db", str(stored), "--json"],
            stdout=writing, stderr=subprocess.PIPE, text=True, env=environment(tmp_path), cwd=tmp_path, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_leaves_a_run_that_the_same_command_resumes(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    process = subprocess.Popen(
        [sys.executable, "-m", "core.cli", "run", "meridia", "--personas", "40", "--trials", "5000", *DAYS,
         "--db", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    # Each batch of trials that is kept makes the log longer, as does what is kept before the first: some ten transactions.
    log, sizes, ends = path.with_name(path.name + ".wal"), set[int](), time.monotonic() + 60
    while len(sizes) < 30 and time.monotonic() < ends:
        with suppress(OSError):
            sizes.add(log.stat().st_size)
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "policytwin: interrupted; the same command resumes the run\n"
    with Store(path) as store:
        (row,) = store.runs().to_dict("records")
        assert row["status"] == "interrupted"
        assert store.find_resumable(row["inputs_hash"]) is not None
        assert len(store.read("trials", unfinished=True, run_id=row["run_id"])) > 0
