"""What a small language model's shipped answers come to, said once for README and the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.cognition.llm.local_weights import caution_of
from core.forecasting.baselines import BASELINES
from core.report.document import Block, Details, Paragraph, Table
from core.services.runs.forecasters import in_sentence
from core.validity.measured import AskedScores, AskedSplit

#: Parts of the twin in the order shown; the baselines follow.
PARTS: Mapping[str, str] = {
    "twin": "twin",
    "paper": "calibration as published (TPE over a, b)",
    "twin_unanchored": "twin without anchoring",
    "uncalibrated": "twin without calibration",
    "twin_announced_calendar": "twin, working week only as announced by the origin",
}
COHERENT = "moves as expected under a stricter policy, of 100"


def asked_rows(splits: Sequence[AskedSplit]) -> list[list[str]]:
    """A row for each forecaster and one for coherence, two columns for each split: the model and the rules engine."""
    names = {**PARTS, **{name: in_sentence(name) for name in BASELINES if any(name in item.rules for item in splits)}}
    rows = [
        [words, *(_shown(side.get(name)) for item in splits for side in (item.model, item.rules))]
        for name, words in names.items()
    ]
    shares = [share for item in splits for share in (item.model_as_expected, item.rules_as_expected)]
    return [*rows, [COHERENT, *(_shown(None if share is None else 100 * share) for share in shares)]]


def split_sentence(split: AskedSplit) -> str:
    """Which days, how much was answered, and how the model stands to the rules engine and the best baseline."""
    rest = ""
    if split.answered < split.questions:
        rest = f" (of each of {split.situations} situations by {split.fewest} of the {split.personas} people or more)"
    best = min((name for name in BASELINES if name in split.rules), key=lambda name: split.rules[name])
    return (
        f"Training to {split.train_end}, test to {split.test_end}; {split.answered:,} of {split.questions:,} questions "
        f"answered{rest}, {split.repairs} replies mended. Macro RMSE of the twin {split.model['twin']:.1f} points, with the "
        f"answers of the rules engine {split.rules['twin']:.1f}, of the best baseline ({in_sentence(best)}) "
        f"{split.rules[best]:.1f}."
    )


def crowd_sentences(scores: AskedScores) -> list[str]:
    """What the checks of the model's people and the canaries found."""
    said, checks = [], scores.checks
    if checks is not None:
        between = "–" if checks.between_people is None else f"{max(0.0, checks.between_people):.0%}"
        said.append(
            f"Of Meridia's people {checks.personas} were asked again ({checks.questions} answers): repeated answers agree by "
            f"{_shown(checks.samples_agree, 2)} (ICC), {between} of the variance lies between people, whose spread is "
            f"{_shown(checks.spread_to_rules, 2)} of that of the rules engine; {checks.wordings_moved} of {checks.wordings} "
            f"other wordings and {checks.cues_moved} of {checks.cues} cues move the answers by more than chance."
        )
    means = ", ".join(f"{name} {100 * value:.0f}%" for name, value in scores.canaries.items())
    said.append(
        f"Canaries: {scores.canaries_valid} of {scores.canaries_asked} replies valid at once; mean answers {means}."
    )
    return said


def asked_blocks(scores: AskedScores | None, study: str) -> tuple[Block, ...]:
    """The same of one study, for the screen; nothing where it was not measured."""
    split = None if scores is None else scores.of_study(study)
    if scores is None or split is None:
        return ()
    # Numbers first, so that they are seen on a telephone.
    rows = tuple((model, rules, words) for words, model, rules in asked_rows([split]))
    table = Table((scores.model, "rules, same people", "Macro RMSE (points) of"), rows)
    said = [split_sentence(split), *crowd_sentences(scores)]
    blocks: list[Block] = [Paragraph(f"{scores.model} has {caution_of(scores.model)}", "caution"), table]
    return (Details(f"Measured: {scores.model} beside the rules engine", (*blocks, *map(Paragraph, said))),)


def _shown(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
