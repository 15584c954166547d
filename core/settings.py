"""Where things are on this machine: shipped data, real data, the store."""

from __future__ import annotations

import os
from pathlib import Path

#: Folder of real observations; absent on most machines, so everything that reads it must cope.
DATA_VARIABLE = "POLICYTWIN_DATA"
#: Overrides the place of the DuckDB file.
STORE_VARIABLE = "POLICYTWIN_DB"


def project_root() -> Path:
    """The folder that holds `app.py`, `pages/` and `data/`: the checkout, or the bundle inside an installed wheel."""
    package = Path(__file__).resolve().parent
    bundle = package / "_bundle"
    return bundle if bundle.is_dir() else package.parent


def shipped_data() -> Path:
    """The project's own data: study files, marginals, coefficients and the fictional country."""
    return project_root() / "data"


def user_data() -> Path:
    """The platform's folder for this user's PolicyTwin files."""
    import platformdirs

    return Path(platformdirs.user_data_dir("policytwin", appauthor=False))


def observed_data(folder: str | Path | None = None) -> Path | None:
    """The folder of real observations: `folder`, else the environment's, else where `policytwin data fetch` puts them.

    None where no such folder exists: the embedded study needs none.
    """
    if folder is not None:
        return Path(folder)
    named = os.environ.get(DATA_VARIABLE)
    if named:
        return Path(named)
    fetched = user_data() / "observed"
    return fetched if fetched.is_dir() else None


def store_path(path: str | Path | None = None) -> Path:
    """The DuckDB file: `path`, else the environment's, else the platform's user data folder."""
    if path is not None:
        return Path(path)
    named = os.environ.get(STORE_VARIABLE)
    return Path(named) if named else user_data() / "policytwin.duckdb"
