"""What is read from a file is kept for as long as the file says the same, also under a running dashboard."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import content_cache
from core.cognition.llm.prompts import load_prompts
from core.content_cache import cached_by_content, content_digest
from core.datasets.places import countries
from core.errors import InputError
from core.services.studies.inputs import inputs_digest
from core.survey.prompts import load_survey_prompts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped data that may be edited."""
    shutil.copytree(ROOT / "data", tmp_path / "root" / "data")
    monkeypatch.setattr("core.settings.project_root", lambda: tmp_path / "root")
    return tmp_path / "root" / "data"


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_file_is_read_again_when_it_says_something_else(tmp_path: Path) -> None:
    read: list[str] = []

    @cached_by_content(keep=2)
    def words(path: Path, ending: str = "") -> str:
        read.append(path.name)
        return path.read_text(encoding="utf-8") + ending

    file = tmp_path / "a"
    file.write_text("one")
    assert [words(file), words(file), words(file, "!"), words(file)] == ["one", "one", "one!", "one"]
    assert len(read) == 2
    before = os.stat(file)
    file.write_text("two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [words(file), words(file)] == ["two", "two"] and len(read) == 3
    for name in "bc":
        (tmp_path / name).write_text(name)
        words(tmp_path / name)
    assert words(file) == "two" and len(read) == 6  # the least used gave way


def test_a_settled_file_is_not_read_twice_and_an_error_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    os.utime(file, (1, 1))
    digest = content_digest(file)
    with monkeypatch.context() as patch:
        patch.setattr(content_cache.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
        assert content_digest(file) == digest

    @cached_by_content()
    def number(path: Path) -> int:
        return int(path.read_text())

    with pytest.raises(ValueError, match="one"):
        number(file)
    file.write_text("1")
    assert number(file) == 1
    file.unlink()
    with pytest.raises(FileNotFoundError):
        number(file)


def test_a_folder_counts_by_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    seen = {content_digest(tmp_path)}
    for name, text in (("a", "1"), ("deep/b", "1"), ("a", "2")):
        (tmp_path / name).write_text(text)
        seen.add(content_digest(tmp_path))
    shutil.move(tmp_path / "a", tmp_path / "c")
    assert len(seen | {content_digest(tmp_path)}) == 5


def test_many_threads_read_what_is_there(tmp_path: Path) -> None:
    read = cached_by_content()(lambda path: path.read_text())
    file = tmp_path / "a"
    for text in "xyz":
        file.write_text(text)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, [file] * 40)) == {text}


def test_edited_prompts_and_codebooks_are_used(data: Path) -> None:
    before, survey = load_prompts(), load_survey_prompts()
    assert load_prompts() is before
    replace(data / "prompts" / before.version / "blinded.md", "$place", "$place today")
    assert load_prompts().hash != before.hash and "today" in load_prompts().texts["blinded"]
    (data / "prompts" / survey.version / "system.md").write_text("Answer.", encoding="utf-8")
    assert load_survey_prompts().hash != survey.hash
    replace(data / "codebooks" / "countries.csv", "Norway", "Norge")
    assert countries()["NOR"].name == "Norge"
    shutil.rmtree(data / "prompts" / before.version)
    with pytest.raises(InputError, match="prompt version"):
        load_prompts()


@pytest.mark.parametrize(
    "name",
    [
        "studies/meridia.toml", "coefficients/pandemic_mobility.csv", "priors/pandemic_mobility/widths.csv",
        "meridia/cases.csv", "populations/meridia.toml", "prompts/mobility-1/system.md", "prices.csv",
    ],
)  # fmt: skip
def test_every_file_behind_a_study_counts(data: Path, name: str) -> None:
    before = inputs_digest("meridia")
    text = (data / name).read_text(encoding="utf-8")
    edited = text.replace('title = "', 'title = "The ', 1) if name.startswith("studies") else text + "\n"
    (data / name).write_text(edited, encoding="utf-8")
    assert inputs_digest("meridia") != before
    (data / name).write_text(text, encoding="utf-8")
    assert inputs_digest("meridia") == before


def test_a_running_dashboard_uses_edited_files_and_refuses_a_run_made_of_others(
    data: Path, meridia_store: Path
) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.switch_page("pages/5_Counterfactuals.py").run()
    assert not app.exception and not app.error
    table = data / "coefficients" / "pandemic_mobility.csv"
    kept = table.read_text(encoding="utf-8")
    replace(data / "studies" / "meridia.toml", 'place = "Meridia', 'place = "New Meridia')
    app.run()
    assert any("New Meridia" in str(item.value) for item in app.markdown)
    rows = kept.splitlines()
    place = next(number for number, row in enumerate(rows) if ",policy," in row)
    value = rows[place].split(",")[4]
    rows[place] = rows[place].replace(f",{value},", f",{float(value) + 0.5},", 1)
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    app.run()
    assert not app.exception
    assert any("was made from other coefficients than is there now" in str(item.value) for item in app.error)
    table.write_text(kept, encoding="utf-8")
    app.run()
    assert not app.exception and not app.error
