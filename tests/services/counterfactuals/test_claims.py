"""What counterfactuals claim follows from what was learned and measured for the study at hand, and from nothing else."""

from __future__ import annotations

import csv
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from core.counterfactual.effect_uncertainty import DAYS_OFF_FILE, EFFECTS_FILE
from core.services.counterfactuals.claims import WORLDS, claims_of
from core.study import Study, load_study
from core.validity.measured import Header, KnownWorlds
from core.validity.world_scores import EstimatorScores, WorldScores

ROOT = Path(__file__).resolve().parents[3]
ORIGIN = date(2031, 6, 30)


def worlds(rmse: float = 6.0, domain: str = "pandemic_mobility") -> KnownWorlds:
    scores = WorldScores(
        rows=100, rms_truth=20.0,
        estimators={"twin": EstimatorScores(rmse=rmse, overstated=-1.5, right_sign=0.97, coverage=0.81)},
    )  # fmt: skip
    header = Header("policytwin worlds", "0.1.0+test", date(2026, 11, 27), domain, {}, 1.0)
    return KnownWorlds(header, ("plain",), 2, "rules", 2.0, scores, {}, {}, {})


def taught_by(folder: Path, countries: int) -> Study:
    """Meridia, with what was learned as if from so many countries."""
    study = load_study("meridia")
    assert study.learned is not None
    shutil.copytree(study.learned, folder / "learned")
    for name in (EFFECTS_FILE, DAYS_OFF_FILE):
        path = folder / "learned" / name
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, rows[0])
            writer.writeheader()
            writer.writerows({**row, "places": countries} for row in rows)
    return replace(study, learned=folder / "learned")


def test_the_number_of_countries_is_that_of_the_tables(tmp_path: Path) -> None:
    for countries in (7, 31):
        (tmp_path / str(countries)).mkdir()
        claims = claims_of(taught_by(tmp_path / str(countries), countries), "rules", ORIGIN, worlds())
        assert f"came about in {countries} other places" in claims.covered
        assert f"days off in {countries} other places" in claims.covered


def test_a_study_that_learned_nothing_says_what_is_assumed_instead() -> None:
    claims = claims_of(replace(load_study("meridia"), learned=None), "rules", ORIGIN, worlds())
    assert "other places" not in claims.covered and "an assumed error" in claims.covered
    assert claims.worlds is None and "not given" in claims.left_out[WORLDS]
    early = claims_of(load_study("meridia"), "rules", date(2020, 3, 1), worlds())
    assert "an assumed error" in early.covered, "nothing had been learned by then"


def test_what_was_measured_is_said_only_where_it_applies(tmp_path: Path) -> None:
    study = load_study("meridia")
    said = claims_of(study, "rules", ORIGIN, worlds()).worlds
    assert said is not None and "97%" in said and "missed by 6.0 points" in said and "81% of the truths" in said
    other = claims_of(study, "rules", ORIGIN, worlds(rmse=12.5)).worlds
    assert other is not None and "missed by 12.5 points" in other, "the words follow the figures"
    asked = claims_of(study, "gemini", ORIGIN, worlds())
    assert asked.worlds is None and asked.left_out == {WORLDS: "it was measured for the engine rules"}
    shutil.copy(study.coefficients_file, tmp_path / "water.csv")
    elsewhere = claims_of(replace(study, coefficients_file=tmp_path / "water.csv"), "rules", ORIGIN, worlds())
    assert elsewhere.worlds is None and "another domain" in elsewhere.left_out[WORLDS]
    assert "Not known here: how near contrasts come to a known truth" in elsewhere.details


@pytest.mark.parametrize("folder", ["core", "pages"])
def test_no_source_holds_a_measured_number_of_countries(folder: str) -> None:
    """Such a number is read from the tables or from a measured file."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"\b\d{2,3} (other )?(countries|places)", line)
    ]
    assert not found, found
