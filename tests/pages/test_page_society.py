"""The society lab: question and effect first, each part with results, an arm of one’s own, and a link that keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_cases import clean, opened_page, opened_store, prose, said, wait_for_jobs

from core.report.sentences.society_levers import KEYS, KINDS, lever_line
from core.services.society.requests import SocietyRequest
from core.services.society.run import run_society
from core.society.levers import POLICIES, SHOCKS
from core.store.database import Store

PAGE = "pages/12_Society_lab.py"
SIZE = {"scenario": "rumour", "worlds": "2", "households": "60", "days": "8", "arms": "no_rumour"}


@pytest.fixture
def store(short_store: Path) -> Iterator[Store]:
    with opened_store(short_store) as opened:
        run_society(SocietyRequest("rumour", ("no_rumour",), 2, 60, 8), opened)
        yield opened


def test_every_part_is_drawn_with_results_and_little_prose(store: Store) -> None:
    parts = [{"view": name} for name in ("effects", "who", "replay", "attention")]
    parts += [{"view": "inside", "inside": name} for name in ("stress", "network", "money")]
    parts += [{"view": "sure", "sure": name} for name in ("facts", "ablations", "record")]
    for part in parts:
        at = clean(opened_page(PAGE, SIZE | part))
        words = said(at)
        assert "How much does a false rumour cost the market kitchen" in words
        assert prose(at) <= 160, part
    at = clean(opened_page(PAGE, SIZE))
    assert "sales of the market kitchen" in said(at)
    assert "False rumour" in said(at) or "A false rumour" in said(at)


def test_a_lever_of_ones_own_is_added_run_and_lives_in_the_address(store: Store) -> None:
    at = clean(opened_page(PAGE, SIZE))
    at.selectbox(key="lever-kind").set_value("price_shock").run()
    at.button(key="lever-add").click().run()
    kept = at.query_params["own"]
    text = kept if isinstance(kept, str) else kept[0]
    lever = json.loads(text)
    assert [item["kind"] for item in lever] == ["price_shock"] and lever[0]["factor"] == 1.1
    again = clean(opened_page(PAGE, SIZE | {"own": text}))
    again.button(key="measure-society").click().run()
    wait_for_jobs()
    done = clean(again.run())
    assert "Your own" in said(done) or any("Your own" in str(box.label) for box in done.checkbox)
    assert done.button(key="drop-0")
    assert not [button for button in done.button if button.key == "measure-society"]


@pytest.mark.parametrize(
    "text", ["nonsense", '[{"kind": "vouchr", "start": "2030-03-05"}]', '[{"kind": "rumour"}]', "[3]"]
)
def test_a_link_with_a_lever_that_is_none_shows_the_rest(store: Store, text: str) -> None:
    at = opened_page(PAGE, SIZE | {"own": text})
    assert not at.exception and "rumour" in said(at)


def test_every_kind_and_key_of_a_lever_has_words() -> None:
    models = POLICIES | SHOCKS
    assert models.keys() == KINDS.keys()
    named = {name for model in models.values() for name in model.model_fields} - {"kind", "id", "who", "closed_cells"}
    assert named <= KEYS.keys()
    line = lever_line({"kind": "voucher", "start": "2030-03-04", "cents": 2000, "who": {"income_quartile": [1, 2]}})
    assert line == "Voucher for places to eat from 2030-03-04: cents 2000 (income quartiles 1, 2)"
