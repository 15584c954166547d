"""Stylised facts: every row that can be computed is, the rest says why not, and only tuning facts are searched on."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.report.renderers.terminal import terminal_text
from core.report.sentences.society_facts import facts_document, tune_document
from core.services.society.facts import (
    FactsRequest,
    FactsResult,
    TuneRequest,
    fact_counts,
    society_facts,
    tune_society,
)
from core.society.facts import registered_facts
from core.society.parameters import registered
from core.society.tune import SEARCHED


@pytest.fixture(scope="module")
def found() -> FactsResult:
    return society_facts(FactsRequest(seeds=1, households=60))


def test_every_computable_row_has_a_figure_and_every_other_a_reason(found: FactsResult) -> None:
    rows = registered_facts()
    assert {row.fact for row in rows} == {f"F{number}" for number in range(1, 20)}
    assert [item.id for item in found.figures] == [row.id for row in rows if row.computable]
    assert [item.fact for item in found.left_out] == ["F7", "F10", "F18", "F19"]
    assert all(item.reason for item in found.left_out)
    by = {item.id: item for item in found.figures}
    assert all(by[name].value is not None for name in ("F1", "F2", "F3", "F14", "F16_sleep", "F12_gini"))
    sleep = by["F16_sleep"]
    assert sleep.value is not None and 7 < sleep.value < 10 and by["F8_all"].value != 0
    assert all(
        item.hit == (item.value is not None and item.range_low <= item.value <= item.range_high)
        for item in found.figures
    )


def test_a_fact_counts_as_inside_only_with_all_its_figures(found: FactsResult) -> None:
    assert found.counts["all"][1] == 15 == sum(total for name, (_, total) in found.counts.items() if name != "all")
    assert found.counts["tuned"][1] == 5
    alone = tuple(item for item in found.figures if item.fact == "F16")
    assert fact_counts(alone)["all"] == (int(all(item.hit for item in alone)), 1)
    told = terminal_text(facts_document(found))
    assert f"{found.counts['all'][0]} of 15 facts lie inside" in told and "no labour market" in told
    assert FactsResult.from_dict(found.as_dict()) == found


def test_the_search_looks_at_tuning_facts_alone_and_stays_within_ranges() -> None:
    result = tune_society(TuneRequest(trials=2, seeds=1, households=60))
    assert {item.fact for item in result.after} == {"F1", "F3", "F9", "F14", "F16"}
    assert result.loss_after <= result.loss_before
    rows = registered()
    assert set(result.parameters) <= set(SEARCHED)
    assert all(rows[name].low <= value <= rows[name].high for name, value in result.parameters.items())
    assert '"parameters": {' in terminal_text(tune_document(result))


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="levers or shocks of its own"):
        society_facts(FactsRequest("rumour", seeds=1))
