"""README's parts about asking language models."""

from __future__ import annotations

import textwrap

from core.report.readme_text import WIDTH, measured_line, paragraph, table_of
from core.report.sentences.asked_small import asked_rows, crowd_sentences, split_sentence
from core.report.sentences.language import run_cost_text
from core.services.runs.costs import CostBefore
from core.study import load_study
from core.validity.measured import AskedScores, AskingCosts


def asking_words(costs: AskingCosts) -> str:
    """An estimate as the command prints it."""
    command = f"{costs.header.command.replace(' --data DIR', '')}\n"
    lines = [
        line
        for said in run_cost_text(CostBefore.from_dict(costs.estimate)).splitlines()
        for line in textwrap.wrap(said, WIDTH)
    ]
    return "```bash\n" + command + "\n" + "\n".join(lines) + "\n```"


def asking_ways(costs: AskingCosts) -> str:
    calls = costs.calls
    return paragraph(
        [
            f"`--days apart` asks about each kind of day in a prompt of its own ({calls['uae_days_apart']:,} calls); "
            f"`--design levels` puts policies side by side ({calls['uae_levels']:,} calls)."
        ]
    )


def own_model_calls(costs: AskingCosts) -> str:
    return f"{costs.calls['meridia_own']:,} calls: five personas, each situation, and the canaries."


def asked_table(scores: AskedScores) -> str:
    """A small model's forecasts and ablations beside those of the rules engine and the baselines, its people and canaries."""
    places = [load_study(item.study).place for item in scores.splits]
    head = [
        "Macro RMSE, points",
        *(f"{place}: {name}" for place in places for name in (scores.model, "`rules`, same people")),
    ]
    said = [f"{place}: {split_sentence(item)}" for place, item in zip(places, scores.splits, strict=True)]
    parts = [
        table_of(head, asked_rows(scores.splits)),
        paragraph([*said, *crowd_sentences(scores)]),
        measured_line(scores.header),
    ]
    return "\n\n".join(parts)
