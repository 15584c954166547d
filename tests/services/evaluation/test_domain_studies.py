"""The shipped studies of other domains, on made-up tables of their columns: every place is forecast, from nothing that came
later, and published effects are set beside ours."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from domain_panels import DOMAINS, domain_panel

from core.cli import main
from core.errors import InputError
from core.report.documents import document_of
from core.report.renderers.terminal import terminal_text
from core.report.sentences.known_effects import known_effects_document, verdict
from core.services.evaluation.known_effects import KnownEffect, KnownEffectsRequest, known_effects
from core.services.evaluation.panel_backtests import panel_backtest
from core.services.evaluation.requests import PanelBacktestRequest
from core.services.library.reruns import rerun
from core.services.studies.inputs import list_studies, open_study
from core.store.database import Store
from core.study import load_study
from core.study.effects import published_effects

ORIGINS = {"seatbelts_us": date(1990, 1, 1), "water_ca": date(2015, 3, 1), "cigarettes_us": date(1984, 1, 1)}


@pytest.mark.parametrize("study", DOMAINS)
def test_other_observations_after_an_origin_change_no_forecast(study: str, tmp_path: Path) -> None:
    own = domain_panel(tmp_path, study, places=4)
    request = PanelBacktestRequest(study, (ORIGINS[study],), (2,), data=tmp_path, personas=20)
    before = panel_backtest(request)
    assert len(before.rows) == 4 and len(before.summary.by_horizon["2"].difference) == 2
    table = pd.read_csv(own / "behaviour.csv")
    column, day = DOMAINS[study][1], ORIGINS[study]
    last = f"{day.year + 2}" if load_study(study).step == "year" else f"{day:%Y}-{day.month + 2:02d}"
    later = table["date"].astype(str) > last
    table.loc[later, column] = 1.0 + table.loc[later, column].to_numpy()[::-1]
    table.to_csv(own / "behaviour.csv", index=False)
    after = panel_backtest(request)
    assert [row.rmse for row in after.rows] == [row.rmse for row in before.rows]
    earlier = ~later
    table.loc[earlier, column] += 5.0 * np.arange(earlier.sum()) % 7
    table.to_csv(own / "behaviour.csv", index=False)
    assert [row.rmse for row in panel_backtest(request).rows] != [row.rmse for row in before.rows]


def test_a_folder_of_data_may_hold_one_for_each_study(tmp_path: Path) -> None:
    domain_panel(tmp_path / "domains", "seatbelts_us", places=3)
    domain_panel(tmp_path / "domains", "cigarettes_us", places=3)
    belts, packs = (open_study(name, tmp_path).observations for name in ("seatbelts_us", "cigarettes_us"))
    assert list(belts) == ["belted"] and list(packs) == ["packs"]


@pytest.mark.parametrize("study", DOMAINS)
def test_published_effects_are_the_studys_own(study: str) -> None:
    found = published_effects(load_study(study))
    assert len(found) >= 3 and all(item.source for item in found)
    assert any(not item.used_for_coefficients for item in found)


def test_effects_are_found_kept_told_and_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    domain_panel(tmp_path, "seatbelts_us", places=7)
    with Store(tmp_path / "kept.duckdb") as store:
        request = KnownEffectsRequest("seatbelts_us", tmp_path, 20)
        kept = known_effects(request, store)
        first = kept.effects[0]
        assert first.estimate == pytest.approx(10.0, abs=3.0), "of the made-up states"
        assert first.low < first.estimate < first.high and not first.used_for_coefficients
        assert known_effects(request, store).run_id == kept.run_id
        text = terminal_text(document_of(store, kept.run_id))
        assert "No law to a secondary law" in text and "Cohen and Einav" in text
        assert rerun(store, kept.run_id, data=tmp_path).same
    assert (
        main(["effects", "seatbelts_us", "--data", str(tmp_path), "--personas", "20", "--workers", "1", "--json"]) == 0
    )
    assert len(json.loads(capsys.readouterr().out)["effects"]) == 3
    with pytest.raises(InputError, match="names no published effects"):
        known_effects(KnownEffectsRequest("orlo"))


def test_what_came_after_the_end_of_training_has_no_say_in_an_effect(tmp_path: Path) -> None:
    own = domain_panel(tmp_path, "cigarettes_us", places=3)
    request = KnownEffectsRequest("cigarettes_us", tmp_path, 20)
    result = known_effects(request)
    assert "What is missing: the campaign" in terminal_text(known_effects_document(result))
    before = {item.name: item for item in result.effects}
    table = pd.read_csv(own / "behaviour.csv")
    table.loc[table["date"] > 1988, "packs_per_capita"] *= 0.5
    table.to_csv(own / "behaviour.csv", index=False)
    after = {item.name: item for item in known_effects(request).effects}
    of_1988 = [name for name, item in before.items() if item.train_end == date(1988, 1, 1)]
    assert of_1988 and all(before[name] == after[name] for name in of_1988)
    assert before != after


@pytest.mark.parametrize(
    ("ours", "missing", "said"),
    [
        ((-4.0, -5.0, -3.5), "", "within"),
        ((-2.5, -3.2, -2.0), "", "overlap"),
        ((-1.0, -2.0, 0.5), "", "too small"),
        ((-9.0, -9.5, -8.0), "", "too large"),
        ((-1.0, -2.0, 0.0), "a campaign", "smaller, as it must be"),
        ((-4.5, -5.0, -4.0), "a campaign", "too much"),
    ],
)
def test_a_verdict_follows_from_the_figures(ours: tuple[float, float, float], missing: str, said: str) -> None:
    effect = KnownEffect(
        name="x", unit="packs", estimate=ours[0], low=ours[1], high=ours[2], published=-4.0, published_low=-5.0,
        published_high=-3.0, source="s", used_for_coefficients=False, missing=missing, places=3,
        train_end=date(1990, 1, 1), weight=1.0,
    )  # fmt: skip
    assert said in verdict(effect)
    turned = replace(
        effect, estimate=-ours[0], low=-ours[2], high=-ours[1], published=4.0, published_low=3.0, published_high=5.0
    )
    assert verdict(turned) == verdict(effect), "sizes, whatever the sign"


def test_places_of_a_panel_are_on_offer_where_its_tables_are(tmp_path: Path) -> None:
    domain_panel(tmp_path / "domains", "seatbelts_us", places=3)
    listed = {item.id: item for item in list_studies(tmp_path)}
    belts, water = listed["seatbelts_us"], listed["water_ca"]
    assert belts.ready and len(belts.places) == 3 and "CA" in belts.places and belts.place == belts.title
    assert not water.ready and water.missing.startswith("Needs its tables") and water.places == ()
