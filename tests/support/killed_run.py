"""A process that runs Meridia and says on stdout how far it is, one JSON line each, and waits to be killed.

    python killed_run.py STORE STAGE DONE

waits for ever once `DONE` units of `STAGE` are done; with a stage that never comes, it ends with the run's summary.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core.calibration import search as search_module
from core.execution.progress import Progress, ProgressReporter
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store

#: Three blocks of people, three batches of trials and two origins inside training.
REQUEST = RunRequest(
    "meridia", personas=1100, trials=20, seed=3, train_end=date(2030, 10, 31), test_end=date(2030, 12, 31)
)


def main(path: str, stage: str, done: int) -> None:
    trials = []
    evaluate = search_module.score_parameters
    search_module.score_parameters = lambda *given: trials.append(1) or evaluate(*given)  # type: ignore[func-returns-value]

    def report(item: Progress) -> None:
        if (item.stage, item.done) == (stage, done):
            print(json.dumps({"stage": item.stage, "done": item.done}), flush=True)
            time.sleep(600)

    with Store(path) as store:
        chunks = []
        save = store.save_chunk
        store.save_chunk = lambda *given, **named: chunks.append(1) or save(*given, **named)  # type: ignore
        values = run_study(REQUEST, store, ProgressReporter(report)).as_dict()
    print(json.dumps({"trials": len(trials), "blocks": len(chunks), **values}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
