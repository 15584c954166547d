"""Study files: what is wrong in one is said in one line, with the file, the key, what is allowed and the nearest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InputError
from core.services.studies.inputs import open_study, study_hash
from core.settings import shipped_data
from core.study import available_studies, load_codebook, load_study, read_study, study_from

MERIDIA = (shipped_data() / "studies" / "meridia.toml").read_text(encoding="utf-8")
CHILD = 'extends = "meridia.toml"\nid = "own"\n'


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_study(path)
    said = str(caught.value)
    assert "\n" not in said and said.isprintable() and path.name in said
    return said


def written(folder: Path, text: str | bytes, name: str = "own.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # misspelt keys, at any depth
        ("trainend = 2030-12-31", ["unknown key 'trainend'", "Nearest valid: train_end"]),
        ("[populaton]\ninhabitants = 5", ["unknown key 'populaton'", "Nearest valid: population"]),
        ("[population]\ninhabitant = 5", ["population: unknown key 'inhabitant'", "Nearest valid: inhabitants"]),
        ("[sources.casse]\nfile = 'a'", ["sources: unknown key 'casse'", "Nearest valid: cases"]),
        ("[sources.cases]\nlayot = 'a'", ["sources, cases: unknown key 'layot'", "Nearest valid: layout"]),
        (
            "[[calendar.working_weeks]]\nstart = 1990-01-01\nrest_day = []",
            ["calendar, working_week 1: unknown key 'rest_day'", "Nearest valid: rest_days"],
        ),
        # wrong kinds of value
        ("behaviours = 3", ["behaviours: is 3", "a list"]),
        ("indicators = 'C1'", ["indicators: is 'C1'", "a list"]),
        ("measurement = 'same'", ["measurement: is 'same'", "a table"]),
        ("fictional = 1", ["fictional: is 1", "true or false"]),
        ("fictional = 'no'", ["fictional: is 'no'", "true or false"]),
        ("latitude = '46'", ["latitude: is '46'", "a number"]),
        ("latitude = true", ["latitude: is true", "a number"]),
        ("title = 2030-01-01", ["title: is 2030-01-01", "text"]),
        ("title = ' '", ["title: is empty"]),
        ("[population]\npersonas = true", ["personas: is true", "a whole number"]),
        ("[population]\npersonas = 10.5", ["personas: is 10.5", "a whole number"]),
        # days
        ("start = '15 February'", ["start: is '15 February', which is not a date", "2021-06-30"]),
        ("start = 2030-02-15T00:00:00Z", ["start: is '2030-02-15T00:00:00+00:00'", "without a time"]),
        ("start = 2030-02-15T08:00:00", ["start", "without a time"]),
        ("end = '2031-02-29'", ["end: is '2031-02-29', which is not a date"]),
        ("end = 9999-12-31", ["end: is 9999-12-31", "Nearest valid: 2199-12-31"]),
        ("end = 2199-12-31", ["end", "62,046 days", "up to 20,000 days"]),
        ("start = 20300215", ["start: is 20300215, which is not a date"]),
        ("start = 2032-01-01", ["end: is 2031-12-31", "after the start, 2032-01-01"]),
        ("train_end = 2029-01-01", ["train_end: is 2029-01-01", "after 2030-02-15, before 2031-12-31"]),
        ("[measurement]\nbaseline_end = 2029-12-01", ["baseline_end: is 2029-12-01", "after baseline_start"]),
        ("[measurement]\nbaseline_end = 2030-01-05", ["leaves 3 days", "7 days or more"]),
        ("[measurement]\nbaseline_start = 2032-01-01\nbaseline_end = 2032-02-01", ["after the study"]),
        # numbers
        ("latitude = nan", ["latitude: is nan", "a finite number"]),
        ("latitude = 90.5", ["latitude: is 90.5", "90 or less", "Nearest valid: 90"]),
        ("[population]\ninhabitants = 0", ["inhabitants: is 0", "1 or more", "Nearest valid: 1"]),
        ("[population]\ninhabitants = -5", ["inhabitants: is -5", "1 or more"]),
        ("[population]\npersonas = 100001", ["personas: is 100001", "100,000 or less"]),
        (f"[population]\ninhabitants = {10**30}", ["inhabitants", "or less"]),
        ("[engine]\nepidemic_thresholds = [15.0, 2.0]", ["epidemic_thresholds: are 15 and 2", "that rise"]),
        ("[engine]\nepidemic_thresholds = [2.0, 2.0]", ["are 2 and 2", "that rise"]),
        ("[engine]\nepidemic_thresholds = [2.0]", ["epidemic_thresholds: has 1 entries", "2 or more"]),
        ("[engine]\nepidemic_thresholds = [-1.0, 2.0]", ["epidemic_threshold 1: is -1.0", "above 0"]),
        ("[engine]\nepidemic_thresholds = [2.0, inf]", ["epidemic_threshold 2: is inf", "finite"]),
        # lists
        ("behaviours = []", ["behaviours: is empty", "1 or more"]),
        ("indicators = ['C1', 'C1']", ["'C1' is given twice"]),
        ("indicators = ['C1', 'C9']", ["unknown policy indicator 'C9'", "Nearest valid"]),
        ("index = 'StringencyIndx'", ["unknown policy index", "Nearest valid: StringencyIndex"]),
        ("[sweep]\norder = ['C1', 'C1']", ["sweep, order", "given twice"]),
        ("[measurement]\nkind = 'levl'", ["unknown measurement model 'levl'", "Nearest valid: level"]),
        ("[calendar]\ncountry = 'ae'", ["calendar, country: unknown country 'ae'", "Nearest valid: AE"]),
        ("[measurement]\nbaseline_start = 1990-01-01", ["measurement: the baseline begins on 1990-01-01", "ten years"]),
        ("code = 'are'", ["code: is 'are'"]),
        ("[calendar]\nworking_weeks = []", ["calendar: has no working week", "a step longer than a day"]),
        ("[calendar]\nnot_holidays = [2030-01-01, 2030-01-01]", ["not_holidays", "given twice"]),
        (
            "[[calendar.holidays]]\nday = 2030-01-01\nname = 'A'\n[[calendar.holidays]]\nday = 2030-01-01\nname = 'A'",
            ["holidays", "'2030-01-01 A' is given twice"],
        ),
        (
            "[[calendar.holidays]]\nday = 2030-01-01\nname = 'A'\nannounced = 2030-02-01",
            ["holiday A, announced: is 2030-02-01, after the day itself", "Nearest valid: 2030-01-01"],
        ),
        (
            "[[calendar.working_weeks]]\nstart = 1990-01-01\nrest_days = ['sunnday']",
            ["working_week 1, rest_day 1: unknown weekday 'sunnday'", "Nearest valid: sunday"],
        ),
        (
            "[[calendar.working_weeks]]\nstart = 1990-01-01\nrest_days = ['sunday']\nhalf_days = ['Sunday']",
            ["working_week 1: sunday is given twice"],
        ),
        (
            "[[calendar.working_weeks]]\nstart = 1990-01-01\nrest_days = ['sunday']\n" * 2,
            ["a working week from 1990-01-01 is given twice"],
        ),
        # names and files
        ("id = '../uae'", ["id: is '../uae'", "letters, digits"]),
        ("id = '<b>x</b>'", ["id: is '<b>x</b>'"]),
        ("title = 'a\\u001b[2Jb'", []),
        ('title = "a\\u001b[2Jb"', ["title: has the invisible character '\\x1b'"]),
        ("[engine]\ncoefficients = 'nope.csv'", ["engine, coefficients: there is no file 'nope.csv'", "beside it in"]),
        ("[population]\nfile = 'nope.toml'", ["population, file: there is no file 'nope.toml'", "beside it in"]),
        ('[population]\nfile = "a\\u0000b"', ["population, file"]),
        ("[forecast]\nlearned = 'nowhere'", ["forecast, learned: there is no folder 'nowhere'"]),
    ],
)
def test_what_a_study_cannot_be_is_said_in_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    if not words:
        assert load_study(written(tmp_path, own(text))).id == "own"
        return
    said = refused(written(tmp_path, own(text)))
    for word in words:
        assert word in said, said


def own(text: str) -> str:
    """A study of one's own that says `text`; top-level keys must come before tables."""
    return (
        text
        if text.startswith("extends")
        else f'extends = "meridia.toml"\n{"" if text.startswith("id") else ID}{text}\n'
    )


ID = 'id = "own"\n'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["the key 'id' is missing"]),
        (b"id = ", ["is not valid TOML"]),
        (b"\xff\xfei\x00d\x00", ["UTF-16", "UTF-8"]),
        (b"id = '\xe9'", ["is not text in UTF-8 (byte 6)"]),
        (b"id = '\x00'", ["is not valid TOML"]),
        (b"id = " + b"[" * 20_000 + b"]" * 20_000, ["nests too deep"]),
        (b"id = " + b"[" * 60 + b"]" * 60, ["nests too deep", "40 levels"]),
        (b"id = " + b"9" * 5_000, ["is not valid TOML"]),
        (b"#" * 5_000_001, ["5,000,001 bytes", "up to 5,000,000 bytes"]),
        (b"extends = 3", ["extends: is 3", "the name of a file"]),
        (b"extends = 'nope.toml'", ["extends: no such file: 'nope.toml'"]),
        (b"extends = 'meridai.toml'", ["Nearest valid: meridia.toml"]),
        (b"extends = 'own.toml'", ["extends 'own.toml', which extends it in turn"]),
        (b'extends = "a\\u0000b.toml"', ["extends: no such file"]),
        (b"extends = '" + b"x" * 5_000 + b"'", ["extends: no such file"]),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, words: list[str]) -> None:
    said = refused(written(tmp_path, content))
    for word in words:
        assert word in said, said
    assert len(said) < 700


def test_folders_and_chains(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.toml")
    written(tmp_path, "extends = 'b.toml'", "a.toml")
    assert "extends it in turn" in refused_in(tmp_path, "extends = 'a.toml'", "b.toml")
    for number in range(20):
        written(tmp_path, f"extends = 'c{number + 1}.toml'", f"c{number}.toml")
    with pytest.raises(InputError, match="more than 16 files"):
        load_study(tmp_path / "c0.toml")


def refused_in(folder: Path, text: str, name: str) -> str:
    return refused(written(folder, text, name))


def test_a_fault_of_a_parent_is_told_of_the_parent(tmp_path: Path) -> None:
    written(tmp_path, f"{CHILD}latitude = 'north'\n", "parent.toml")
    path = written(tmp_path, 'extends = "parent.toml"\nid = "child"\n', "child.toml")
    with pytest.raises(InputError, match=r"parent\.toml, latitude: is 'north'"):
        load_study(path)


def test_a_windows_mark_before_the_text_is_no_fault(tmp_path: Path) -> None:
    assert load_study(written(tmp_path, b"\xef\xbb\xbf" + CHILD.replace("\n", "\r\n").encode())).id == "own"


def test_quoted_days_are_days(tmp_path: Path) -> None:
    text = 'start = "2030-02-15"\nend = "2031-12-31"\n[calendar]\nnot_holidays = ["2030-05-09"]\n'
    study = load_study(written(tmp_path, CHILD + text))
    shipped = load_study("meridia")
    assert (study.start, study.end) == (shipped.start, shipped.end)
    assert [str(day) for day in study.calendar.not_holidays] == ["2030-05-09"]


def test_the_files_of_a_study_are_found_beside_it(tmp_path: Path) -> None:
    people = (shipped_data() / "populations" / "world.toml").read_text(encoding="utf-8")
    written(tmp_path, people, "people.toml")
    written(tmp_path, f'{CHILD}[population]\nfile = "people.toml"\n', "parent.toml")
    (tmp_path / "below").mkdir()
    child = written(tmp_path / "below", 'extends = "../parent.toml"\nid = "child"\n')
    # Beside the file that names them, which is the parent.
    assert load_study(child).population_file.resolve() == tmp_path / "people.toml"
    assert load_study(child).coefficients_file == load_study("meridia").coefficients_file


def test_a_shipped_id_belongs_to_the_shipped_study(tmp_path: Path) -> None:
    same = written(tmp_path, MERIDIA, "copy.toml")
    assert load_study(same) == load_study("meridia")
    for text in (MERIDIA.replace("Meridia (fictional)", "Atlantis"), 'extends = "meridia.toml"\nlatitude = 10\n'):
        said = refused(written(tmp_path, text))
        assert "the id of a shipped study" in said and "an id of its own" in said and "my-meridia" in said
    assert "the id of a shipped study" in refused(written(tmp_path, 'extends = "uae.toml"\nid = "Meridia"\n'))


def test_a_shipped_study_with_other_people_says_whose_they_are(tmp_path: Path) -> None:
    usual = open_study("meridia")
    same = usual.study.population_file.read_text(encoding="utf-8")
    for people, told in ((same, False), (same.replace("total = 4200000", "total = 4300000"), True)):
        written(tmp_path, people, "people.toml")
        found = open_study(written(tmp_path, MERIDIA.replace("populations/meridia.toml", "people.toml")))
        # The study says the same; whom it is about is on record with each run, as for people edited on a page.
        assert study_hash(found.study) == study_hash(usual.study)
        said = "The people are those of people.toml, not those that ship with this study."
        assert (said in found.notes) == told and said not in usual.notes


def test_a_study_survives_as_what_its_file_says(tmp_path: Path) -> None:
    for name in available_studies():
        study, given = read_study(name)
        assert study_from(json.loads(json.dumps(given, default=str)), Path("kept")) == study
    given["latitude"] = 91
    with pytest.raises(InputError, match=r"kept, latitude: is 91\. Allowed: 90 or less"):
        study_from(given, Path("kept"))
    given["latitude"] = 9
    given["engine"]["coefficients"] = "gone.csv"
    assert study_from(given, Path("kept")).coefficients_file.name == "gone.csv"


def test_a_codebook_is_checked_too(tmp_path: Path) -> None:
    text = (shipped_data() / "codebooks" / "oxcgrt.toml").read_text(encoding="utf-8")
    assert load_codebook(written(tmp_path, text, "book.toml")) == load_codebook()
    for change, words in [
        (("maximum = 3", "maximum = 4"), "describes 4 levels. Allowed: 5"),
        (("maximum = 3", "maxmum = 3"), "unknown key 'maxmum'"),
        (('code = "C2"', 'code = "C1"'), "the code 'C1' is given twice"),
    ]:
        with pytest.raises(InputError, match=r"book\.toml, indicator") as caught:
            load_codebook(written(tmp_path, text.replace(*change, 1), "book.toml"))
        assert words in str(caught.value)
