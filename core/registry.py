"""Registries of what can be replaced: engines, calibrators, baselines. A new one is one file in the registry's folder, or an
entry point of another package in the registry's group."""

from __future__ import annotations

import pkgutil
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar

from core.errors import InputError, one_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@dataclass(frozen=True)
class Parameter:
    """A number of an engine that calibration may search: where it starts, its bounds, unit, and what it means."""

    default: float
    low: float
    high: float
    unit: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a registry knows of each: `name` as requests and stores say it, `label` for figures and tables, `help` in a sentence
    or two. On a list it has the place that `order` gives it, and with others of that its name's."""

    name: str
    label: str
    help: str = ""
    order: int = 1000


K = TypeVar("K", bound=Kind)


class Registry(Mapping[str, K], Generic[K]):
    """Kinds by name, in order. They are gathered when first asked for: from every module of `folder`, each of which calls
    `register`, and from the entry points of other packages in `group`, each of which is a `kind`.

    What another package brings and cannot be used is left out with a warning, and an error that says why where it is asked
    for by name. May be used from several threads.
    """

    def __init__(self, kind: type[K], what: str, folder: str, group: str = "") -> None:
        self._kind, self._what, self._folder, self._group = kind, what, folder, group
        self._kinds: dict[str, K] = {}
        self._refused: dict[str, InputError] = {}
        self._others: dict[str, str] = {}
        self._lock, self._gathered = threading.RLock(), False

    def register(self, kind: K) -> K:
        """Add a kind, and give it back. InputError where another has its name."""
        if self._kinds.get(kind.name, kind) != kind:
            raise InputError(
                f"there is another {self._what} of this name", where=f"{self._what} '{kind.name}'", allowed="a new name"
            )
        self._kinds[kind.name] = kind
        return kind

    def named(self, name: str, where: str | None = None) -> K:
        """The kind of this name. InputError for an unknown one, and for one that could not be used."""
        found = self._all()
        if name in self._refused and name not in found:
            raise self._refused[name]
        return found[one_of(name, self, what=self._what, where=where)]

    def label(self, name: str) -> str:
        """The label of a kind; of one that is not here, as in a store of someone who has it, the name."""
        return self[name].label if name in self else name

    def others(self) -> dict[str, str]:
        """The names that other packages bring, each with its package and version."""
        self._all()
        return dict(self._others)

    def __getitem__(self, name: str) -> K:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all(), key=lambda name: (self._kinds[name].order, name)))

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, K]:
        if not self._gathered:
            with self._lock:
                if not self._gathered:
                    self._gather()
                    self._gathered = True
        return self._kinds

    def _gather(self) -> None:
        from importlib.metadata import entry_points

        for module in pkgutil.iter_modules(import_module(self._folder).__path__):
            import_module(f"{self._folder}.{module.name}")
        for entry in entry_points(group=self._group) if self._group else ():
            package = entry.value if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
            try:
                self._take(entry)
                self._others[entry.name] = package
            except Exception as wrong:  # whatever another package does: it is told, and ours goes on without it
                refused = InputError(
                    f"cannot be used: {type(wrong).__name__}: {wrong}",
                    where=f"{self._what} '{entry.name}' of the package {package}",
                    allowed=f"an entry point in {self._group} that is a {self._kind.__name__}",
                )
                self._refused[entry.name] = refused
                warnings.warn(str(refused), RuntimeWarning, stacklevel=2)

    def _take(self, entry: EntryPoint) -> None:
        kind = entry.load()
        if not isinstance(kind, self._kind):
            raise TypeError(f"{entry.value} is a {type(kind).__name__}")
        if kind.name != entry.name:
            raise ValueError(f"its entry point is called {entry.name}, and it {kind.name}")
        self.register(kind)
