"""Newer tables for one of the user's own studies: checked as the first were, and put in their place, the study's file kept."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from core.errors import InputError, one_of
from core.options import option
from core.result import Result
from core.services.studies.own import unplaced
from core.services.studies.tables import PANEL_FILE, TablesRequest, check_faultless, guessed, read_panel
from core.study import Study, load_study, own_studies

#: The end of a study as its file says it, at the file's own level.
_END = re.compile(r"^end\s*=\s*\S+", re.MULTILINE)


@dataclass(frozen=True)
class NewerRequest:
    """Newer observations of one of the user's own studies that were made of tables: `file` has the columns that the first had,
    and `policy` (None: columns of the same file) those of its policies."""

    id: str = option("one of your own studies, made of tables", positional=True, word="STUDY")
    file: Path = option("the newer table, from the first period on", word="TABLE")
    policy: Path | None = option("table of the policies (default: the same)", None, word="F")


@dataclass(frozen=True, kw_only=True)
class NewerTables(Result):
    """What newer tables brought: where the study `ended` and where it ends `now`, rows that were `added`, and numbers of earlier
    periods that were `revised`."""

    study: str
    ended: date
    now: date
    added: int
    revised: int


@contextmanager
def newer_tables(request: NewerRequest) -> Iterator[tuple[NewerTables, Path]]:
    """What the tables would bring, and the file of the study that they make, in a folder of its own while it is looked at;
    nothing is kept yet. InputError as `read_panel`, for a fault of a cell, for a study that is not made of tables, and for
    tables that lack what the study has, or have nothing newer."""
    own = own_studies()
    file = own[one_of(request.id, list(own), what="study of your own")]
    study = load_study(request.id)
    if not (file.parent / PANEL_FILE).is_file():
        raise InputError(
            "is not made of tables of your own", where=f"study {request.id}",
            allowed="one made on Data, or by `policytwin study tables`; a country's is made again by `policytwin study country`",
        )  # fmt: skip
    asked = TablesRequest(
        request.file, request.policy, study.folder, study.title,
        behaviours=tuple(item.label for item in study.behaviours), levers=tuple(item.name for item in study.indicators),
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        stage = Path(folder) / "stage"
        with unplaced(Path(folder)):
            read = read_panel(guessed(asked))
            check_faultless(read.problems, read.problem_count)
            before, after = _panel(file.parent / PANEL_FILE), read.panel
            after.columns = pd.Index(_columns(study))
            brought = _compared(study, before, after)
            shutil.copytree(file.parent, stage)
            after.to_csv(stage / PANEL_FILE, lineterminator="\n", date_format="%Y-%m-%d")
            path = stage / file.name
            path.write_text(
                _END.sub(f"end = {brought.now}", path.read_text(encoding="utf-8"), count=1), encoding="utf-8"
            )
            yield brought, path


def _panel(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, index_col=["place", "date"], parse_dates=["date"], dtype={"place": "str"})


def _columns(study: Study) -> list[str]:
    return [*(item.column for item in study.behaviours), *study.indicator_codes]


def _compared(study: Study, before: pd.DataFrame, after: pd.DataFrame) -> NewerTables:
    lacking = before.index.difference(after.index)
    step = study.step
    if len(lacking):
        place, day = lacking[0]
        raise InputError(
            f"the newer table lacks {step.text(day.date())} of {place}, and {len(lacking) - 1:,} more rows", where=study.folder,
            allowed="a table from the first period on",
        )  # fmt: skip
    last, now = (table.index.get_level_values("date").max().date() for table in (before, after))
    if now <= last:
        raise InputError(
            f"the newer table ends in {step.text(now)}, where the study ends already", where=study.folder,
            allowed=f"periods after {step.text(last)}",
        )  # fmt: skip
    old, new = before[_columns(study)], after.loc[before.index, _columns(study)]
    same = (old == new) | (old.isna() & new.isna())
    return NewerTables(
        study=study.folder, ended=last, now=step.first_day(now), added=len(after) - len(before),
        revised=int((~same).to_numpy().sum()),
    )  # fmt: skip
