"""Counterfactuals, “Look ahead”: the policy held, one to come, what is kept, and a link that carries the policy."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from page_cases import opened_page
from streamlit.testing.v1 import AppTest

from core.policy.scenario import apply_edits
from core.services.counterfactuals.projections import extended
from core.services.policies.links import link_text
from core.services.studies.inputs import open_study

UNTIL = "2032-02-15"


def opened(**query: str) -> AppTest:
    page = opened_page("pages/5_Counterfactuals.py", {"view": "ahead", "until": UNTIL, **query})
    assert not page.exception and not page.error and not page.warning, [*page.exception, *page.error, *page.warning]
    return page


def said(page: AppTest) -> str:
    return "\n".join(str(item.value) for item in [*page.markdown, *page.caption]).replace("\\", "")


def test_the_policy_held_then_every_measure_lifted_then_kept(short_store: Path) -> None:
    page = opened()
    assert "Unverified: none of these 46 days has been observed" in said(page)
    assert "with policy held (80% forecast interval of a single day" in said(page)
    assert len(page.get("plotly_chart")) == 1
    lifted = opened(under="lifted")
    assert "80% effect interval" in said(lifted) and len(lifted.get("plotly_chart")) == 2
    assert "read it as direction, not size" in said(lifted)
    lifted.button(key="keep-projection").click().run()
    assert "Kept projections" in [item.value for item in lifted.subheader]
    assert "Nothing has been observed since it was made." in said(lifted)


def test_a_link_carries_the_policy_to_come(short_store: Path) -> None:
    held = extended(open_study("meridia"), date.fromisoformat(UNTIL)).timeline
    mine = apply_edits(held, [{"set": "C1", "level": 0, "start": date(2032, 1, 10)}], name="Schools reopen")
    page = opened(edits=link_text([mine], held))
    assert "Schools reopen" in str(page.get("button_group")[1].proto) and len(page.get("plotly_chart")) == 2
