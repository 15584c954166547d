"""What ablations and generated worlds show, as tables and in words that follow from their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.forecasting.backtest import TWIN
from core.report.sentences.skill import listed
from core.services.evaluation.skill import judged
from core.validity.paired import BETTER, UNSURE, WORSE

#: The nominal level of the intervals of contrasts, as a share.
CONTRAST_LEVEL = 0.8
WORLD_WORDS: dict[str, str] = {
    "plain": "Policy acts at once, and nothing else is going on",
    "confounded": "Policy follows the epidemic, which people fear as well",
    "fatigue": "People tire of policy",
    "anticipation": "People act before the policy",
    "working_week": "The working week changes besides",
    "meridia": "Meridia",
}
ALTERNATIVE_WORDS: dict[str, str] = {
    "held": "Policy kept as it was",
    "looser": "Every measure one level looser",
    "stricter": "Every measure one level stricter",
    "lifted": "Every measure lifted",
    "full": "Every measure in full",
    "week_kept_on_new_working_days": "Old working week kept: days that became working days",
    "week_kept_on_new_days_off": "Old working week kept: days that became days off",
    "inside": "Inside what training saw",
}


def spoken(name: str) -> str:
    """A world, an alternative or a class of distance in words."""
    known = WORLD_WORDS | ALTERNATIVE_WORDS
    return known.get(name) or name.replace("_", " ").capitalize()


def ablation_words(values: Mapping[str, Any]) -> list[str]:
    """Which parts can be told from chance, dearest first; which do harm; and how many cannot be told apart."""
    rows = list(values["rows"])
    told = sorted((row for row in rows if row["distinguishable"]), key=lambda row: -row["price"])
    dear, harm = ([row for row in told if sign * row["price"] > 0] for sign in (1, -1))
    rest = len(rows) - len(told)
    said = [f"The whole twin misses by {values['macro_rmse']:.1f} points on average."]
    for found, change, sign in ((dear, "grows", "+"), (harm, "shrinks", "−")):
        if found:
            parts = [f"{row['label'][:1].lower()}{row['label'][1:]} ({sign}{abs(row['price']):.1f})" for row in found]
            said.append(f"Its error {change} by more points than chance explains: {listed(parts)}.")
    if not told:
        said.append("No part makes a difference that can be told from chance on this hold-out.")
    elif rest:
        said.append(f"The other {rest} make no difference that can be told from chance.")
    return said


def world_words(values: Mapping[str, Any]) -> list[str]:
    """The twin's contrasts against the best rival's in worlds whose truth is known, its sign, size and intervals."""
    overall = values["summary"]["overall"]
    scores, words = overall["estimators"], values["estimators"]
    if not overall["rows"]:
        return ["Nothing was asked about measures."]
    twin = scores[TWIN]
    rivals = {name: item["rmse"] for name, item in scores.items() if name != TWIN and item["rmse"] is not None}
    said = []
    head = (
        f"In {overall['rows']:,} questions whose true answer is {overall['rms_truth']:.1f} points on average, the twin is "
        f"off by {twin['rmse']:.1f}"
    )
    if rivals:
        best = min(rivals, key=lambda name: rivals[name])
        text = words[best]
        head += f"; the best of the usual ways ({text[:1].lower()}{text[1:]}) by {rivals[best]:.1f}"
        said += [f"{head}.", against_words(scores[best]["against_twin"])]
        said += _by_kind(values["summary"]["by_world"])
    else:
        said.append(f"{head}.")
    if twin["right_sign"] is not None:
        said.append(f"It has the direction right in {twin['right_sign']:.0%} of the effects of 2 points or more.")
    if twin["overstated"] is not None:
        size = abs(twin["overstated"])
        lean = "too large" if twin["overstated"] > 0 else "too small"
        said.append(f"On average its effects are {size:.1f} points {lean}.")
    if twin["coverage"] is not None:
        kind = judged(twin["coverage"], CONTRAST_LEVEL)
        said.append(
            f"Its {CONTRAST_LEVEL:.0%} intervals held the truth in {twin['coverage']:.0%} of the cases: {kind}."
        )
    return said


def best_rival(scores: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The usual way with the least error in a group, and the twin's error less its own; None where there is no other."""
    rivals = {
        name: item
        for name, item in scores["estimators"].items()
        if name != TWIN and item.get("against_twin") is not None
    }
    if not rivals:
        return None
    best = min(rivals, key=lambda name: rivals[name]["rmse"])
    return best, rivals[best]["against_twin"]


def against_words(difference: Mapping[str, Any] | None) -> str:
    """Better or worse is said only where the interval over worlds lies on one side of zero."""
    if difference is None or difference["lower"] is None:
        return "Too few worlds were measured to say which of the two is better."
    low, high = sorted(abs(difference[end]) for end in ("lower", "upper"))
    if difference["verdict"] == UNSURE:
        return (
            f"Drawn anew from such worlds, that difference could as well be none (90% interval {difference['lower']:+.1f} to "
            f"{difference['upper']:+.1f} points over {difference['units']} worlds)."
        )
    relation = "less" if difference["verdict"] == BETTER else "more"
    return (
        f"So the twin is off by {abs(difference['value']):.1f} points {relation} (90% interval {low:.1f} to {high:.1f}, over "
        f"{difference['units']} worlds)."
    )


def _by_kind(groups: Mapping[str, Any]) -> list[str]:
    """In which kinds of world the twin is better or worse than the best of the usual ways there, and where that is open."""
    if len(groups) < 2:
        return []
    found: dict[str, list[str]] = {BETTER: [], WORSE: [], UNSURE: []}
    for name, scores in groups.items():
        best = best_rival(scores)
        if best is not None and best[1]["lower"] is not None:
            text = spoken(name)
            found[str(best[1]["verdict"])].append(text if name == "meridia" else f"{text[:1].lower()}{text[1:]}")
    heads = {BETTER: "Better than the best usual way", WORSE: "Worse", UNSURE: "Not certain"}
    parts = [f"{heads[verdict]}: {'; '.join(names)}" for verdict, names in found.items() if names]
    return [f"By kind of world. {'. '.join(parts)}."] if parts else []


def world_table(groups: Mapping[str, Any], words: Mapping[str, str]) -> pd.DataFrame:
    """Errors by group (world, alternative or distance): group, label, rows, truth, and per estimator its RMSE; the best
    rival, the twin's error less its own with the ends of its interval over worlds, and the verdict; and of the twin sign,
    coverage and width."""
    rows = []
    for name, scores in groups.items():
        said = scores["estimators"]
        rows.append(
            {
                "group": name,
                "label": spoken(name),
                "rows": scores["rows"],
                "truth": scores["rms_truth"],
                **{item: said[item]["rmse"] for item in words},
                **_difference_columns(scores),
                "right_sign": said[TWIN]["right_sign"],
                "coverage": said[TWIN]["coverage"],
                "width": said[TWIN].get("width"),
            }
        )
    return pd.DataFrame(rows)


def _difference_columns(scores: Mapping[str, Any]) -> dict[str, Any]:
    best = best_rival(scores)
    if best is None:
        return {"rival": None, "difference": None, "lower": None, "upper": None, "verdict": UNSURE}
    name, found = best
    return {"rival": name, "difference": found["value"], **{key: found[key] for key in ("lower", "upper", "verdict")}}


def names_of(behaviours: Sequence[Any]) -> dict[str, str]:
    """Behaviour ids and labels of a study, in its order."""
    return {item.id: item.label for item in behaviours}
