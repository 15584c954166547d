"""What is needed to run a result again: content hashes, run ids and the run record."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import lru_cache
from importlib import metadata
from pathlib import Path, PurePath
from platform import platform as platform_name
from typing import TYPE_CHECKING, Any

from core import __version__
from core.errors import InputError, one_of
from core.settings import project_root

if TYPE_CHECKING:
    import numpy
    import pandas

RUN_KINDS = (
    "run",
    "sweep",
    "compare",
    "projection",
    "sensitivity",
    "simulate",
    "backtest",
    "panel_backtest",
    "ablations",
    "worlds",
    "groups",
    "ask",
    "persona_audit",
    "survey_correction",
    "survey_calibration",
    "survey_prediction",
    "donors",
    "known_effects",
    "society",
    "replicate",
)

#: The four claims a result can stand on, weakest first.
RUNGS = (
    "the code ran",
    "the agents behaved coherently",
    "a target pattern was reproduced",
    "the mechanism is valid for this place",
)

#: Packages whose version can change a number.
RECORDED_PACKAGES = (
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "optuna",
    "duckdb",
    "pyarrow",
    "holidays",
    "hijridate",
)

# A record says where and when it was made and what came out; none of that is an input. The rung is a claim about the
# result too: it is raised when the checks have been made, long after the run began. The model asked for is among the
# parameters; the id is what the provider returned.
_NOT_INPUTS = frozenset({"run_id", "created_at", "platform", "result_hash", "rung", "model_id"})


def content_hash(obj: object) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of `obj`.

    Takes what `encode_json` takes, and frames and arrays of any size, which count by `frame_hash`. The order of keys
    does not matter; that of lists does. Tuples count as lists, dataclasses as mappings of their fields, dates as ISO
    text, floats by `repr`. Paths inside the project count relative to it, so that two machines agree. Raises TypeError
    for anything else.
    """
    text = json.dumps(_plain(obj, digest=True), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def frame_hash(frame: pandas.DataFrame | pandas.Series | pandas.Index | numpy.ndarray) -> str:
    """SHA-256 (64 hex digits) of a frame's or array's shape, labels, types and values.

    Two NaN are equal whatever their bits; a float column and an integer column of equal numbers are not. Independent of
    byte order and memory layout. Raises TypeError for anything that is neither a pandas object nor a numpy array.
    """
    digest = hashlib.sha256()
    np, pd = sys.modules.get("numpy"), sys.modules.get("pandas")
    if np is not None and isinstance(frame, np.ndarray):
        _feed_array(digest, frame)
    elif pd is not None and isinstance(frame, pd.DataFrame):
        _feed_json(digest, ["frame", *frame.shape])
        _feed_labels(digest, frame.columns)
        _feed_labels(digest, frame.index)
        for position in range(frame.shape[1]):
            _feed_column(digest, frame.iloc[:, position])
    elif pd is not None and isinstance(frame, pd.Series):
        _feed_json(digest, ["series", len(frame), frame.name])
        _feed_labels(digest, frame.index)
        _feed_column(digest, frame)
    elif pd is not None and isinstance(frame, pd.Index):
        _feed_labels(digest, frame)
    else:
        raise TypeError(f"cannot hash a {type(frame).__name__} as a frame")
    return digest.hexdigest()


def encode_json(obj: object) -> str:
    """Strict JSON text of `obj`, read back by `decode_json`.

    Takes mappings, sequences, sets, dataclasses, dates, paths, enums, numpy and pandas scalars and arrays. NaN and the
    infinities, for which JSON has no word, survive the round trip. Raises TypeError for other types, and InputError
    where two keys of a mapping have the same text.
    """
    return json.dumps(_plain(obj, digest=False), ensure_ascii=False, allow_nan=False)


def decode_json(text: str) -> Any:
    """What `encode_json` wrote: dicts, lists, text, numbers, booleans and None (dates and paths as text)."""
    return json.loads(text, object_hook=_restore)


def new_run_id(kind: str) -> str:
    """A fresh id such as `run-20201231-ab12cd34ef`: the kind, the day (UTC) and ten random hex digits."""
    one_of(kind, RUN_KINDS, what="kind of run")
    return f"{kind}-{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(5)}"


@lru_cache(maxsize=1)
def code_version() -> str:
    """The version and ten hex digits of a hash of the engine's source, so that an edited checkout shows as another."""
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).as_posix()):
        inside = source.relative_to(package)
        if inside.parts[0] == "_bundle":
            continue
        digest.update(inside.as_posix().encode() + b"\0" + source.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return f"{__version__}+{digest.hexdigest()[:10]}"


def package_versions(names: Iterable[str] = RECORDED_PACKAGES) -> dict[str, str]:
    """Name to version of each of these packages that is installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _now() -> datetime:
    return datetime.now(UTC)


def python_version() -> str:
    """This Python's version, as records have it."""
    return ".".join(str(part) for part in sys.version_info[:3])


#: What a record about a run has from that run.
_INHERITED = (
    "study_id", "study_hash", "engine", "engine_version", "model_id", "prompt_version", "seed", "personas", "input_hashes",
    "population_id", "population_hash", "timeline_id", "timeline_hash", "train_end", "test_end", "calibrator", "priors",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """All that is needed to run a result again. What is about the environment is filled in where it is not given.

    `input_hashes` maps a name of an input ("mobility", "policy", "coefficients") to its `content_hash` or `frame_hash`.
    `model_id` is the id the provider returned, and None for an engine without a model, as is `prompt_version`.
    `parameters` holds every choice that is not a field of its own. `train_end` and `test_end` are the last days of
    training and of the hold-out. `priors` says what other places' data the run learned from ("none" for nothing).
    `created_at` is in UTC. `rung` is one of `RUNGS`. `result_hash` is None until the run is complete.

    Raises InputError where kind, rung or a parameter is not valid.
    """

    kind: str
    study_id: str
    study_hash: str
    engine: str
    engine_version: str
    seed: int
    personas: int
    run_id: str = ""
    input_hashes: Mapping[str, str] = field(default_factory=dict)
    population_id: str | None = None
    population_hash: str | None = None
    timeline_id: str | None = None
    timeline_hash: str | None = None
    model_id: str | None = None
    prompt_version: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    train_end: date | None = None
    test_end: date | None = None
    calibrator: str | None = None
    priors: str = "none"
    code_version: str = field(default_factory=code_version)
    packages: Mapping[str, str] = field(default_factory=package_versions)
    python: str = field(default_factory=python_version)
    platform: str = field(default_factory=platform_name)
    created_at: datetime = field(default_factory=_now)
    rung: str = RUNGS[0]
    result_hash: str | None = None

    def __post_init__(self) -> None:
        one_of(self.kind, RUN_KINDS, what="kind of run")
        one_of(self.rung, RUNGS, what="rung")
        if self.created_at.tzinfo is None:
            raise ValueError("created_at needs a time zone")
        settle = object.__setattr__
        settle(self, "run_id", self.run_id or new_run_id(self.kind))
        settle(self, "created_at", self.created_at.astimezone(UTC))
        for name in ("train_end", "test_end"):
            settle(self, name, _day(getattr(self, name)))
        for name in ("seed", "personas"):
            settle(self, name, int(getattr(self, name)))
        for name in ("input_hashes", "parameters", "packages"):
            # What is kept is what a round trip through the store gives back, so that equal runs compare equal.
            settle(self, name, decode_json(encode_json(dict(getattr(self, name)))))

    def about(self, kind: str, parameters: Mapping[str, Any], **otherwise: Any) -> RunRecord:
        """The record of something done with this run, as a comparison or a check: a run id, environment and time of its own,
        `parameters`, what differs, and all else as this run has it."""
        same = {name: getattr(self, name) for name in _INHERITED}
        return RunRecord(kind=kind, parameters=parameters, **{**same, **otherwise})

    def inputs_hash(self) -> str:
        """`content_hash` of all that goes into the run: two runs with equal inputs have the same.

        A study's file counts by what it says (`study_hash`), not by its name or place.
        """
        inputs = {name: value for name, value in asdict(self).items() if name not in _NOT_INPUTS}
        parameters = {name: value for name, value in self.parameters.items() if name != "study"}
        return content_hash({**inputs, "parameters": parameters})

    def to_json(self) -> str:
        """One line of strict JSON, read back by `from_json`."""
        return encode_json(self)

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """The record `to_json` wrote. Raises InputError where the text is no run record."""
        try:
            raw = decode_json(text)
        except ValueError as wrong:
            raise InputError(f"is not valid JSON ({wrong})", where="run record") from None
        if not isinstance(raw, dict):
            raise InputError(f"is a {type(raw).__name__}", where="run record", allowed="an object")
        return cls.from_dict(raw)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> RunRecord:
        """The record whose parsed JSON this is. Raises InputError for an unknown or missing key or a bad value."""
        names = [item.name for item in fields(cls)]
        for name in raw:
            one_of(name, names, what="key", where="run record")
        missing = [name for name in names if name not in raw]
        if missing:
            raise InputError(f"the key '{missing[0]}' is missing", where="run record")
        try:
            return cls(**{**raw, "created_at": datetime.fromisoformat(raw["created_at"])})
        except (TypeError, ValueError) as wrong:
            raise InputError(f"cannot be read ({wrong})", where="run record") from None


def _day(value: date | str | None) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    return value.date() if isinstance(value, datetime) else date.fromisoformat(value)


#: What is in JSON's own types as it is; columns of a hundred thousand texts make this worth asking first.
_PLAIN = frozenset({type(None), bool, int, str})


def _plain(obj: Any, *, digest: bool) -> Any:
    """`obj` in JSON's own types. With `digest`, frames and arrays are replaced by their hashes.

    Keys that start with `$` mark what JSON has no word for; a user's own such key gets a second `$`.
    """
    if type(obj) in _PLAIN:
        return obj
    if isinstance(obj, Enum):
        return _plain(obj.value, digest=digest)
    if isinstance(obj, int):
        return int(obj)
    if isinstance(obj, float):
        return float(obj) if math.isfinite(obj) else {"$float": repr(float(obj))}
    if isinstance(obj, str):
        return str(obj)
    if isinstance(obj, Mapping):
        return _plain_mapping(obj, digest=digest)
    if isinstance(obj, (list, tuple)):
        return [_plain(item, digest=digest) for item in obj]
    if isinstance(obj, (set, frozenset)):
        return sorted((_plain(item, digest=digest) for item in obj), key=lambda item: json.dumps(item, sort_keys=True))
    if is_dataclass(obj) and not isinstance(obj, type):
        told = [item for item in fields(obj) if not digest or counts_in_hashes(obj, item)]
        return {item.name: _plain(getattr(obj, item.name), digest=digest) for item in told}
    if isinstance(obj, PurePath):
        root = project_root()
        return (obj.relative_to(root) if obj.is_relative_to(root) else obj).as_posix()
    if isinstance(obj, (bytes, bytearray)):
        return {"$bytes": bytes(obj).hex()}
    return _plain_foreign(obj, digest=digest)


def counts_in_hashes(obj: Any, item: Field[Any]) -> bool:
    """Whether a field of a dataclass is hashed: not one that changes no result; nor one that came later, wherever it says nothing
    new, so that what was hashed before it is left alone."""
    if item.metadata.get("changes_no_result"):
        return False
    if not item.metadata.get("later"):
        return True
    default = item.default if item.default_factory is MISSING else item.default_factory()
    return bool(getattr(obj, item.name) != default)


def _plain_foreign(obj: Any, *, digest: bool) -> Any:
    """Dates, and what numpy and pandas define: neither is imported here, for without them no object can be theirs."""
    np, pd = sys.modules.get("numpy"), sys.modules.get("pandas")
    if pd is not None and (obj is pd.NaT or obj is pd.NA):
        return None
    if isinstance(obj, (date, time)):
        return obj.isoformat()
    if np is not None:
        if isinstance(obj, np.datetime64):
            days = np.datetime_data(obj.dtype)[0] == "D"
            return _plain((obj if days else obj.astype("datetime64[us]")).item(), digest=digest)
        if isinstance(obj, np.generic):
            return _plain(obj.item(), digest=digest)
        if isinstance(obj, np.ndarray):
            return {"$array": frame_hash(obj)} if digest else _plain(obj.tolist(), digest=digest)
    if pd is not None:
        if digest and isinstance(obj, (pd.DataFrame, pd.Series, pd.Index)):
            return {"$frame": frame_hash(obj)}
        if isinstance(obj, pd.Series):
            return _plain_mapping(obj, digest=digest)
        if isinstance(obj, pd.Index):
            return _plain(obj.tolist(), digest=digest)
    raise TypeError(f"a {type(obj).__name__} has no JSON form")


def _plain_mapping(obj: Any, *, digest: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in obj.items():
        text = _plain(key, digest=digest)
        text = text if isinstance(text, str) else json.dumps(text, sort_keys=True)
        text = f"${text}" if text.startswith("$") else text
        if text in result:
            raise InputError(f"two keys have the same text '{text}'", where="mapping")
        result[text] = _plain(value, digest=digest)
    return result


def _restore(raw: dict[str, Any]) -> Any:
    if len(raw) == 1:
        ((key, value),) = raw.items()
        if key == "$float":
            return float(value)
        if key == "$bytes":
            return bytes.fromhex(value)
    return {key[1:] if key.startswith("$$") else key: value for key, value in raw.items()}


def _feed_json(digest: Any, value: Any) -> None:
    digest.update(json.dumps(_plain(value, digest=True), sort_keys=True, allow_nan=False).encode("ascii") + b"\0")


def _feed_array(digest: Any, array: Any) -> None:
    import numpy as np

    if array.dtype.kind in "OUS":
        _feed_json(digest, ["array", array.dtype.kind, list(array.shape), array.ravel().tolist()])
        return
    if array.dtype.kind == "V":
        raise TypeError("a structured array has no hash")
    native = np.array(array, dtype=array.dtype.newbyteorder("<"), order="C")
    if native.dtype.kind in "fc":
        native[np.isnan(native)] = np.nan
    _feed_json(digest, ["array", native.dtype.str, list(native.shape)])
    digest.update(native.tobytes())


def _feed_labels(digest: Any, index: Any) -> None:
    _feed_json(digest, ["labels", list(index.names), index.nlevels])
    for level in range(index.nlevels):
        _feed_column(digest, index.get_level_values(level))


def _feed_column(digest: Any, column: Any) -> None:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        _feed_json(digest, ["categorical", column.dtype.ordered])
        _feed_labels(digest, column.dtype.categories)
        _feed_array(digest, (column.cat.codes if isinstance(column, pd.Series) else column.codes).__array__())
    elif pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_extension_array_dtype(column.dtype):
        _feed_json(digest, ["column", str(column.dtype), column.tolist()])
    else:
        _feed_array(digest, column.to_numpy())
