"""How a new domain is made of tables, step by step: as CONTRIBUTING.md has it, and the page Reference."""

from __future__ import annotations

from core.report.document import Block, Code, Paragraph

#: What is done, and the command that does it ("" where it is done by hand). Masks stand for any table.
STEPS = (
    (
        "**Begin from the table**: a row for each place and period, with what people did and the measures in force. The page "
        "“Data” does the same in the browser.",
        "policytwin study new weekly.csv --to masks --id masks --behaviours mask_share --levers H6 --kind share "
        "--rising mask_share",
    ),
    (
        "**See which places can be used**, and why others cannot.",
        "policytwin data check --study masks/study.toml --data DIR",
    ),
    ("**Go through the lines with CHECK**: words, units, the direction of each effect.", ""),
    ("**Put numbers with sources** into `coefficients.csv`. What is to test a study must not set its numbers.", ""),
    ("**Run one place.**", "policytwin run masks/study.toml --data DIR --place DEU"),
    (
        "**Backtest all** of them beside every baseline. Choose `level`, `slope` and `policy_effect_weight` on origins before "
        "those that you report.",
        "policytwin backtest masks/study.toml --data DIR --origins 2020-10-26,2020-12-28 --horizons 4,13",
    ),
    (
        "**Hold it to what others found**: a file of published effects, named by `[known_effects]`.",
        "policytwin effects masks/study.toml --data DIR",
    ),
    ("**Take it in**: it is then in the choice of studies.", "policytwin study add masks/study.toml --data DIR"),
)


def recipe_blocks() -> tuple[Block, ...]:
    """The steps in order."""
    found: list[Block] = []
    for number, (text, command) in enumerate(STEPS, start=1):
        found.append(Paragraph(f"{number}. {text}"))
        if command:
            found.append(Code(command, "bash"))
    return tuple(found)
