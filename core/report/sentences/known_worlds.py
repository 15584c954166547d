"""Contrasts against known truths, in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.cognition.registry import engine_label
from core.report.sentences.validity import best_rival
from core.report.terminal import table

#: Groups of scores and how their rows are called.
GROUPS = (("by_world", "World"), ("by_distance", "Distance to training"), ("by_alternative", "Alternative"))
NONE = "–"
#: Figures are aligned to the right, missing ones too.
NUMBER_WIDTH, SHARE_WIDTH = 6, 5


def worlds_text(values: Mapping[str, Any]) -> str:
    """A finished measurement: overall, then by world, by distance to training and by alternative."""
    summary, words = values["summary"], values["estimators"]
    overall = summary["overall"]
    lines = [
        f"{len(values['worlds'])} kinds of world, {values['seeds']} seeds each, contrasts over {values['horizon']} days; "
        f"engine: {engine_label(values['engine'])}; {values['personas']:,} personas, {values['trials']} trials.",
    ]
    if overall["rows"]:
        lines += [
            f"{overall['rows']} true effects of measures, {overall['rms_truth']:.2f} points (root mean square). "
            "Errors in points of the metric; 80% intervals:",
            "",
            _scores_table(overall, words),
            *_differences(overall, words),
        ]
    for key, head in GROUPS:
        if summary[key]:
            lines += ["", *_group_tables(summary[key], head, list(words))]
    for name, scores in summary["working_week"].items():
        lines += [
            "",
            f"{_words(name)}: {scores['rows']} true effects, {scores['rms_truth']:.2f} points (root mean square):",
            _scores_table(scores, words),
            *_differences(scores, words),
        ]
    lines += ["", f"Claims: {values['claims']}.", f"Took {values['seconds']:.0f} s."]
    return "\n".join([*lines, *([f"Run {values['run_id']}."] if "run_id" in values else [])])


def _scores_table(scores: Mapping[str, Any], words: Mapping[str, str]) -> str:
    head = ["Estimate", "RMSE", "Mean error", "Overstated", "Right sign", "Inside 80%", "Width"]
    rows = []
    for name, said in words.items():
        item = scores["estimators"][name]
        shares = [_share(item["right_sign"]), _share(item["coverage"])]
        points = [_number(item[key]) for key in ("rmse", "mean_error", "overstated", "width")]
        rows.append([said, *points[:3], *shares, points[3]])
    return table(head, rows)


def _differences(scores: Mapping[str, Any], words: Mapping[str, str]) -> list[str]:
    """The twin's error less each other's, and which is better where the interval over worlds leaves out zero."""
    found = {
        name: scores["estimators"][name]["against_twin"]
        for name in words
        if scores["estimators"][name].get("against_twin") is not None
    }
    if not found:
        return []
    rows = [
        [
            words[name],
            *(_signed(item[key]) for key in ("value", "lower", "upper")),
            item["units"],
            f"twin {item['verdict']}",
        ]
        for name, item in found.items()
    ]
    return ["", table(["The twin's RMSE less that of", "Points", "5%", "95%", "Worlds", "Verdict"], rows)]


def _verdict(scores: Mapping[str, Any]) -> list[str]:
    best = best_rival(scores)
    return (
        [NONE, NONE]
        if best is None
        else [f"{_signed(best[1]['lower'])} {_signed(best[1]['upper'])}", best[1]["verdict"]]
    )


def _signed(value: float | None) -> str:
    return (NONE if value is None else f"{value:+.2f}").rjust(NUMBER_WIDTH)


def _group_tables(groups: Mapping[str, Any], head: str, names: Sequence[str]) -> list[str]:
    """RMSE of every estimator by group, with the twin's interval beside it, and the interval (over worlds) of its error less
    the best rival's."""
    rows = []
    for name, scores in groups.items():
        said = scores["estimators"]
        twin = said["twin"]
        rows.append(
            [
                _words(name),
                scores["rows"],
                _number(scores["rms_truth"]),
                *(_number(said[item]["rmse"]) for item in names),
                _share(twin["right_sign"]),
                _share(twin["coverage"]),
                _number(twin["width"]),
                *_verdict(scores),
            ]
        )
    return [table([head, "Rows", "Truth", *names, "twin: sign", "inside", "width", "less best rival", "verdict"], rows)]


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize() if name.islower() else name


def _number(value: float | None) -> str:
    return (NONE if value is None else f"{value:.2f}").rjust(NUMBER_WIDTH)


def _share(value: float | None) -> str:
    return (NONE if value is None else f"{100 * value:.0f}%").rjust(SHARE_WIDTH)
