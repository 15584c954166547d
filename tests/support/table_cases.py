"""Tables as a user would bring them, and as they are loaded: a workbook, and two countries with two behaviours."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pandas as pd

from core.datasets.layouts import policy_columns
from core.study import load_codebook


def loaded_tables(folder: Path) -> Path:
    """Made-up tables of two countries in the layouts of the loaded ones; two behaviours were observed."""
    folder.mkdir()
    days = pd.date_range("2020-02-15", periods=260, name="date")
    parts = {"google_mobility_national": [], "oxcgrt_national": [], "cases_deaths_jhu": []}
    for code, name in (("NZL", "New Zealand"), ("ARE", "United Arab Emirates")):
        step = pd.Series(range(len(days))) // 40 % 3
        seen = pd.DataFrame({"iso3": code, "country_region": name, "date": days.date})
        for column in ("grocery_and_pharmacy", "parks", "transit_stations", "residential"):
            seen[column] = pd.Series([None] * len(days), dtype="float")
        for column in ("retail_and_recreation", "workplaces"):
            seen[column] = (-10.0 * step - pd.Series(range(len(days))) % 7).to_numpy()
        parts["google_mobility_national"].append(seen)
        table = pd.DataFrame({"CountryCode": code, "CountryName": name, "date": days.date})
        for column in policy_columns(load_codebook()):
            table[column] = (step if column in ("C1", "C2") else 0 * step).to_numpy()
        parts["oxcgrt_national"].append(table)
        parts["cases_deaths_jhu"].append(
            pd.DataFrame({"CountryCode": code, "date": days.date, "new_cases": 100.0})
        )  # fmt: skip
    for file, tables in parts.items():
        pd.concat(tables).to_parquet(folder / f"{file}.parquet", index=False)
    heads = pd.DataFrame({"iso3": ["NZL"], "country": ["New Zealand"], "male": [2_500_000], "female": [2_500_000]})
    heads.to_parquet(folder / "population_age_sex_2020.parquet", index=False)
    return folder


def workbook(path: Path, rows: list[list[str]]) -> None:
    """The least that is a workbook: text in the header, numbers beneath, the second column formatted as days."""

    def cell(text: str, row: int, column: int) -> str:
        at = f"{'ABCDEFGH'[column]}{row}"
        if row == 1 or column == 0:
            return f'<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>'
        return f'<c r="{at}" s="{int(column == 1)}"><v>{text}</v></c>'

    main_space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    of = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    body = "".join(
        f'<row r="{row}">{"".join(cell(text, row, column) for column, text in enumerate(line))}</row>'
        for row, line in enumerate(rows, start=1)
    )
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{of}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main_space}" xmlns:r="{of}"><sheets><sheet name="s" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{of}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{of}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main_space}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main_space}"><sheetData>{body}</sheetData></worksheet>',
    }
    with ZipFile(path, "w") as book:
        for name, text in parts.items():
            book.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
