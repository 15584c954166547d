"""Orlo: the files that ship are the process's, its truth is what any policy would have done, and its effects are as written."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.errors import InputError
from core.services.evaluation.requests import WorldsRequest
from core.settings import shipped_data
from core.synthetic.orlo import MONTHS, PLACES, expected_under, generate, write

WORLD = generate()


def of(table: pd.DataFrame, place: str) -> pd.DataFrame:
    return table[table["place"] == place].set_index("date").drop(columns="place")


def test_what_ships_is_what_the_process_gives(tmp_path: Path) -> None:
    write(tmp_path)
    names = ["behaviour.csv", "policy.csv", "context.csv", "places.csv"]
    assert filecmp.cmpfiles(shipped_data() / "orlo", tmp_path, names, shallow=False) == (names, [], [])


@pytest.mark.parametrize("place", PLACES[::7])
def test_its_own_policy_gives_what_was_expected(place: str) -> None:
    found = expected_under(of(WORLD.policy, place), place)
    assert np.allclose(found, of(WORLD.expected, place))
    noise = of(WORLD.behaviour, place) - found
    assert 1 < noise["outdoor"].std() < 8 and abs(noise["outdoor"].mean()) < 3


def test_each_lever_lowers_use_and_outlasts_itself() -> None:
    place = "Dale"
    own = of(WORLD.policy, place)
    during, after = slice("2034-09", "2035-10"), slice("2037-01", "2037-12")
    for lever, none in (("S", 0.0), ("W", 7.0), ("P", 1.0)):
        effect = expected_under(own, place) - expected_under(own.assign(**{lever: none}), place)
        assert (effect <= 1e-9).all(axis=None) and effect["outdoor"].min() < -2
    cut = expected_under(own, place) - expected_under(own.assign(S=0.0), place)
    assert cut.loc[during, "outdoor"].mean() < -10
    assert cut.loc[during, "outdoor"].mean() < cut.loc[after, "outdoor"].mean() < -1, "it fades and is not gone at once"
    first = cut.loc["2034-06":"2035-06", "indoor"].to_numpy()
    assert first[0] > first[3] > first[6], "it builds up"


def test_nothing_before_a_policy_follows_from_it() -> None:
    own = of(WORLD.policy, "Alder")
    later = own.copy()
    later.loc["2037-01":, "S"] = 36.0
    difference = expected_under(later, "Alder") - expected_under(own, "Alder")
    assert (difference.loc[:"2036-12"] == 0).all(axis=None) and (difference.loc["2037-02":] < 0).all(axis=None)
    assert len(difference) == len(MONTHS)


def test_its_truth_is_among_the_known_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    """An analyst's questions about one district in months, answered by a twin that is held to the truth."""
    words = [
        "worlds",
        "--kinds",
        "orlo",
        "--seeds",
        "1",
        "--personas",
        "20",
        "--trials",
        "0",
        "--workers",
        "1",
        "--json",
    ]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {(row["alternative"], row["behaviour"]): row for row in found["rows"]}
    assert found["horizon"] == 24 and {name for name, _ in rows} == {"held", "looser", "stricter", "lifted", "full"}
    for (asked, _), row in rows.items():
        assert (row["truth"] < 0) == (asked in ("stricter", "full")) or asked == "held"
        said = row["estimates"]["twin"]["estimate"]
        assert np.sign(said) == np.sign(row["truth"]) or abs(row["truth"]) < 1
    inside = [row for row in rows.values() if row["outside_share"] == 0]
    missed = {
        name: np.mean([abs(row["estimates"][name]["estimate"] - row["truth"]) for row in inside])
        for name in ("twin", "regression")
    }
    assert inside and missed["twin"] < missed["regression"]
    with pytest.raises(InputError, match="orlo alone"):
        WorldsRequest(("orlo", "plain"))
