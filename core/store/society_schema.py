"""Tables of societies, as one migration made them: worlds, and their frames by day, group, step and purpose."""

from __future__ import annotations

SOCIETY = """
    CREATE TABLE society_worlds (
        run_id VARCHAR NOT NULL,
        arm VARCHAR NOT NULL,
        seed BIGINT NOT NULL,
        state_hash VARCHAR NOT NULL,
        cascades JSON NOT NULL,
        seconds DOUBLE NOT NULL,
        PRIMARY KEY (run_id, arm, seed)
    );
    CREATE TABLE society_days (
        run_id VARCHAR NOT NULL,
        arm VARCHAR NOT NULL,
        seed BIGINT NOT NULL,
        day INTEGER NOT NULL,
        place VARCHAR NOT NULL,
        sales_cents BIGINT NOT NULL,
        units BIGINT NOT NULL,
        served BIGINT NOT NULL,
        turned_away BIGINT NOT NULL,
        wait DOUBLE NOT NULL,
        price_cents BIGINT NOT NULL,
        posts BIGINT NOT NULL,
        mean_valence DOUBLE,
        dispersion DOUBLE,
        adverts BIGINT NOT NULL,
        reposts BIGINT NOT NULL
    );
    CREATE TABLE society_groups (
        run_id VARCHAR NOT NULL,
        arm VARCHAR NOT NULL,
        seed BIGINT NOT NULL,
        day INTEGER NOT NULL,
        grouped_by VARCHAR NOT NULL,
        level VARCHAR NOT NULL,
        households BIGINT NOT NULL,
        "out" DOUBLE NOT NULL,
        home DOUBLE NOT NULL,
        other DOUBLE NOT NULL,
        trips DOUBLE NOT NULL,
        km DOUBLE NOT NULL,
        posted DOUBLE NOT NULL,
        slept DOUBLE NOT NULL,
        minutes DOUBLE NOT NULL,
        cash DOUBLE NOT NULL,
        stress_hunger DOUBLE NOT NULL,
        stress_fatigue DOUBLE NOT NULL,
        stress_crowd DOUBLE NOT NULL,
        stress_money DOUBLE NOT NULL,
        stress_sleep DOUBLE NOT NULL,
        stress_social DOUBLE NOT NULL
    );
    CREATE TABLE society_steps (
        run_id VARCHAR NOT NULL,
        arm VARCHAR NOT NULL,
        seed BIGINT NOT NULL,
        step INTEGER NOT NULL,
        hunger DOUBLE NOT NULL,
        fatigue DOUBLE NOT NULL,
        crowd DOUBLE NOT NULL,
        money DOUBLE NOT NULL,
        sleep DOUBLE NOT NULL,
        social DOUBLE NOT NULL,
        awake BIGINT NOT NULL,
        away BIGINT NOT NULL,
        posts BIGINT NOT NULL
    );
    CREATE TABLE society_ledger (
        run_id VARCHAR NOT NULL,
        arm VARCHAR NOT NULL,
        seed BIGINT NOT NULL,
        day INTEGER NOT NULL,
        purpose VARCHAR NOT NULL,
        cents BIGINT NOT NULL
    );
    """
