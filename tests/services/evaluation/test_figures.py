"""Figures that README quotes: measured into files, filled into README, and the same when measured again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from core.cli import main
from core.errors import InputError
from core.report.readme import CLOSE, OPEN, differing_parts, fill_readme, filled, readme_path
from core.report.readme_tables import BLOCKS, NOT_MEASURED, block
from core.services.evaluation import figures
from core.services.evaluation.figures import MEASUREMENTS, measure_figures, stale_figures
from core.services.evaluation.requests import FiguresRequest
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.validity.measured import Header, Split, StudyScores, measured_folder, read_measured, write_measured

#: Points of macro RMSE by which another kind of processor may move a figure.
TOLERANCE = 0.02


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of the files of figures that ship."""
    return Path(shutil.copytree(measured_folder(), tmp_path / "validation"))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory() as opened:
        yield opened


def scores(twin: float = 10.0, seconds: float = 1.5) -> StudyScores:
    header = Header(
        "policytwin run", "0.1.0+test", date(2026, 11, 27), "pandemic_mobility", {"a.csv": "0" * 64}, seconds
    )
    macro = {"twin": twin, "last_value": 12.0, "linear": 11.0}
    split = Split(date(2030, 1, 1), date(2031, 1, 1), macro, {50: 0.5, 80: 0.75, 95: 0.9}, {50: 3.0, 80: 6.0, 95: 9.0})
    return StudyScores(header, "meridia", 100, (split,))


def test_readme_says_what_the_files_say() -> None:
    path = readme_path()
    assert not differing_parts(path.read_text(encoding="utf-8"), path.name), "run: policytwin figures --readme"


def test_another_figure_in_a_file_is_found_and_filled(shipped: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(readme_path(), tmp_path / "README.md"))
    assert fill_readme(path, shipped) is False
    write_measured(scores(twin=98.76), "study_meridia", shipped)
    assert differing_parts(path.read_text(), path.name, shipped) == ["meridia"]
    before = path.read_text()
    assert fill_readme(path, shipped) is True and "98.8" in path.read_text()
    assert differing_parts(path.read_text(), path.name, shipped) == []
    assert before.splitlines()[:20] == path.read_text().splitlines()[:20], "what lies outside the markers stays"
    path.write_text(path.read_text().replace("98.8", "1.0"))
    assert differing_parts(path.read_text(), path.name, shipped) == ["meridia"], "a figure typed by hand"
    (shipped / "worlds.json").unlink(missing_ok=True)
    assert block("worlds", shipped) == NOT_MEASURED


def test_markers_that_are_wrong_are_named() -> None:
    with pytest.raises(InputError, match=r"README.md, line 2: unknown part of README 'worldz'.*Nearest valid: worlds"):
        filled(f"a\n<!-- figures:worldz -->\n{CLOSE}\n", "README.md")
    with pytest.raises(InputError, match=r"figures:worlds is not closed"):
        filled("<!-- figures:worlds -->\n", "README.md")
    with pytest.raises(InputError, match=r"line 1: closes nothing"):
        filled(f"{CLOSE}\n", "README.md")
    text = "".join(f"<!-- figures:{name} -->\n{CLOSE}\n" for name in list(BLOCKS)[1:])
    assert next(iter(BLOCKS)) in differing_parts(text, "README.md"), "a part that README lacks"


def test_a_measurement_comes_back_as_it_was_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    path = write_measured(scores(), "study_x", tmp_path)
    assert read_measured(StudyScores, "study_x", tmp_path) == scores()
    assert read_measured(StudyScores, "study_y", tmp_path) is None
    raw = json.loads(path.read_text())
    for change, said in (
        ({"extra": 1}, r"study_x.json: is no StudyScores \(extra: "),
        ({"personas": "many"}, r"\(personas: "),
        ({"header": {**raw["header"], "made_at": "soon"}}, r"\(header\.made_at: "),
    ):
        path.write_text(json.dumps({**raw, **change}))
        with pytest.raises(InputError, match=said):
            read_measured(StudyScores, "study_x", tmp_path)
    path.write_text("{")
    with pytest.raises(InputError, match="is no StudyScores"):
        read_measured(StudyScores, "study_x", tmp_path)


def test_only_what_other_code_or_other_files_made_is_measured_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def measure(bench: figures.Bench) -> figures.Made:
        made.append("quick")
        return 0.0, lambda header: replace(scores(), header=header)

    (tmp_path / "a.csv").write_text("1")
    quick = figures._measurement("quick", "a quick one", "policytwin run", ("a.csv",), measure, StudyScores)
    monkeypatch.setattr(figures, "MEASUREMENTS", {"quick": quick})
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    here = FiguresRequest(data=tmp_path, to=tmp_path)
    first = measure_figures(here, store)
    assert first["quick"].made and made == ["quick"] and stale_figures(tmp_path, tmp_path) == {}
    assert not measure_figures(here, store)["quick"].made and made == ["quick"]
    assert measure_figures(here, store, again=True)["quick"].made
    (tmp_path / "a.csv").write_text("2")
    assert stale_figures(tmp_path, tmp_path) == {"quick": "measured with other observations"}
    assert measure_figures(here, store)["quick"].made
    monkeypatch.setattr(figures, "code_version", lambda: "0.2.0+other")
    assert "not by 0.2.0+other" in stale_figures(tmp_path, tmp_path)["quick"]
    assert measure_figures(here, store)["quick"].made and made == ["quick"] * 4
    with pytest.raises(InputError, match=r"a.csv: cannot be read"):
        measure_figures(replace(here, data=tmp_path / "nowhere"), store)


def test_the_command_checks_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "store.duckdb"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["figures", "--check", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["differing"] == [] and set(printed["stale"]) <= set(MEASUREMENTS)
    assert main(["figures", "--only", "study_uea"]) == 2
    assert "Nearest valid: study_uae" in capsys.readouterr().err
    assert main(["figures", "--only", "study_uae", "--to", str(tmp_path)]) == 2
    assert "--data DIR" in capsys.readouterr().err


@pytest.mark.full
def test_the_twin_on_meridia_scores_what_its_file_says() -> None:
    """The golden figures of the embedded study; they change by `policytwin figures` alone."""
    kept = read_measured(StudyScores, "study_meridia")
    assert kept is not None
    (split,) = kept.splits
    with Store.memory() as store:
        macro = run_study(RunRequest("meridia", keep_responses=False), store).macro_rmse
    wrong = {name: macro[name] for name, value in split.macro.items() if abs(macro[name] - value) > TOLERANCE}
    assert not wrong, f"measured {wrong}; the file says {dict(split.macro)}"


def test_readme_holds_no_measured_figure_outside_its_parts() -> None:
    outside, inside = [], False
    for line in readme_path().read_text(encoding="utf-8").splitlines():
        inside = (inside or OPEN.match(line) is not None) and line != CLOSE
        outside += [] if inside else [line.replace("80% interval", "")]
    measured = re.compile(r"\b\d+([.,]\d+)? ?(%|points|countries|calls|USD|seconds|minutes|s\b)")
    assert not [line for line in outside if measured.search(line)]
