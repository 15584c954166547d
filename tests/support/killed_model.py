"""A process that runs Meridia with the model on this machine, to be killed: `policytwin` with one short canary in place of
five and cheap baselines.

python killed_model.py run meridia --engine local …
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cheap_runs

from core.cli import main
from core.cognition.llm import canaries


def with_one_canary() -> None:
    """Reading five situations three times each is most of what a run with few questions would take."""
    name, text = next(iter(canaries.CANARIES.items()))
    canaries.CANARIES = {name: text.partition(". ")[0]}


if __name__ == "__main__":
    with_one_canary()
    cheap_runs.use(True)
    sys.exit(main(sys.argv[1:]))
