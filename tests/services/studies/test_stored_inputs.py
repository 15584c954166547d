"""What a run was made from stays in the store: by content, once, and never written over by a later run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from own_study import Own, own_study

from core.services.counterfactuals.run import run_compare
from core.services.runs.preparing import prepare, unsaved_record
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study, study_hash
from core.services.studies.requests import RunRequest
from core.services.studies.stored_inputs import (
    missing_inputs,
    own_observations,
    save_inputs,
    stored_inputs,
    stored_observations,
)
from core.store import Store, migrations


@pytest.fixture
def own(tmp_path: Path) -> Own:
    return own_study(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "kept.duckdb") as opened:
        yield opened


def test_a_later_run_on_other_data_leaves_an_earlier_runs_observations_alone(own: Own, store: Store) -> None:
    first = run_study(own.request(), store)
    seen = open_study(own.study, own.data).observations
    own.shift(3.0)
    second = run_study(own.request(), store)
    kept = [stored_observations(store, store.run(item.run_id).record)[list(seen.columns)] for item in (first, second)]
    pd.testing.assert_frame_equal(kept[0], seen, check_freq=False)
    pd.testing.assert_frame_equal(kept[1], seen + 3.0, check_freq=False)


def test_everything_read_comes_back_to_the_bit_without_its_files(own: Own, store: Store, tmp_path: Path) -> None:
    record = store.run(run_study(own.request(), store).run_id).record
    read = open_study(own.study, own.data)
    own.lose()
    assert missing_inputs(store, record) == []
    again = stored_inputs(store, record, tmp_path)
    assert again.hashes == read.hashes == dict(record.input_hashes)
    assert study_hash(again.study) == study_hash(read.study) == record.study_hash
    assert again.timeline.id == read.timeline.id == record.timeline_id
    assert again.study.learned is not None and again.study.learned.is_relative_to(tmp_path)
    assert again.texts["study"] == read.texts["study"] and again.texts["study"]["start"] == read.study.start


def test_equal_data_are_kept_once(own: Own, store: Store) -> None:
    inputs = open_study(own.study, own.data)
    save_inputs(store, inputs)
    rows = [len(store.read(name)) for name in ("observations", "input_texts")]
    save_inputs(store, open_study(own.study, own.data))
    assert [len(store.read(name)) for name in ("observations", "input_texts")] == rows


def test_a_study_counts_by_what_it_says_and_not_by_where_it_lies(own: Own, tmp_path: Path) -> None:
    def wanted(study: Path) -> str:
        return unsaved_record(prepare(RunRequest(str(study), own.data, personas=40, trials=1))).inputs_hash()

    here = wanted(own.study)
    assert wanted(Path(shutil.copy(own.study, tmp_path / "moved.toml"))) == here
    own.study.write_text(own.study.read_text() + "latitude = 10.0\n")
    assert wanted(own.study) != here


def test_an_older_stores_observations_become_those_of_the_studys_latest_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = next(place for place, text in enumerate(migrations.MIGRATIONS) if "input_texts" in text)
    path = tmp_path / "old.duckdb"
    connection = duckdb.connect(str(path))
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:place])
    migrations.migrate(connection, where="old")
    connection.execute(
        "INSERT INTO observations VALUES ('s', '2020-01-01', 'parks', 2.5), ('other', '2020-01-01', 'x', 1)"
    )
    for day, key in ((1, "aa"), (2, "bb")):
        connection.execute(
            "INSERT INTO runs (run_id, kind, study_id, engine, status, inputs_hash, owner, record, created_at) "
            "VALUES (?, 'run', 's', 'rules', 'complete', '', '', ?, ?)",
            [key, f'{{"input_hashes": {{"mobility": "{key}"}}}}', f"2020-01-0{day}"],
        )
    connection.close()
    monkeypatch.undo()
    with Store(path) as opened:
        assert opened.read("observations").to_dict("records") == [
            {"content_hash": "bb", "date": pd.Timestamp("2020-01-01"), "variable": "parks", "value": 2.5}
        ]


def test_a_run_is_shown_beside_what_it_was_fitted_to(own: Own, store: Store) -> None:
    record = store.run(run_study(own.request(), store).run_id).record
    before = open_study(own.study, own.data)
    assert own_observations(store, record, before) is before.observations
    own.shift(3.0)
    now = open_study(own.study, own.data)
    pd.testing.assert_frame_equal(own_observations(store, record, now), before.observations, check_freq=False)
    store.delete("observations", content_hash=record.input_hashes["mobility"])
    assert own_observations(store, record, now).isna().all(axis=None)


def test_inputs_go_with_the_last_run_that_was_made_from_them(own: Own, store: Store) -> None:
    first = run_study(own.request(), store).run_id
    observed = open_study(own.study, own.data).timeline
    days = store.run(first).record.train_end, store.run(first).record.test_end
    assert days[0] is not None and days[1] is not None
    stricter = observed.tightened(1, start=days[0] + timedelta(days=1), name="stricter")
    compared = run_compare(store, first, [stricter], start=days[0] + timedelta(days=1), end=days[1], data=own.data)[0]
    own.shift(3.0)
    second = run_study(own.request(), store).run_id
    records = {name: store.run(name).record for name in (first, second)}
    held = set(store.read("input_texts")["content_hash"])
    assert stricter.id in held and records[first].study_hash in held
    store.delete_run(compared.run_id)
    assert set(store.read("input_texts")["content_hash"]) == held - {stricter.id}
    store.delete_run(first)
    assert missing_inputs(store, records[second]) == [], "what two runs share stays with the other"
    assert missing_inputs(store, records[first]) == ["mobility"]
    store.delete_run(second)
    assert store.read("input_texts").empty and store.read("observations").empty
