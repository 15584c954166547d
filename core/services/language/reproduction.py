"""How a run's model was asked, as options of the command line and as Python, so that the same can be asked again."""

from __future__ import annotations

from dataclasses import fields

from core.cognition.registry import DEFAULT_ENGINE, asks_model
from core.records import RunRecord
from core.services.language.engines import MANNER, asking_of
from core.services.studies.requests import ModelOptions

#: Options of the command line that are called otherwise: its --seed is the run's.
_OPTION = {"seed": "model_seed"}


def asking_options(record: RunRecord) -> list[str]:
    """Words of the command line that choose the record's engine; those that say what is usual are left out."""
    if not asks_model(record.engine):
        return [] if record.engine == DEFAULT_ENGINE else ["--engine", record.engine]
    words = ["--engine", record.engine]
    for name, value in _unusual(asking_of(record)).items():
        words += [f"--{_OPTION.get(name, name).replace('_', '-')}", str(value)]
    return words


def asking_python(record: RunRecord) -> list[str]:
    """Arguments of `RunRequest` that choose the record's engine."""
    if not asks_model(record.engine):
        return [] if record.engine == DEFAULT_ENGINE else [f"engine={record.engine!r}"]
    inside = [repr(record.engine), *(f"{name}={value!r}" for name, value in _unusual(asking_of(record)).items())]
    return [f"asking=ModelOptions({', '.join(inside)})"]


def asking_note(store_name: str) -> str:
    """What has to be known before a run of a language model is made again elsewhere."""
    return (
        "A language model answered: in a store of its own it is asked everything again, and may answer otherwise. For the "
        f"same answers without a call, take them along first: `policytwin cache export answers.parquet --db {store_name}`, "
        "then `policytwin cache import answers.parquet` into the other store."
    )


def _unusual(asking: ModelOptions) -> dict[str, object]:
    usual = {item.name: item.default for item in fields(ModelOptions)}
    names = [name for name in usual if name not in (*MANNER, "engine")]
    return {name: getattr(asking, name) for name in names if getattr(asking, name) != usual[name]}
