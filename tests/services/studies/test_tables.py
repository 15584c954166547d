"""Tables of the user's own become a study, or are refused cell by cell; so does one country of loaded tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
from own_panel import own_panel
from table_cases import loaded_tables, workbook

from core.cli import main
from core.errors import InputError
from core.services.studies.countries import CountryStudyRequest, loaded_countries, prepare_country
from core.services.studies.inputs import open_study
from core.services.studies.tables import TablesRequest, prepare_tables, study_of_tables
from core.study import Step, own_studies


@pytest.fixture(autouse=True)
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's studies are kept; none yet."""
    folder = tmp_path / "studies"
    monkeypatch.setenv("POLICYTWIN_STUDIES", str(folder))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    return folder


@pytest.fixture
def tables(tmp_path: Path) -> TablesRequest:
    """A workbook of what people did, with real dates, and a Parquet table of the policies; three districts."""
    made = tmp_path / "made"
    made.mkdir()
    own_panel(made, places=3)
    did = pd.read_csv(made / "mobility.csv").rename(
        columns={"place": "District", "date": "Month", "watering": "Outdoor watering, %"}
    )
    did.to_csv(made / "did.csv", index=False)
    pd.read_csv(made / "policy.csv").to_parquet(made / "policy.parquet")
    return TablesRequest(made / "did.csv", made / "policy.parquet", id="water", title="Water <b>at home</b>")


def test_columns_are_guessed_and_the_study_is_kept_with_its_tables(tables: TablesRequest, studies: Path) -> None:
    found = prepare_tables(replace(tables, rising=("saving",)), studies.parent / "stage")
    assert found.study is not None and found.check is not None and not found.problems
    asked = found.request
    assert (asked.place, asked.date, asked.policy_place, asked.policy_date) == ("District", "Month", "place", "date")
    assert asked.behaviours == ("Outdoor watering, %", "saving") and asked.levers == ("S", "I")
    watering, saving = found.study.behaviours
    assert (watering.id, watering.label, watering.expected_sign) == ("Outdoor_watering", "Outdoor watering, %", -1)
    assert saving.expected_sign == 1 and found.study.step is Step.MONTH and found.check.places == 3
    assert not own_studies(), "a look keeps nothing"
    assert study_of_tables(tables).places == 3
    inputs = open_study("water@P2")
    written = pd.read_csv(tables.file).query("District == 'P2'")["Outdoor watering, %"].to_numpy()
    assert (inputs.observations["Outdoor_watering"].to_numpy() == written).all()
    assert inputs.study.title == "Water <b>at home</b>: P2"


def test_one_table_without_places_and_a_policy_for_all_places_will_do(tables: TablesRequest, studies: Path) -> None:
    did, held = (
        pd.read_csv(tables.file),
        pd.read_parquet(str(tables.policy)).query("place == 'P0'").drop(columns="place"),
    )
    held.to_csv(studies.parent / "held.csv", index=False)
    everywhere = prepare_tables(replace(tables, policy=studies.parent / "held.csv"), studies.parent / "all")
    assert everywhere.check is not None and everywhere.check.places == 3
    held.assign(place="Elsewhere").to_csv(studies.parent / "held.csv", index=False)
    with pytest.raises(InputError, match=r"no period of a place is in both tables \(P0, P1, P2 from 2013-01-01"):
        prepare_tables(replace(tables, policy=studies.parent / "held.csv"), studies.parent / "all")
    one = (
        did.query("District == 'P0'")
        .drop(columns="District")
        .merge(held, left_on="Month", right_on="date")
        .drop(columns="date")
    )
    one.to_csv(studies.parent / "one.csv", index=False)
    asked = TablesRequest(studies.parent / "one.csv", place_name="Vale", behaviours=("saving",), kind="level")
    found = prepare_tables(asked, studies.parent / "one")
    assert found.request.levers == ("S", "I") and found.study is not None and found.study.place == "Vale"
    assert (
        found.study.metric == "level"
        and prepare_tables(replace(asked, kind=None), studies.parent / "two").study != found.study
    )


def test_faults_are_told_by_row_and_column_and_nothing_is_kept(tables: TablesRequest, studies: Path) -> None:
    did = pd.read_csv(tables.file).astype(object)
    did.loc[3, "saving"], did.loc[5, "Month"], did.loc[7, "District"] = "n/a", "3/2013", "a/b"
    did.loc[9, "Month"] = did.loc[8, "Month"]
    did.to_csv(tables.file, index=False)
    found = prepare_tables(tables, studies.parent / "stage")
    said = "\n".join(found.problems)
    for fault in (
        "did.csv, column saving, row 5: 'n/a' is not a number",
        "did.csv, column Month, row 7: '3/2013' is not a day",
        "did.csv, column District, row 9: 'a/b' has a mark",
        "did.csv, column Month, row 11: 2013-09-01 of P0 was already given in row 10",
    ):
        assert fault in said
    assert found.problem_count == 4 and found.study is None
    with pytest.raises(InputError, match=r"and 3 more"):
        study_of_tables(tables)
    assert not studies.exists()


def test_a_workbook_is_read_like_a_table(tables: TablesRequest, studies: Path) -> None:
    sheet = studies.parent / "did.xlsx"
    rows = [
        "place,date,use,law",
        *(f"A,{month},{month % 7 + 20.5},{int(month > 44000)}" for month in range(43831, 44200)),
    ]
    workbook(sheet, [row.split(",") for row in rows])
    found = prepare_tables(TablesRequest(sheet, id="law"), studies.parent / "stage")
    assert found.study is not None and found.study.step is Step.DAY and str(found.study.start) == "2020-01-01"
    with ZipFile(sheet, "w") as broken:
        broken.writestr("nothing", "here")
    for name, said in (("did.xlsx", "no readable workbook"), ("none.xlsx", "no such file")):
        with pytest.raises(InputError, match=said):
            prepare_tables(TablesRequest(sheet.with_name(name)), studies.parent / "stage")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"place": "Distrikt"}, r"unknown column 'Distrikt'.*Nearest valid: District"),
        ({"levers": ()}, "no column is taken for a lever"),
        ({"levers": ("S",), "behaviours": ("S",)}, "unknown column 'S'"),
        ({"kind": "chnge"}, "unknown kind 'chnge'.*Nearest valid: change"),
        ({"rising": ("S",)}, "unknown behaviour 'S'"),
        ({"id": "a b"}, "^study.toml, id"),
        ({"kind": "level"}, "below 0.*Nearest valid: change"),
    ],
)
def test_what_cannot_be_is_one_line(wrong: dict[str, object], said: str, tables: TablesRequest, studies: Path) -> None:
    with pytest.raises(InputError, match=said):
        prepare_tables(replace(tables, **wrong), studies.parent / "stage")  # type: ignore[arg-type]


def test_a_country_of_the_loaded_tables_is_listed_deleted_and_made_by_a_command(
    tmp_path: Path, studies: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = loaded_tables(tmp_path / "loaded")
    monkeypatch.setenv("POLICYTWIN_DATA", str(loaded))
    assert list(loaded_countries().items()) == [("NZL", "New Zealand"), ("ARE", "United Arab Emirates")]
    with pytest.raises(InputError, match="Narnia"):
        prepare_country(CountryStudyRequest("Narnia"))
    assert main(["study", "country", "new zealand", "--title", "Kiwis"]) == 0
    assert "stand-in" in capsys.readouterr().out
    # The folder that pages look in holds another's tables: the study's own lie beside it.
    inputs = open_study("nzl", loaded)
    assert inputs.study.code == "NZL" and inputs.study.inhabitants == 5_000_000 and inputs.cases is not None
    assert inputs.study.calendar.country == "NZ" and inputs.study.behaviour_ids == ("retail", "workplaces")
    assert main(["study", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"studies": {"nzl": "Kiwis"}}
    assert main(["study", "delete", "nzl"]) == 0 and "nzl" in own_studies()
    assert main(["study", "delete", "nzl", "--yes"]) == 0 and not own_studies()
    assert main(["study", "delete", "uae", "--yes"]) == 2
