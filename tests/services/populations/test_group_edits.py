"""Edits of groups, clones, edits in a link, people in a file, and the faces that are shown first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cli import main
from core.errors import InputError
from core.people.group_edits import clone_persona, set_share, shift_trait
from core.people.personas import Population
from core.services.populations.contrasted import adults, contrasted
from core.services.populations.draft_links import edits_text, with_edits
from core.services.populations.drafts import (
    SHARE,
    GroupEdit,
    PopulationDraft,
    build_population,
    draft_changes,
    group_of,
)
from core.services.populations.people_files import people_of
from core.services.populations.synthesis import make_population, population_spec, saved_populations
from core.services.populations.tables import table_steps
from core.store.database import Store
from core.study import load_study

YOUNG = (("age_group", "15-24"), ("age_group", "25-34"))


@pytest.fixture(scope="module")
def people() -> Population:
    return make_population(load_study("meridia"), 120)


def test_a_trait_moves_in_the_group_alone_and_stays_within_its_scale(people: Population) -> None:
    group = group_of(people, GroupEdit(YOUNG, "institutional_trust", 0.0))
    moved = shift_trait(people, group, "institutional_trust", -0.4)
    before, after = (item.personas["institutional_trust"].to_numpy() for item in (people, moved))
    np.testing.assert_allclose(after[group], np.maximum(before[group] - 0.4, 0.0))
    assert (after[~group] == before[~group]).all() and (moved.personas["weight"] == people.personas["weight"]).all()
    assert (moved.personas["text"] == people.personas["text"]).to_numpy()[~group].all()
    assert (moved.personas["text"] != people.personas["text"]).to_numpy()[group].any(), "texts follow"


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.01, 0.99), seed=st.integers(0, 10_000))
def test_a_share_is_met_others_keep_their_proportions_and_nobody_is_lost(
    people: Population, share: float, seed: int
) -> None:
    group = np.random.default_rng(seed).random(people.size) < 0.4
    if not group.any() or group.all():
        return
    changed = set_share(people, group, share)
    weight, before = (item.personas["weight"].to_numpy(float) for item in (changed, people))
    assert weight.sum() == before.sum() and (weight >= 1).all()
    assert weight[group].sum() / weight.sum() == pytest.approx(share, abs=1e-3)
    ratio = weight[~group] / before[~group]
    assert ratio.max() - ratio.min() < 0.01 * ratio.mean() + 2 / before[~group].min()


def test_what_cannot_be_is_refused(people: Population) -> None:
    everybody, nobody = np.ones(people.size, bool), np.zeros(people.size, bool)
    for wrong in (
        lambda: set_share(people, everybody, 0.5),
        lambda: set_share(people, nobody, 0.5),
        lambda: set_share(people, group_of(people, GroupEdit(YOUNG, SHARE, 0.0)), 1.0),
        lambda: shift_trait(people, everybody, "trust", 0.1),
        lambda: shift_trait(people, everybody, "sociability", 1.5),
        lambda: clone_persona(people, people.size),
        lambda: group_of(people, GroupEdit((("age", "15-24"),), SHARE, 0.1)),
        lambda: group_of(people, GroupEdit((("age_group", "15-25"),), SHARE, 0.1)),
    ):
        with pytest.raises(InputError):
            wrong()


def test_a_clone_shares_the_weight_and_can_then_be_edited(tmp_path: Path) -> None:
    draft = PopulationDraft("meridia", 40).with_clone(3).with_person(40, {"sociability": 0.9})
    with Store(tmp_path / "s.duckdb") as store:
        made = build_population(store, load_study("meridia"), draft)
    first = make_population(load_study("meridia"), 40).personas
    assert made.size == 41 and made.personas["weight"].sum() == first["weight"].sum()
    assert made.personas["weight"][3] + made.personas["weight"][40] == first["weight"][3]
    same = [name for name in first.columns if name not in ("persona_id", "weight", "text", "sociability")]
    assert (made.personas.loc[40, same] == first.loc[3, same]).all() and made.personas.loc[40, "sociability"] == 0.9


def test_edits_survive_a_link_and_a_spoiled_link_is_refused() -> None:
    draft = (
        PopulationDraft("meridia", 60, 3)
        .with_group(GroupEdit(YOUNG, "sociability", 0.2))
        .with_group(GroupEdit(YOUNG, SHARE, 0.3))
        .with_clone(2)
        .with_person(5, {"income": "high", "sociability": 0.1})
    )
    text = edits_text(draft)
    assert text and with_edits(PopulationDraft("meridia", 60, 3), text) == draft
    assert edits_text(PopulationDraft("meridia", 60)) == ""
    for wrong in (text[:-4], "A" * 40, "x" * 7_000, edits_text(draft)[2:]):  # type: ignore[index]
        with pytest.raises(InputError, match="link"):
            with_edits(PopulationDraft("meridia", 60), wrong)


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=6))
def test_any_content_of_a_link_is_a_draft_or_a_refusal(content: object) -> None:
    import base64
    import zlib

    for said in (content, {"people": content}, {"groups": content, "clones": content}, {"tables": content}):
        text = base64.urlsafe_b64encode(zlib.compress(json.dumps(said).encode())).decode().rstrip("=")
        try:
            assert isinstance(with_edits(PopulationDraft("meridia", 60), text), PopulationDraft)
        except InputError as wrong:
            assert wrong.where == "link"


def test_edits_are_told_with_their_size(people: Population, tmp_path: Path) -> None:
    study = load_study("meridia")
    values = [0.0, *[float(row) for row in _values(study)[1:]]]
    draft = PopulationDraft("meridia", 60).with_table("age_by_sex", values).with_group(GroupEdit(YOUNG, SHARE, 0.4))
    with Store(tmp_path / "s.duckdb") as store:
        before = build_population(store, study, draft.before_people)
    told = draft_changes(draft, before)
    assert any("→ 0 (−100%)" in text for text in told) and any("40.0% of all" in text for text in told)
    steps = table_steps(before.spec, "age_by_sex")
    assert steps[0].large and steps[0].after == 0


def _values(study: object) -> list[float]:
    from core.people.marginals import marginal_frame

    return list(marginal_frame(population_spec(load_study("meridia")), "age_by_sex")["value"])


def test_people_of_a_file_come_back_as_they_were_and_a_wrong_cell_is_named(people: Population, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    people.personas.to_csv(file, index=False)
    back = people_of(file, people.spec)
    assert back.content_hash == people.content_hash
    table = people.personas.astype({"weight": "object"})
    for column, value in (
        ("sex", "femail"), ("sociability", 1.5), ("weight", -3), ("weight", "many"),
    ):  # fmt: skip
        wrong = table.astype({column: "object"})
        wrong.loc[2, column] = value
        wrong.to_csv(file, index=False)
        with pytest.raises(InputError, match=r"people\.csv") as refused:
            people_of(file, people.spec)
        assert "row 4" in str(refused.value)
    people.personas.drop(columns=["weight", "text"]).to_csv(file, index=False)
    assert people_of(file, people.spec).personas["weight"].std() < 1
    people.personas.drop(columns="income").to_csv(file, index=False)
    with pytest.raises(InputError, match="no column 'income'"):
        people_of(file, people.spec)


def test_faces_are_different_adults_and_always_the_same(people: Population) -> None:
    chosen = contrasted(people)
    assert chosen == contrasted(people) and len(set(chosen)) == 6 and adults(people)[chosen].all()
    of = people.personas.iloc[chosen]
    assert of["occupation"].nunique() >= 4 and of["sex"].nunique() == 2
    assert len(contrasted(make_population(load_study("orlo"), 3))) <= 3


def test_the_commands_keep_people_that_a_run_can_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = ["--db", str(tmp_path / "s.duckdb")]
    who = ["--who", "age_group=15-24", "--share", "30", "--personas", "50"]
    assert main(["people", "group", "meridia", *who, "--name", "Young", "--json", *db]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert kept["personas"] == 50
    make_population(load_study("meridia"), 20).personas.to_csv(tmp_path / "p.csv", index=False)
    assert main(["people", "import", "meridia", "--file", str(tmp_path / "p.csv"), "--name", "Mine", *db]) == 0
    with Store(tmp_path / "s.duckdb") as store:
        assert set(saved_populations(store, load_study("meridia"))["label"]) == {"Young", "Mine"}
    capsys.readouterr()
    run = ["run", "meridia", "--population", kept["population"], "--trials", "1", "--json", *db]
    assert main(run) == 0 and json.loads(capsys.readouterr().out)["personas"] == 50
