"""Links that carry policies: the same policy in another store, within bounds, and refused in one line where they are wrong."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import pytest
from page_cases import clean, opened_page, opened_store, said

from core.errors import InputError
from core.policy.scenario import apply_edits
from core.policy.timeline import PolicyTimeline
from core.services.policies.links import LONGEST, link_text, policies_of_link
from core.services.policies.what_ifs import WHAT_IFS, what_if
from core.services.studies.inputs import StudyInputs, open_study


@pytest.fixture(scope="module")
def inputs() -> StudyInputs:
    return open_study("meridia")


@pytest.fixture(scope="module")
def edited(inputs: StudyInputs) -> PolicyTimeline:
    edits = [{"set": "C1", "level": 3, "flag": 1, "start": "2030-09-01", "end": "2030-09-10"}]
    return apply_edits(inputs.timeline, edits, name="Schools <b>shut</b>")


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


def test_every_what_if_fits_a_link_and_comes_back_the_same(inputs: StudyInputs, edited: PolicyTimeline) -> None:
    observed = inputs.timeline
    policies = [edited, *(what_if(item.id, observed, inputs.study.train_end, 30) for item in WHAT_IFS)]
    for item in policies:
        text = link_text([item], observed)
        (again,) = policies_of_link(text, observed)
        assert again.id == item.id and again.levels().equals(item.levels()) and len(text) < LONGEST
    both = policies_of_link(link_text(policies[:2], observed), observed)
    assert [item.id for item in both] == [item.id for item in policies[:2]]


def test_a_draft_without_a_name_gets_one(inputs: StudyInputs, edited: PolicyTimeline) -> None:
    draft = edited.renamed("Observed", parent_id=inputs.timeline.id)
    (again,) = policies_of_link(link_text([draft], inputs.timeline), inputs.timeline)
    assert again.name == "Edited policy" and again.levels().equals(edited.levels())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("!!", "was cut or changed"),
        ("abcd", "was cut or changed"),
        ("x" * (LONGEST + 1), "characters of edits"),
        (".".join(["abcd"] * 7), "has 7 policies"),
        (packed(b"#" * 4_000_000), "bytes"),
        (packed(b"name = 'x'\nedits = [{set = 'C99', level = 1}]"), "C99"),
        (packed(b"edits = "), "link.toml"),
    ],
)
def test_what_is_no_policy_is_refused_in_one_line(inputs: StudyInputs, text: str, part: str) -> None:
    with pytest.raises(InputError) as wrong:
        policies_of_link(text, inputs.timeline)
    assert part in str(wrong.value) and "\n" not in str(wrong.value)


def test_pages_show_the_policy_of_a_link_and_save_nothing(
    short_store: Path, inputs: StudyInputs, edited: PolicyTimeline
) -> None:
    with opened_store(short_store) as store:
        text = link_text([edited], inputs.timeline)
        at = clean(opened_page("pages/2_Policy_timeline.py", {"edits": text}))
        choice = next(item for item in at.selectbox if item.label == "Timeline to look at and to edit")
        assert choice.value == edited.id and "From the link: Schools <b>shut</b>" in choice.options
        assert text in said(at), "and the link can be copied on"
        at = clean(opened_page("pages/5_Counterfactuals.py", {"view": "compare", "edits": text}))
        assert "From the link, not saved here" in said(at) and "instead of the policy that was in force" in said(at)
        at.button(key="leave-link").click().run()
        assert "Choose at least one" in said(clean(at)) and "edits" not in at.query_params
        at = clean(opened_page("pages/5_Counterfactuals.py", {"view": "compare", "edits": text[:-9]}))
        assert "The policy in the link is left out" in said(at)
        assert edited.id not in set(store.read("timelines")["timeline_id"])
