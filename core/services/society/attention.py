"""The test of attention and popularity on a scenario."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.options import option
from core.society import load
from core.society.attention import ARMS, Design, farthest_from, registered_plan, restaurant_of, run_doses
from core.society.attention_verdict import AttentionResult, judge
from core.society.run import check_size

#: Below so many doses two lines say nothing.
FEWEST_DOSES = 4


@dataclass(frozen=True)
class AttentionRequest:
    """A place of a scenario, doses of posts an hour and seeds. What is left out is as registered before any figure was made."""

    scenario: str = option("a shipped scenario or a scenario file (default: pizza)", "pizza", positional=True)
    place: str | None = option(
        "restaurant that the posts are about (default: the registered one, else the first)", None
    )
    doses: tuple[float, ...] = option("posts an hour, from 0 up (default: 0,1,2,4,8,16,32,64)", ())
    seeds: int = option("worlds of chance (default 20)", 20)
    days: int = option("days after the warm-up (default 14)", 14)
    households: int | None = option("households (default: the scenario's own number)", None)

    def __post_init__(self) -> None:
        if not self.doses:
            return
        if self.doses[0] != 0 or any(one >= other for one, other in zip(self.doses, self.doses[1:], strict=False)):
            raise InputError("doses do not rise from 0", where="--doses", allowed="0 first, then more and more")
        if len(self.doses) < FEWEST_DOSES:
            raise InputError(f"{len(self.doses)} doses", where="--doses", allowed=f"{FEWEST_DOSES} or more")


def design_of(request: AttentionRequest) -> Design:
    """What is to be run. InputError for a scenario, a place or numbers that are none."""
    scenario, plan = load(request.scenario), registered_plan()
    named = plan.place if request.place is None and scenario.id == plan.scenario else request.place
    place = restaurant_of(scenario, named)
    households = request.households or scenario.households.number
    check_size(households, request.days, request.seeds)
    if request.seeds < 2:
        raise InputError("1 seed", where="--seeds", allowed="2 or more: the intervals are over seeds", nearest="2")
    return Design(
        scenario=scenario,
        place=place.id,
        other=farthest_from(scenario, place).id,
        doses=request.doses or tuple(float(dose) for dose in plan.doses),
        first_seed=plan.first_seed,
        seeds=request.seeds,
        days=request.days,
        households=households,
        reach=plan.reach,
        valence=plan.valence,
    )


def attention(
    request: AttentionRequest, *, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> AttentionResult:
    """Every dose in every seed and arm, and what that says by the registered rules. The executor changes nothing."""
    design, watch = design_of(request), watch or ProgressReporter()
    for dose in design.doses:
        design.arm("full", dose)  # a dose that no campaign can have is said before any work
    runs = run_doses(design, list(ARMS), executor, watch)
    return judge(design, runs, registered_plan())
