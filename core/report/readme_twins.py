"""README's tables of calibrated twins, beside what was published (arXiv 2604.07513, tables 2, 4, 5 and 6)."""

from __future__ import annotations

from collections.abc import Mapping

from core.services.surveys.calibration_results import method_label
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.problem import QUESTION
from core.validity.measured import TwinScores, TwinSet, TwinShares, TwinVerdicts

#: The best of the ten published for a new question, and for a new user.
PUBLISHED_BEST: Mapping[tuple[str, str], float] = {
    ("Text, GPT-4.1-mini", "question"): 0.204, ("Text, Gemini Flash 2.5", "question"): 0.242,
    ("JSON, GPT-4.1", "question"): 0.223, ("Text + reasoning", "question"): 0.238, ("Fine-tuned", "question"): 0.243,
    ("Demographics only", "question"): 0.213, ("MovieLens", "question"): 0.524, ("MovieLens", "user"): 0.377,
    ("Text, GPT-4.1-mini", "user"): 0.877,
}  # fmt: skip
#: Published for weights that minimise ℓ1 of distribution functions.
PUBLISHED_SHARES: Mapping[str, Mapping[str, float]] = {
    "OpinionQA": {"tv": 0.178, "kl": 0.123, "hellinger": 0.031, "ks": 0.154, "l1": 0.271, "l2": 0.045},
    "MovieLens": {"tv": 0.188, "kl": 0.212, "hellinger": 0.036, "ks": 0.123, "l1": 0.415, "l2": 0.041},
}


def twins_table(found: TwinScores) -> str:
    """A row for each pair of tables: raw twins, the trivial baseline, the best published, ours, adaptive and stack."""
    rows = []
    for item in found.sets:
        name, best = _best(item)
        published = PUBLISHED_BEST.get((item.name, item.target))
        trivial = item.means["trivial"]
        ahead = "**" if trivial >= max(value for way, value in item.means.items() if way != "trivial") else ""
        rows.append(
            [item.name, item.target, f"{item.means['raw']:.3f}", f"{ahead}{trivial:.3f}{ahead}",
             "" if published is None else f"{published:.3f}", f"{best:.3f} ({TWIN_METHODS.label(name).lower()})",
             f"{item.means['adaptive']:.3f}", f"{item.means['stack']:.3f}"]
        )  # fmt: skip
    head = ["Pair", "new", "raw twins", "trivial", "best published", "best of the ten here", "adaptive", "stack"]
    shares = []
    for one in found.shares:
        if one.objective != "l1":
            continue
        known = PUBLISHED_SHARES[one.name]
        own = {**one.scores["calibrated"], **one.all_options["calibrated"]}
        shares.append(
            [one.name, *(f"{own[name]:.3f} / {known[name]:.3f} / {_trivial(one, name):.3f}" for name in known)]
        )
    text = _table(head, rows)
    if shares:
        names = list(PUBLISHED_SHARES["OpinionQA"])
        text += "\n\nShares of answers, weights trained on ℓ1: here / published / mean of the other questions (no twin):\n\n"
        text += _table(["", *names], shares)
    worse = [item.name for item in found.sets if item.target == QUESTION and _best(item)[1] <= item.means["trivial"]]
    if worse:
        text += f"\n\nThe trivial baseline wins for a new question on {', '.join(worse)}."
    return text + f"\n\n*Measured on {found.header.made_at} by version {found.header.code_version}.*"


def verdicts_table(found: TwinVerdicts) -> str:
    """Whether what was said beforehand came true, on every pair; what corrected shares and answers are worth."""
    rows = [
        [item.name, str(item.questions), str(item.promised), f"{item.hit_rate:.2f}", f"{item.base_rate:.2f}"]
        for item in found.verdicts
    ]
    text = _table(["Pair", "questions", "likely to help", "right", "the same word for all"], rows)
    rows = [
        [
            str(item.known),
            *(f"{item.missed[way]:.3f}" for way in ("corrected", "raw", "trivial")),
            f"{100 * item.held:.0f}%",
        ]
        for item in found.corrections
    ]
    one = found.corrections[0]
    text += (
        f"\n\n{one.name}, {one.twins} personas drawn at random, a question corrected by known ones, {one.draws} draws (mean "
        "total variation):\n\n"
    )
    text += _table(
        ["known questions", "corrected", "personas as they are", "mean of the known", f"{one.level}% intervals held"],
        rows,
    )
    rows = [
        [method_label(way), f"{100 * value:.1f}", f"{100 * found.normalised[way]:.1f}"]
        for way, value in sorted(found.accuracy.items(), key=lambda item: -item[1])
    ]
    text += (
        f"\n\nRight answers on “{found.accuracy_of}”, and as a share of how often people repeat their own answer:\n\n"
    )
    text += _table(["Predicted by", "right, %", "of people's own retest, %"], rows)
    widest = max(found.parity_difference, key=lambda name: found.parity_difference[name]["raw"])
    gap = found.parity_difference[widest]
    text += (
        f"\n\nGroups differ most by {widest.replace('_', ' ')}: {100 * gap['raw']:.1f} points between the best- and the "
        f"worst-predicted for twins as they are, {100 * gap['stack']:.1f} for the stack."
    )
    return text + f"\n\n*Measured on {found.header.made_at} by version {found.header.code_version}.*"


def _trivial(one: TwinShares, name: str) -> float:
    return {**one.scores["trivial_mean"], **one.all_options["trivial_mean"]}[name]


def _best(item: TwinSet) -> tuple[str, float]:
    ten = {name: value for name, value in item.means.items() if name in TWIN_METHODS and TWIN_METHODS[name].standard}
    name = max(ten, key=lambda key: ten[key])
    return name, ten[name]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines).replace("| --- ", "|---").replace("|--- |", "|---|")
