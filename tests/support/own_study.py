"""A study of one's own beside its data: Meridia under another name, whose folder and file may be edited and deleted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from small_runs import SHORT

from core.services.studies.requests import RunRequest
from core.settings import shipped_data

PEOPLE = "people.toml"


@dataclass
class Own:
    study: Path
    data: Path

    def request(self) -> RunRequest:
        return RunRequest(str(self.study), self.data, personas=40, trials=1, **SHORT)

    def shift(self, points: float) -> None:
        """Other observations in the same folder."""
        file = self.data / "meridia" / "mobility.csv"
        table = pd.read_csv(file)
        numbers = table.select_dtypes("number").columns
        table[numbers] = table[numbers] + points
        table.to_csv(file, index=False)

    def lose(self) -> None:
        """Neither the files nor the folder are there any more."""
        shutil.rmtree(self.data)
        self.study.unlink()
        self.study.with_name(PEOPLE).unlink()


def own_study(folder: Path) -> Own:
    study = folder / "place.toml"
    text = 'extends = "meridia.toml"\nid = "place"\ntitle = "A place"\nshipped = false\n'
    study.write_text(f'{text}population.file = "{PEOPLE}"\n', encoding="utf-8")
    people = (shipped_data() / "populations" / "meridia.toml").read_text(encoding="utf-8")
    (folder / PEOPLE).write_text(people.replace("total = 4200000", "total = 4300000"), encoding="utf-8")
    data = folder / "data"
    shutil.copytree(shipped_data() / "meridia", data / "meridia")
    return Own(study, data)
