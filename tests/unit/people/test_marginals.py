"""Population files: what they say is read whole, checked with helpful errors, edited without losing the source."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w

from core.errors import InputError
from core.people.marginals import (
    available_populations,
    edited,
    load_population_spec,
    marginal_frame,
    raked_joint,
    sources_frame,
    spec_from_dict,
)
from core.people.spec import PopulationSpec

POPULATIONS = ("meridia", "uae", "world")


@pytest.fixture(scope="module", params=POPULATIONS)
def spec(request: pytest.FixtureRequest) -> PopulationSpec:
    return load_population_spec(request.param)


@pytest.fixture
def raw() -> dict[str, Any]:
    """A small valid population: two attributes with a table each, one assumed, one trait."""
    return copy.deepcopy(SMALL)


SMALL: dict[str, Any] = {
    "id": "small",
    "title": "Small",
    "total": 1000,
    "fictional": True,
    "attributes": [
        {"name": "age", "label": "Age", "categories": []},
        {
            "name": "sex",
            "label": "Sex",
            "categories": [
                {"id": "male", "label": "Male", "words": {"they": "he"}},
                {"id": "female", "label": "Female", "words": {"they": "she"}},
            ],
        },
        {
            "name": "pet",
            "label": "Pet",
            "categories": [{"id": "cat", "label": "Cat"}, {"id": "dog", "label": "Dog"}],
        },
    ],
    "marginals": [
        {
            "name": "age_by_sex",
            "attributes": ["sex", "age_group"],
            "use": "fit",
            "unit": "persons",
            "quality": "fictional",
            "source": "invented",
            "table": {"male": {"young": 300, "old": 200}, "female": {"young": 250, "old": 250}},
        }
    ],
    "assumptions": [
        {
            "attribute": "pet",
            "given": ["sex"],
            "reasoning": "invented",
            "rows": [
                {"when": {"sex": "male"}, "shares": {"cat": 0.2, "dog": 0.8}},
                {"shares": {"cat": 0.5, "dog": 0.5}},
            ],
        }
    ],
    "traits": [
        {
            "name": "calm",
            "label": "Calm",
            "meaning": "how calm they are",
            "mean": 0.5,
            "spread": 0.2,
            "reasoning": "invented",
            "shifts": {"age_group": {"old": 0.5}},
            "wording": [{"very_low": "a", "low": "b", "middle": "c", "high": "d", "very_high": "e"}],
        }
    ],
    "text": [{"rules": [{"say": "{An} {age}-year-old, {sex.they} has a {pet}."}]}],
}
SMALL["attributes"][0] = {
    "name": "age_group",
    "label": "Age",
    "categories": [{"id": "young", "label": "Young", "age": [0, 39]}, {"id": "old", "label": "Old", "age": [40, 90]}],
}


def test_both_populations_ship() -> None:
    assert set(POPULATIONS) <= set(available_populations())


def test_survives_toml_and_dict(spec: PopulationSpec, tmp_path: Path) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(tomli_w.dumps(spec.to_dict()), encoding="utf-8")
    again = load_population_spec(path)
    assert again.to_dict() == spec.to_dict()
    assert again.content_hash == spec.content_hash
    through_json = spec_from_dict(json.loads(json.dumps(spec.to_dict())))
    assert through_json.content_hash == spec.content_hash


def test_everything_names_its_source(spec: PopulationSpec) -> None:
    frame = sources_frame(spec)
    assert set(frame["used_as"]) - {"seed"} == {"fit", "assumed attribute", "assumed trait"}
    assert (frame["source"].str.len() > 0).all()
    traits = frame[frame["used_as"] == "assumed trait"]
    assert set(traits["source"]) == {"assumption"} and (traits["note"].str.len() > 20).all()


def test_old_joint_tables_of_the_emirates_only_seed() -> None:
    spec = load_population_spec("uae")
    for marginal in spec.marginals:
        if marginal.quality == "official_old":
            assert marginal.use == "seed", marginal.name


def test_fitted_tables_agree_with_each_other(spec: PopulationSpec) -> None:
    result = raked_joint(spec)
    assert result.converged and not result.conflicts


def test_shared_attributes_have_the_same_categories() -> None:
    uae, meridia = (load_population_spec(name) for name in ("uae", "meridia"))
    shared = {item.name for item in uae.attributes} & {item.name for item in meridia.attributes}
    assert shared == {"age_group", "sex", "occupation", "home", "children_at_home", "income", "transport"}
    for name in shared:
        assert uae.attribute(name).ids == meridia.attribute(name).ids
    assert uae.trait_names == meridia.trait_names
    assert uae.total == 9_890_400 and not uae.fictional
    assert meridia.total == 4_200_000 and meridia.fictional and "fictional" in meridia.title


def test_coefficients_refer_to_what_exists(spec: PopulationSpec) -> None:
    table = pd.read_csv(
        Path(__file__).resolve().parents[3] / "data" / "coefficients" / "pandemic_mobility.csv",
        dtype=str,
        keep_default_na=False,
    )
    named = set(table.loc[table["term"].isin(["persona", "trait"]), "key"]) | set(table["modifier"]) - {""}
    for feature in named - {""}:
        attribute, _, category = feature.partition("=")
        if category and attribute in {item.name for item in spec.attributes}:
            assert category in spec.attribute(attribute).ids, feature
        elif not category:
            assert attribute in spec.trait_names, feature


def test_the_facts_of_the_emirates_are_restated_as_they_are(real_data: Path) -> None:
    facts = json.loads((real_data / "population_marginals.json").read_text(encoding="utf-8"))
    spec = load_population_spec("uae")
    groups = [(0, 3), (3, 5), (5, 7), (7, 10), (10, 13), (13, 21)]
    ages = facts["age_sex_2020"]["countries"]["ARE"]
    expected = [[sum(ages[sex][a:b]) for a, b in groups] for sex in ("male", "female")]
    np.testing.assert_array_equal(spec.marginal("age_by_sex").table, expected)
    assert spec.total == ages["total"]
    uae = facts["uae"]

    old = uae["age_by_nationality_by_sex_1985"]["data"]
    groups[-1] = (13, 18)
    expected_old = [
        [[sum(old[f"{who}_{sex}"][a:b]) for a, b in groups] for sex in ("male", "female")]
        for who in ("emirati", "non_emirati")
    ]
    np.testing.assert_array_equal(spec.marginal("age_by_citizenship_and_sex_1985").table, expected_old)

    names = {item.label: k for k, item in enumerate(spec.attribute("emirate").categories)}
    census = spec.marginal("emirate_citizenship_sex_work_2005").table
    whos, sexes = ("emirati", "non_emirati"), ("male", "female")
    for row in uae["emirate_by_nationality_by_sex_2005"]["data"]:
        cell = census[names[row["emirate"]], whos.index(row["nationality"]), sexes.index(row["sex"])]
        assert cell.sum() == row["count"]
    for row in uae["employed_by_emirate_nationality_sex_2005"]["data"]:
        for i, who in enumerate(whos):
            for j, sex in enumerate(sexes):
                assert census[names[row["emirate"]], i, j, 0] == row[f"{who}_{sex}"]

    jobs = uae["occupation_by_nationality_by_sex_2017"]["data"]
    table = spec.marginal("occupation_of_employed").table
    for i, who in enumerate(whos):
        for j, sex in enumerate(sexes):
            np.testing.assert_array_equal(table[i, j, :9], jobs[f"{who}_{sex}"][:9])

    # The derived composition of the employed reproduces the survey's own totals within its rounding.
    mix = spec.marginal("employed_by_citizenship_and_sex").shares
    columns = np.array([jobs[f"{who}_{sex}"] for who in whos for sex in sexes])
    np.testing.assert_allclose(mix @ columns, jobs["total"], atol=0.15)

    groups_of = uae["nationality_groups"]["data"]
    found = spec.marginal("nationality_of_non_emiratis").table
    np.testing.assert_array_equal(found[1:], [groups_of[name] for name in spec.attribute("nationality").ids[1:]])

    emirates = dict(zip(spec.attribute("emirate").ids, spec.marginal("emirate").table, strict=True))
    latest = uae["emirate_population_latest"]["data"]
    assert (emirates["dubai"], emirates["abu_dhabi"], emirates["sharjah"]) == (3411000, 2910000, 1400000)
    north = np.array([emirates[name] for name in ("ajman", "umm_al_quwain", "ras_al_khaimah", "fujairah")])
    assert north.sum() == next(value for name, value in latest.items() if name.startswith("Other"))
    np.testing.assert_allclose(north / north.sum(), census.sum(axis=(1, 2, 3))[3:] / census[3:].sum(), atol=1e-6)


def _wrong(raw: dict[str, Any], *words: str) -> None:
    with pytest.raises(InputError) as caught:
        spec_from_dict(raw, where="small.toml")
    assert "\n" not in str(caught.value)
    for word in ("small.toml", *words):
        assert word in str(caught.value), str(caught.value)


def test_the_small_population_is_valid(raw: dict[str, Any]) -> None:
    assert spec_from_dict(raw).raked == ("age_group", "sex")


def test_an_unknown_category_names_the_nearest(raw: dict[str, Any]) -> None:
    raw["marginals"][0]["table"]["femal"] = raw["marginals"][0]["table"].pop("female")
    _wrong(raw, "femal", "Nearest valid: female", "age_by_sex")


def test_a_missing_category_is_named(raw: dict[str, Any]) -> None:
    del raw["marginals"][0]["table"]["male"]["old"]
    _wrong(raw, "age_by_sex", "old")


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_value_that_is_no_count(raw: dict[str, Any], value: float) -> None:
    raw["marginals"][0]["table"]["male"]["old"] = value
    _wrong(raw, "age_by_sex", f"{value:g}", "0 and above")


def test_shares_that_do_not_sum(raw: dict[str, Any]) -> None:
    raw["marginals"][0] |= {
        "unit": "percent",
        "table": {"male": {"young": 30, "old": 20}, "female": {"young": 25, "old": 5}},
    }
    _wrong(raw, "sum to 80", "100", "left_out")
    raw["marginals"][0]["left_out"] = "those who did not say"
    assert spec_from_dict(raw).marginals[0].shares.sum() == pytest.approx(1.0)


def test_shares_within_slices_sum_in_each(raw: dict[str, Any]) -> None:
    table = {"male": {"young": 60, "old": 40}, "female": {"young": 55, "old": 30}}
    raw["marginals"][0] |= {"unit": "percent", "within": ["sex"], "table": table}
    _wrong(raw, "sum to 85")


def test_a_missing_source(raw: dict[str, Any]) -> None:
    raw["marginals"][0]["source"] = " "
    _wrong(raw, "age_by_sex", "no source")


def test_a_missing_key_is_named_with_its_place(raw: dict[str, Any]) -> None:
    del raw["marginals"][0]["unit"]
    _wrong(raw, "unit", "marginal age_by_sex")


def test_an_attribute_with_neither_table_nor_assumption(raw: dict[str, Any]) -> None:
    del raw["assumptions"]
    _wrong(raw, "pet", "a marginal that is fitted, or an assumption")


def test_a_seed_alone_does_not_make_an_attribute(raw: dict[str, Any]) -> None:
    raw["marginals"][0]["use"] = "seed"
    _wrong(raw, "neither table nor assumption")


def test_an_assumption_needs_a_last_row_for_everybody(raw: dict[str, Any]) -> None:
    raw["assumptions"][0]["rows"].pop()
    _wrong(raw, "pet", "everybody else")


def test_an_assumption_cannot_use_what_comes_later(raw: dict[str, Any]) -> None:
    raw["attributes"].append({"name": "toy", "label": "Toy", "categories": [{"id": "ball", "label": "Ball"}]})
    toy = {"attribute": "toy", "reasoning": "invented", "rows": [{"shares": {"ball": 1}}]}
    raw["assumptions"][0]["given"].append("toy")
    raw["assumptions"].append(toy)
    _wrong(raw, "toy", "not known before")


@pytest.mark.parametrize(("key", "value"), [("mean", 1.2), ("spread", 0.6), ("spread", -0.1)])
def test_a_trait_that_is_no_distribution(raw: dict[str, Any], key: str, value: float) -> None:
    raw["traits"][0][key] = value
    _wrong(raw, "trait calm", key, f"{value:g}")


@pytest.mark.parametrize("template", ["{sexx}", "{sex.thay}", "a { b", "{agee} old"])
def test_a_hole_that_nothing_fills(raw: dict[str, Any], template: str) -> None:
    raw["text"][0]["rules"][0]["say"] = template
    _wrong(raw, "[text]")


def test_a_grouping_places_every_category_once(raw: dict[str, Any]) -> None:
    raw["groupings"] = [{"name": "half", "attribute": "age_group", "groups": {"first": ["young"]}}]
    _wrong(raw, "grouping half", "old", "exactly one")


def test_names_are_given_once(raw: dict[str, Any]) -> None:
    raw["marginals"].append(raw["marginals"][0])
    _wrong(raw, "age_by_sex", "twice")


@pytest.mark.parametrize("total", [0, -5, 2.5, "many", True])
def test_the_total_is_a_number_of_people(raw: dict[str, Any], total: object) -> None:
    raw["total"] = total
    _wrong(raw, "total", "whole number")


def test_too_many_combinations_are_refused(raw: dict[str, Any]) -> None:
    many = [{"id": f"c{k}", "label": "x"} for k in range(1000)]
    for name in ("region", "district"):
        raw["attributes"].append({"name": name, "label": name, "categories": many})
        raw["marginals"].append(
            raw["marginals"][0] | {"name": name, "attributes": [name], "table": {item["id"]: 1 for item in many}}
        )
    _wrong(raw, "4,000,000 combinations")


@pytest.mark.parametrize("junk", [[], "x", {"attributes": 3}, {"total": 5, "attributes": [1]}])
def test_junk_is_an_input_error(junk: Any) -> None:
    with pytest.raises(InputError):
        spec_from_dict(junk)


def test_a_missing_file_and_an_unknown_population() -> None:
    with pytest.raises(InputError, match="meridia"):
        load_population_spec("merida")
    with pytest.raises(InputError, match="no such file"):
        load_population_spec("nowhere/at_all.toml")


def test_a_file_that_extends_itself(tmp_path: Path) -> None:
    path = tmp_path / "loop.toml"
    path.write_text('extends = "loop.toml"\n', encoding="utf-8")
    with pytest.raises(InputError, match="extends"):
        load_population_spec(path)


def test_editing_keeps_the_original() -> None:
    spec = load_population_spec("uae")
    old = spec.marginal("emirati_share")
    once = edited(spec, "emirati_share", np.array([30.0, 70.0]))
    twice = edited(once, "emirati_share", np.array([1.0, 1.0]))
    new = twice.marginal("emirati_share")
    assert new.quality == "edited" and new.source.startswith("edited by the user")
    assert new.original_source == old.source and new.source.count("originally") == 1
    assert new.original_table is not None
    np.testing.assert_array_equal(new.original_table, old.table)
    np.testing.assert_allclose(new.table, [50.0, 50.0])
    assert spec.marginal("emirati_share") is old and spec.content_hash != once.content_hash
    assert spec_from_dict(twice.to_dict()).content_hash == twice.content_hash


def test_an_edit_moves_the_joint_distribution() -> None:
    spec = load_population_spec("uae")
    joint = raked_joint(edited(spec, "emirati_share", np.array([30.0, 70.0]))).joint
    axis = spec.raked.index("nationality")
    assert np.moveaxis(joint, axis, 0)[0].sum() == pytest.approx(0.30, abs=1e-9)


def test_the_frame_of_a_marginal_goes_back_in(spec: PopulationSpec) -> None:
    for marginal in spec.marginals:
        frame = marginal_frame(spec, marginal.name)
        assert (frame["value"] >= 0).all()
        again = edited(spec, marginal.name, frame.sample(frac=1.0, random_state=1)).marginal(marginal.name)
        np.testing.assert_allclose(again.shares, marginal.shares, atol=1e-12)


def test_a_wrong_edit_is_refused() -> None:
    spec = load_population_spec("uae")
    frame = marginal_frame(spec, "emirati_share")
    with pytest.raises(InputError, match="-3"):
        edited(spec, "emirati_share", frame.assign(value=[-3.0, 103.0]))
    with pytest.raises(InputError, match="is missing"):
        edited(spec, "emirati_share", frame.head(1))
    with pytest.raises(InputError, match="Nearest valid: emirati"):
        edited(spec, "emirati_share", frame.replace("emirati", "emirat"))
    with pytest.raises(InputError, match="twice"):
        edited(spec, "emirati_share", pd.concat([frame, frame.head(1)]))
    with pytest.raises(InputError, match="shape"):
        edited(spec, "emirati_share", np.ones(3))
    with pytest.raises(InputError, match="emirati_share"):
        edited(spec, "emirati_shar", frame)
    outside = spec.marginal("nationality_of_non_emiratis").table.copy()
    outside[0] = 5.0
    with pytest.raises(InputError, match="outside"):
        edited(spec, "nationality_of_non_emiratis", outside)
