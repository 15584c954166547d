"""The store's migrations: numbered steps, each from the version before it, that make and change its tables."""

from __future__ import annotations

import duckdb

from core.errors import StoreError
from core.records import code_version
from core.store.respondent_schema import RESPONDENTS
from core.store.society_schema import SOCIETY

#: Each migration takes the store from the version before it to its own number (its place in the tuple, from 1).
#: A published migration never changes; a change is a new one at the end.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE studies (
        study_id VARCHAR PRIMARY KEY,
        title VARCHAR NOT NULL,
        fictional BOOLEAN NOT NULL,
        spec JSON NOT NULL,
        spec_hash VARCHAR NOT NULL,
        saved_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
    );
    CREATE TABLE populations (
        population_id VARCHAR PRIMARY KEY,
        study_id VARCHAR NOT NULL,
        label VARCHAR NOT NULL,
        personas INTEGER NOT NULL,
        total BIGINT NOT NULL,
        seed BIGINT,
        largest_marginal_error DOUBLE,
        marginals JSON,
        parent_id VARCHAR,
        content_hash VARCHAR NOT NULL,
        created_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
    );
    CREATE TABLE personas (
        population_id VARCHAR NOT NULL,
        persona_id INTEGER NOT NULL,
        weight BIGINT NOT NULL,
        attributes JSON NOT NULL,
        text VARCHAR
    );
    CREATE TABLE timelines (
        timeline_id VARCHAR PRIMARY KEY,
        study_id VARCHAR NOT NULL,
        parent_id VARCHAR,
        name VARCHAR NOT NULL,
        calendar JSON,
        content_hash VARCHAR NOT NULL,
        created_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
    );
    CREATE TABLE interventions (
        timeline_id VARCHAR NOT NULL,
        position INTEGER NOT NULL,
        indicator VARCHAR NOT NULL,
        level INTEGER NOT NULL,
        flag INTEGER,
        start_date DATE NOT NULL,
        end_date DATE,
        PRIMARY KEY (timeline_id, position)
    );
    CREATE TABLE runs (
        run_id VARCHAR PRIMARY KEY,
        kind VARCHAR NOT NULL,
        study_id VARCHAR NOT NULL,
        population_id VARCHAR,
        timeline_id VARCHAR,
        engine VARCHAR NOT NULL,
        status VARCHAR NOT NULL,
        inputs_hash VARCHAR NOT NULL,
        owner VARCHAR NOT NULL,
        record JSON NOT NULL,
        summary JSON,
        created_at TIMESTAMP NOT NULL,
        finished_at TIMESTAMP,
        seconds DOUBLE,
        message VARCHAR
    );
    CREATE TABLE contexts (
        run_id VARCHAR NOT NULL,
        context_id INTEGER NOT NULL,
        days INTEGER NOT NULL,
        attributes JSON NOT NULL,
        PRIMARY KEY (run_id, context_id)
    );
    CREATE TABLE responses (
        run_id VARCHAR NOT NULL,
        context_id INTEGER NOT NULL,
        persona_id INTEGER NOT NULL,
        chunk INTEGER NOT NULL DEFAULT 0,
        probabilities FLOAT[] NOT NULL
    );
    CREATE TABLE response_chunks (
        run_id VARCHAR NOT NULL,
        chunk INTEGER NOT NULL,
        personas INTEGER NOT NULL,
        shape JSON NOT NULL,
        axes JSON,
        sums DOUBLE[] NOT NULL,
        saved_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
        PRIMARY KEY (run_id, chunk)
    );
    CREATE TABLE aggregates (
        run_id VARCHAR NOT NULL,
        attribute VARCHAR NOT NULL,
        level VARCHAR NOT NULL,
        context_id INTEGER NOT NULL,
        behaviour VARCHAR NOT NULL,
        mean DOUBLE,
        weight DOUBLE
    );
    CREATE TABLE observations (
        study_id VARCHAR NOT NULL,
        date DATE NOT NULL,
        behaviour VARCHAR NOT NULL,
        value DOUBLE,
        PRIMARY KEY (study_id, date, behaviour)
    );
    CREATE TABLE calibrations (
        run_id VARCHAR NOT NULL,
        calibrator VARCHAR NOT NULL,
        behaviour VARCHAR NOT NULL,
        a DOUBLE,
        b DOUBLE,
        lower DOUBLE,
        upper DOUBLE,
        train_rmse DOUBLE,
        parameters JSON,
        PRIMARY KEY (run_id, calibrator, behaviour)
    );
    CREATE TABLE trials (
        run_id VARCHAR NOT NULL,
        calibrator VARCHAR NOT NULL,
        number INTEGER NOT NULL,
        state VARCHAR NOT NULL,
        parameters JSON,
        objectives DOUBLE[],
        macro DOUBLE,
        PRIMARY KEY (run_id, calibrator, number)
    );
    CREATE TABLE forecasts (
        run_id VARCHAR NOT NULL,
        forecaster VARCHAR NOT NULL,
        behaviour VARCHAR NOT NULL,
        date DATE NOT NULL,
        phase VARCHAR NOT NULL,
        value DOUBLE,
        lower DOUBLE,
        upper DOUBLE,
        PRIMARY KEY (run_id, forecaster, behaviour, date)
    );
    CREATE TABLE scores (
        run_id VARCHAR NOT NULL,
        forecaster VARCHAR NOT NULL,
        behaviour VARCHAR NOT NULL,
        metric VARCHAR NOT NULL,
        value DOUBLE,
        PRIMARY KEY (run_id, forecaster, behaviour, metric)
    );
    CREATE TABLE sweeps (
        run_id VARCHAR NOT NULL,
        level DOUBLE NOT NULL,
        realised_stringency DOUBLE,
        attribute VARCHAR NOT NULL,
        attribute_level VARCHAR NOT NULL,
        behaviour VARCHAR NOT NULL,
        mean DOUBLE,
        lower DOUBLE,
        upper DOUBLE
    );
    """,
    """
    CREATE TABLE drafts (
        study_id VARCHAR NOT NULL,
        parent_id VARCHAR NOT NULL,
        content JSON NOT NULL,
        saved_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
        PRIMARY KEY (study_id, parent_id)
    );
    """,
    """
    CREATE TABLE backtest_rows (
        run_id VARCHAR NOT NULL,
        country VARCHAR NOT NULL,
        origin DATE NOT NULL,
        horizon INTEGER NOT NULL,
        stringency_change DOUBLE,
        categories INTEGER NOT NULL,
        further JSON,
        PRIMARY KEY (run_id, country, origin, horizon)
    );
    CREATE TABLE backtest_scores (
        run_id VARCHAR NOT NULL,
        country VARCHAR NOT NULL,
        origin DATE NOT NULL,
        horizon INTEGER NOT NULL,
        forecaster VARCHAR NOT NULL,
        macro_rmse DOUBLE
    );
    CREATE TABLE backtest_intervals (
        run_id VARCHAR NOT NULL,
        country VARCHAR NOT NULL,
        origin DATE NOT NULL,
        horizon INTEGER NOT NULL,
        forecaster VARCHAR NOT NULL,
        level INTEGER NOT NULL,
        coverage DOUBLE,
        width DOUBLE,
        score DOUBLE
    );
    """,
    """
    CREATE TABLE llm_calls (
        key VARCHAR PRIMARY KEY,
        engine VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        base_url VARCHAR,
        parameters JSON NOT NULL,
        prompt_version VARCHAR NOT NULL,
        design VARCHAR NOT NULL,
        sample INTEGER NOT NULL,
        system VARCHAR NOT NULL,
        prompt VARCHAR NOT NULL,
        answer_schema JSON NOT NULL,
        schema_hash VARCHAR NOT NULL,
        raw VARCHAR,
        parsed JSON,
        model_id VARCHAR,
        tokens_in BIGINT,
        tokens_out BIGINT,
        seconds DOUBLE,
        attempts INTEGER NOT NULL,
        status VARCHAR NOT NULL,
        failure VARCHAR,
        asked_at TIMESTAMP NOT NULL,
        run_id VARCHAR
    );
    """,
    """
    CREATE TABLE intervals (
        run_id VARCHAR NOT NULL,
        behaviour VARCHAR NOT NULL,
        date DATE NOT NULL,
        level INTEGER NOT NULL,
        lower DOUBLE,
        upper DOUBLE,
        PRIMARY KEY (run_id, behaviour, date, level)
    );
    """,
    """
    CREATE TABLE survey_answers (
        run_id VARCHAR NOT NULL,
        persona_id INTEGER NOT NULL,
        sample INTEGER NOT NULL,
        weight DOUBLE NOT NULL,
        answer DOUBLE[],
        reason VARCHAR,
        failure VARCHAR
    );
    """,
    # What a run was made from, by its content: equal data are one copy, and no later run writes over it. The observations
    # that a study had are those of its latest run.
    """
    CREATE TABLE input_texts (
        content_hash VARCHAR PRIMARY KEY,
        kind VARCHAR NOT NULL,
        content JSON NOT NULL,
        saved_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
    );
    CREATE TABLE observations_by_study AS SELECT * FROM observations;
    DROP TABLE observations;
    CREATE TABLE observations (
        content_hash VARCHAR NOT NULL,
        date DATE NOT NULL,
        variable VARCHAR NOT NULL,
        value DOUBLE,
        PRIMARY KEY (content_hash, date, variable)
    );
    INSERT INTO observations
        SELECT content_hash, date, behaviour, value FROM observations_by_study JOIN (
            SELECT study_id, arg_max(record ->> '$.input_hashes.mobility', created_at) AS content_hash
            FROM runs WHERE kind = 'run' GROUP BY study_id
        ) USING (study_id) WHERE content_hash IS NOT NULL;
    DROP TABLE observations_by_study;
    """,
    # Names of the field for what had names of our own.
    """
    UPDATE runs SET kind = 'persona_audit', record = replace(CAST(record AS VARCHAR), '"kind": "crowd"',
        '"kind": "persona_audit"') WHERE kind = 'crowd';
    UPDATE runs SET summary = replace(replace(CAST(summary AS VARCHAR), '"policy_trust"', '"policy_effect_weight"'),
        '"line_share.', '"slope_shrinkage.') WHERE contains(CAST(summary AS VARCHAR), '"policy_trust"');
    UPDATE trials SET parameters = replace(CAST(parameters AS VARCHAR), '"policy_trust"', '"policy_effect_weight"')
        WHERE contains(CAST(parameters AS VARCHAR), '"policy_trust"');
    UPDATE calibrations SET parameters = replace(replace(CAST(parameters AS VARCHAR), '"policy_trust"',
        '"policy_effect_weight"'), '"line_share"', '"slope_shrinkage"')
        WHERE contains(CAST(parameters AS VARCHAR), '"policy_trust"') OR contains(CAST(parameters AS VARCHAR), '"line_share"');
    """,
    # What became of the work beside the pages.
    """
    CREATE TABLE jobs (
        job_id VARCHAR NOT NULL,
        kind VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        title VARCHAR NOT NULL,
        state VARCHAR NOT NULL,
        progress JSON,
        created_at TIMESTAMP NOT NULL,
        started_at TIMESTAMP,
        ended_at TIMESTAMP,
        message VARCHAR NOT NULL,
        result_run_id VARCHAR
    );
    """,
    # Levers that are set to an amount.
    """
    ALTER TABLE interventions ALTER level TYPE DOUBLE;
    """,
    # What people call things, and note about them.
    """
    CREATE TABLE labels (
        object_id VARCHAR PRIMARY KEY,
        kind VARCHAR NOT NULL,
        name VARCHAR NOT NULL,
        note VARCHAR NOT NULL,
        starred BOOLEAN NOT NULL,
        changed_at TIMESTAMP NOT NULL
    );
    """,
    # Societies: each finished world of an arm, which a run that was cut off does not do again, and what is kept of it by day,
    # group, step and purpose of payment. What is kept of single households and posts is made again from the scenario.
    SOCIETY,
    RESPONDENTS,
    # Of a society's kilometres, those of trips that somebody chose; of runs of before, none are known.
    """
    ALTER TABLE society_groups ADD COLUMN trip_km DOUBLE;
    """,
)


def version_of(connection: duckdb.DuckDBPyConnection) -> int:
    """The version of an open store; 0 for an empty database and for one of something else."""
    try:
        ((version,),) = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchall()
    except duckdb.CatalogException:
        return 0
    return int(version)


def migrate(connection: duckdb.DuckDBPyConnection, *, where: str, newest: int | None = None) -> int:
    """Takes the database to the version `newest` (default: this code's) in one transaction, and returns that version.

    Raises StoreError where the file was written by a newer PolicyTwin, or is a database of something else.
    """
    newest = len(MIGRATIONS) if newest is None else newest
    present = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if present and "schema_version" not in present:
        raise StoreError(
            f"{where} is a DuckDB file, but not a PolicyTwin store (it has no table schema_version). "
            "Use another file with --db."
        )
    connection.execute("BEGIN TRANSACTION")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version "
            "(version INTEGER PRIMARY KEY, code_version VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)"
        )
        row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
        version = int(row[0]) if row else 0
        if version > newest:
            raise StoreError(
                f"{where} was written by a newer PolicyTwin (store version {version}; this one knows {newest}). "
                "Upgrade PolicyTwin, or use another store with --db."
            )
        for number in range(version + 1, newest + 1):
            connection.execute(MIGRATIONS[number - 1])
            connection.execute(
                "INSERT INTO schema_version VALUES (?, ?, now() AT TIME ZONE 'UTC')", [number, code_version()]
            )
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return newest
