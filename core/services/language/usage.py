"""What a language model was asked for a result: what that took, what failed, and who answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.cognition.llm.budget import Spent
from core.cognition.llm.canaries import CanaryComparison


@dataclass(frozen=True, kw_only=True)
class ModelUsage(Spent):
    """What an engine's questions took, in which `design`, and which `model_ids` answered how many of them. `distinct` questions
    were asked; `repairs` replies were mended on request. `unread` is the mean probability of other words than letters, where
    these were asked for. `warnings` are those that earlier versions stored in words."""

    model: str
    model_ids: Mapping[str, int]
    design: str
    distinct: int
    repairs: int
    unread: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FailedQuestion:
    """A question without a valid answer: of which personas, about which situations and kinds of day, and why."""

    personas: tuple[int, ...]
    situations: tuple[str, ...]
    days: tuple[str, ...]
    sample: int
    problem: str


@dataclass(frozen=True, kw_only=True)
class CallsKept:
    """What is kept under a run's name: all its calls, also those from before it was taken up again."""

    calls: int
    answered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_untold: int = 0


@dataclass(frozen=True, kw_only=True)
class RunUsage(ModelUsage):
    """What a run asked of its `personas` in its `contexts`: all `questions`, of which equal ones were asked once.
    `failures` are the first of the failed ones, `failed_keys` all of them. `untold` are the behaviours of which
    the model says next to nothing on some kinds of day."""

    engine: str
    prompts: str
    days: str
    samples: int
    personas: int
    contexts: int
    questions: int
    failures: tuple[FailedQuestion, ...] = ()
    failed_keys: tuple[str, ...] = ()
    canaries: CanaryComparison | None = None
    untold: Mapping[str, tuple[str, ...]] | None = None
    of_run: CallsKept = CallsKept(calls=0)
    seconds: float = 0.0
