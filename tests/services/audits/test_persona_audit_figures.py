"""Figures of the persona audit with known answers; cut-offs and wordings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from string import Template

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_cases import engine, people, some_contexts, writer

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cutoffs import Cutoff, cutoff_of, load_cutoffs, period_against
from core.cognition.llm.designs import DESIGNS
from core.cognition.llm.prompts import TEXTS, PromptWriter, load_prompts
from core.cognition.llm.variants import LEADING, PARAPHRASE, memory_texts, variants_of
from core.errors import InputError
from core.validity.memorisation import memory
from core.validity.persona_audit import agreement, change, mean_estimate, opposed, sampling_error, spread_against

#: A published variant does not change: a better wording is a new one.
PUBLISHED = {
    "paraphrase-1": "396e90d6",
    "paraphrase-2": "c0c225e1",
    "printed-on": "27de7bb4",
    "favourite-colour": "193a90ff",
    "hopes-for-staying-in": "856e920a",
    "hopes-for-going-out": "c79dc8ea",
}


SIGNS = [-1, -1, -1, -1, -1, 1]


# Figures


def crowd(seed: int, *, noise: float = 0.08, people: float = 0.1, samples: int = 3) -> np.ndarray:
    """Answers (samples, 20 personas, 10 contexts, 6 behaviours) of a model with these standard deviations."""
    generator = np.random.default_rng(seed)
    true = 0.5 + people * generator.standard_normal((1, 20, 10, 6))
    return np.asarray(true + noise * generator.standard_normal((samples, 20, 10, 6)))


def test_a_mean_comes_with_students_interval() -> None:
    values = np.random.default_rng(1).standard_normal(400)
    found = mean_estimate(values, np.ones(400))
    error = values.std(ddof=1) / 20
    assert found.value == pytest.approx(values.mean())
    assert found.upper - found.value == pytest.approx(1.966 * error, rel=0.06)
    assert mean_estimate(values, np.ones(400), tests=10).upper > found.upper
    weighted = mean_estimate(np.array([0.0, 1.0, 1.0]), np.array([2.0, 1.0, 1.0]))
    assert weighted.value == 0.5 and weighted.lower < 0.0
    alike = mean_estimate(np.full(7, 0.3), np.arange(1.0, 8.0))
    assert alike.lower == alike.upper == pytest.approx(0.3) and alike.leaves_out(0.2)
    alone = mean_estimate(np.array([0.3]), np.ones(1))
    assert alone.value == 0.3 and np.isnan(alone.lower) and not alone.leaves_out(0.0)
    assert np.isnan(mean_estimate(np.full(3, np.nan), np.ones(3)).value)


def test_half_the_spread_is_half_the_spread() -> None:
    reference = crowd(1, noise=0.0)[0]
    own = 0.5 * reference + 0.2
    found = spread_against(own, reference, np.arange(1.0, 21.0), np.arange(1.0, 11.0))
    assert found.ratio.value == pytest.approx(0.5) and found.ratio.upper == pytest.approx(0.5)
    assert np.allclose([item.value for item in found.ratios], 0.5) and found.ratio.leaves_out(1.0)
    assert np.allclose(found.own * 2, found.reference)
    nothing = spread_against(own, np.full_like(own, 0.5), np.ones(20))
    assert np.isnan(nothing.ratio.value) and np.isnan(nothing.ratio.lower)


def test_noise_is_not_taken_for_diversity() -> None:
    ratios, corrected = [], []
    for seed in range(40):
        noisy = crowd(seed, samples=1)[0]
        reference = crowd(seed, samples=1, noise=0.0)[0]
        ratios.append(spread_against(noisy, reference, np.ones(20), draws=50).ratio.value)
        corrected.append(spread_against(noisy, reference, np.ones(20), noise=np.full(6, 0.0064), draws=50).ratio.value)
    assert np.mean(ratios) == pytest.approx(np.hypot(0.1, 0.08) / 0.1, rel=0.03)
    assert np.mean(corrected) == pytest.approx(1.0, abs=0.02)


def test_agreement_is_shrout_and_fleiss_first_coefficient() -> None:
    judges = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]) / 10
    found = agreement(judges.T[:, :, None, None])
    assert found.icc[0].value == pytest.approx(0.1657, abs=5e-5)  # table 4 of their paper gives .17
    assert found.icc[0].value == found.between_personas[0].value == found.overall.value
    assert found.noise[0] == pytest.approx(np.sqrt(6.2639) / 10, rel=1e-3)
    assert not found.identical


def test_agreement_finds_the_shares_that_made_the_answers() -> None:
    shares = [agreement(crowd(seed), draws=50).overall.value for seed in range(30)]
    assert np.mean(shares) == pytest.approx(0.01 / 0.0164, abs=0.02)
    collapsed = [agreement(crowd(seed, people=0.0), draws=200).overall for seed in range(60)]
    assert np.mean([item.value for item in collapsed]) == pytest.approx(0.0, abs=0.01)
    assert sum(item.lower > 0 for item in collapsed) <= 5
    error = sampling_error(np.array([0.08]), np.ones(16), 4)
    assert error[0] == pytest.approx(0.01)


def test_samples_that_are_the_same_agree() -> None:
    found = agreement(np.repeat(crowd(1, noise=0.0, samples=1), 3, axis=0))
    assert found.identical and found.overall.value == pytest.approx(1.0) and found.noise.max() < 1e-12
    nothing = agreement(np.full((2, 4, 3, 2), 0.25))
    assert nothing.identical and np.isnan(nothing.overall.value)
    with pytest.raises(ValueError, match="two samples"):
        agreement(crowd(1, samples=1))


def test_missing_answers_are_left_out_and_not_filled_in() -> None:
    values = crowd(3)
    holes = values.copy()
    holes[0, 3], holes[:, 5, 2] = np.nan, np.nan
    whole, less = agreement(values, draws=50), agreement(holes, draws=50)
    assert less.overall.value == pytest.approx(whole.overall.value, abs=0.05)
    found = change(holes, values[:1] + 0.1, np.ones(20), SIGNS)
    assert found.shift.value == pytest.approx(-0.1 * 4 / 6, abs=0.01)


@pytest.mark.parametrize("moved", [0.0, 0.05])
def test_a_shift_of_answers_is_found_with_its_size_and_without_false_alarms(moved: float) -> None:
    excess = shifts = 0
    size = []
    for seed in range(100):
        base, other = crowd(seed), crowd(seed)[:1]
        generator = np.random.default_rng([seed, 1])
        true = crowd(seed, noise=0.0)[:1]
        other = true + np.array(SIGNS) * moved + 0.08 * generator.standard_normal(true.shape)
        found = change(base, other, np.arange(1.0, 21.0), SIGNS, seed=seed)
        excess += found.excess.lower > 0
        shifts += found.shift.leaves_out(0.0)
        size.append(found.shift.value)
    assert np.mean(size) == pytest.approx(moved, abs=0.003)
    if moved:
        assert shifts == 100 and excess >= 90
    else:
        assert shifts <= 12 and excess <= 12


def test_opposite_cues_leave_what_both_do_out() -> None:
    base = crowd(1, noise=0.0, samples=1)
    signs = np.array(SIGNS)
    up, down = base + 0.03 + 0.08 * signs, base + 0.03 - 0.08 * signs
    assert opposed(up, down, np.ones(20), signs).value == pytest.approx(0.08)
    with pytest.raises(ValueError, match="same personas"):
        opposed(up, down[:, :3], np.ones(20), signs)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_contexts_and_samples_means_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = crowd(seed)
    samples, contexts = generator.permutation(3), generator.permutation(10)
    mixed = values[samples][:, :, contexts]
    weights = np.arange(1.0, 21.0)
    one, other = (agreement(item, draws=20).overall for item in (values, mixed))
    assert one.value == pytest.approx(other.value) and one.lower == pytest.approx(other.lower)
    one, other = (change(item, item[:1], weights, SIGNS).shift for item in (values, mixed))
    assert abs(one.value - other.value) < 0.05
    first, second = (spread_against(item[0], values[1][:, order], weights, draws=20) for item, order in (
        (values, np.arange(10)), (values[:, :, contexts], contexts)))  # fmt: skip
    assert first.ratio.value == pytest.approx(second.ratio.value)


def test_memory_is_told_from_a_guess() -> None:
    generator = np.random.default_rng(2)
    truth = -30 + 20 * generator.standard_normal((12, 6))
    knows = memory(truth + generator.standard_normal((12, 6)), truth)
    assert knows.remembered and knows.error < 1.2 < knows.naive and knows.p < 0.01 and knows.months == 12
    perfect = memory(truth, truth)
    assert perfect.error == 0.0 and perfect.gain.value == pytest.approx(perfect.naive)
    assert perfect.naive == pytest.approx(np.abs(truth - truth.mean(axis=0)).mean() * 12 / 11)
    assert not memory(np.tile(truth.mean(axis=0), (12, 1)), truth).remembered
    few = memory(truth[:3], truth[:3])
    assert np.isnan(few.p) and not few.remembered
    assert np.isnan(memory(truth * np.nan, truth).error)


def test_memory_is_seldom_seen_where_there_is_none() -> None:
    def guesses(seed: int) -> bool:
        generator = np.random.default_rng(seed)
        truth, said = -30 + 20 * generator.standard_normal((2, 12, 6))
        return memory(truth.mean() + 0.2 * (said - said.mean()), truth, seed=seed).remembered

    assert sum(guesses(seed) for seed in range(25)) <= 4


# Cut-offs


def test_cutoffs_are_found_by_the_name_that_fits_best() -> None:
    table = load_cutoffs()
    assert all(row.source and row.as_of.year >= 2025 for row in table)
    found = cutoff_of("gemini", ["gemini-2.5-flash-lite"], table)
    assert found is not None and found.month == date(2025, 1, 1)
    assert cutoff_of("openai", ["meta-llama/Llama-3.1-8B-Instruct"], table).month == date(2023, 12, 1)  # type: ignore[union-attr]
    assert cutoff_of("openai", ["gpt-4o-mini"], table).model == "gpt-4o-mini*"  # type: ignore[union-attr]
    assert cutoff_of("openai", ["local-test-001", "gpt-4.1"], table).month == date(2024, 6, 1)  # type: ignore[union-attr]
    assert cutoff_of("gemini", ["gemini-3.8-flash"], table) is None
    assert cutoff_of("gemini", ["gpt-4o"], table) is None


def test_a_period_lies_before_across_or_after_a_cutoff() -> None:
    def at(month: date) -> str:
        return period_against(Cutoff("m", "*", month, month, "s"), date(2020, 2, 15), date(2022, 10, 13))

    assert [at(date(2022, 10, 1)), at(date(2022, 9, 1)), at(date(2020, 2, 1)), at(date(2020, 1, 1))] == [
        "before", "across", "across", "after",
    ]  # fmt: skip
    assert at(date(2023, 12, 1)) == "before"
    assert period_against(None, date(2020, 1, 1), date(2021, 1, 1)) == "unknown"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("model,engine,cutoff,date\n", "source"),
        ("model,engine,cutoff,date,source\nm,*,2024,2025-01-01,s\n", "YYYY-MM"),
        ("model,engine,cutoff,date,source\nm,*,2024-01,today,s\n", "line 2"),
        ("model,engine,cutoff,date,source\nm,,2024-01,2025-01-01,s\n", "empty"),
    ],
)
def test_a_table_of_cutoffs_that_is_none_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "cutoffs.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=wrong):
        load_cutoffs(path)


# Wordings


def test_published_variants_have_not_changed() -> None:
    assert {item.id: item.files.hash[:8] for item in variants_of()} == PUBLISHED
    assert memory_texts().hash[:8] == "02fc53e8"


def test_a_variant_says_the_same_in_every_design() -> None:
    base = load_prompts()
    for variant in variants_of():
        for name in TEXTS:
            text = variant.files.texts[name]
            assert _holes(text) == _holes(base.texts[name]), (variant.id, name)
            if not name.startswith("system"):
                assert text.count("$form") == 1
        if variant.kind != PARAPHRASE:
            assert variant.files.words == base.words
    paraphrases = [item.files for item in variants_of() if item.kind == PARAPHRASE]
    assert len(paraphrases) >= 2
    for files in paraphrases:
        assert set(files.words) == set(base.words) and set(files.words["answers"]) == set(base.words["answers"])
        assert all(files.texts[name] != base.texts[name] for name in TEXTS)


def _holes(text: str) -> set[str]:
    return {found["named"] or found["braced"] for found in Template.pattern.finditer(text)} - {None, ""}


@pytest.mark.parametrize("design", DESIGNS)
def test_a_cue_is_one_paragraph_more(design: str) -> None:
    made = engine("openai", "http://127.0.0.1:9/v1", design=design)
    plain = made.questions(people(1), some_contexts())
    for variant in variants_of():
        words = replace(made, writer=PromptWriter(writer().study, variant.files))
        asked = words.questions(people(1), some_contexts())
        assert len(asked) == len(plain)
        for one, other in zip(plain, asked, strict=True):
            assert (
                AnswerShape.of(other.question.schema) == one.plan.shape
                and other.plan.answer_slots == one.plan.answer_slots
            )
            assert other.question.prompt.count(one.plan.shape.form()) == 1
            assert other.question.key(made.spec) != one.question.key(made.spec)
            if variant.kind != PARAPHRASE:
                more = set(other.question.prompt.split("\n\n")) - set(one.question.prompt.split("\n\n"))
                assert len(more) == 1 and other.question.system == one.question.system
    towards = [item.towards for item in variants_of() if item.kind == LEADING]
    assert sorted(towards) == [-1, 1]
