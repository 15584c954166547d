"""The migration that makes the tables of people who were asked: what they said and agreed to, who used it, and what has to go
with them."""

from __future__ import annotations

RESPONDENTS = """
    CREATE TABLE subjects (
        subject_id VARCHAR PRIMARY KEY,
        label VARCHAR NOT NULL,
        kind VARCHAR NOT NULL,
        study_id VARCHAR,
        deceased BOOLEAN NOT NULL,
        attributes JSON NOT NULL,
        code_hash VARCHAR NOT NULL,
        created_at TIMESTAMP NOT NULL
    );
    CREATE TABLE consents (
        consent_id VARCHAR PRIMARY KEY,
        subject_id VARCHAR NOT NULL,
        version INTEGER NOT NULL,
        scope JSON NOT NULL,
        tier VARCHAR NOT NULL,
        valid_from TIMESTAMP NOT NULL,
        valid_to TIMESTAMP,
        basis VARCHAR NOT NULL,
        second_basis VARCHAR NOT NULL,
        signed_hash VARCHAR NOT NULL
    );
    CREATE TABLE interviews (
        interview_id VARCHAR PRIMARY KEY,
        subject_id VARCHAR NOT NULL,
        script_id VARCHAR,
        script_hash VARCHAR,
        mode VARCHAR NOT NULL,
        status VARCHAR NOT NULL,
        language VARCHAR NOT NULL,
        started_at TIMESTAMP NOT NULL,
        ended_at TIMESTAMP,
        words INTEGER NOT NULL,
        redactions JSON NOT NULL,
        content_hash VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        licence VARCHAR NOT NULL
    );
    CREATE TABLE turns (
        interview_id VARCHAR NOT NULL,
        position INTEGER NOT NULL,
        subject_id VARCHAR NOT NULL,
        speaker VARCHAR NOT NULL,
        topic VARCHAR,
        question_id VARCHAR,
        follow_up_of INTEGER,
        text VARCHAR NOT NULL,
        said_at TIMESTAMP,
        seconds DOUBLE
    );
    CREATE TABLE items (
        item_id VARCHAR PRIMARY KEY,
        instrument VARCHAR NOT NULL,
        wording VARCHAR NOT NULL,
        options JSON NOT NULL,
        kind VARCHAR NOT NULL,
        construct VARCHAR NOT NULL,
        reverse BOOLEAN NOT NULL
    );
    CREATE TABLE answers (
        subject_id VARCHAR NOT NULL,
        item_id VARCHAR NOT NULL,
        occasion INTEGER NOT NULL,
        code DOUBLE,
        text VARCHAR
    );
    CREATE TABLE audit_log (
        sequence BIGINT PRIMARY KEY,
        used_at TIMESTAMP NOT NULL,
        viewer VARCHAR NOT NULL,
        tier VARCHAR NOT NULL,
        purpose VARCHAR NOT NULL,
        action VARCHAR NOT NULL,
        subjects INTEGER NOT NULL,
        subjects_root VARCHAR NOT NULL,
        query VARCHAR NOT NULL,
        outcome VARCHAR NOT NULL,
        previous_hash VARCHAR NOT NULL,
        hash VARCHAR NOT NULL
    );
    CREATE TABLE audit_subjects (
        sequence BIGINT NOT NULL,
        subject_id VARCHAR NOT NULL
    );
    CREATE TABLE released_groups (
        viewer VARCHAR NOT NULL,
        item_id VARCHAR NOT NULL,
        group_id VARCHAR NOT NULL,
        members JSON NOT NULL
    );
    CREATE TABLE withdrawals (
        subject_id VARCHAR PRIMARY KEY,
        state VARCHAR NOT NULL,
        started_at TIMESTAMP NOT NULL,
        ended_at TIMESTAMP,
        receipt JSON
    );
    CREATE TABLE subject_traces (
        subject_id VARCHAR NOT NULL,
        kind VARCHAR NOT NULL,
        reference VARCHAR NOT NULL
    );
    CREATE TABLE viewers (
        viewer VARCHAR PRIMARY KEY,
        tier VARCHAR NOT NULL,
        purpose VARCHAR NOT NULL,
        expires_at TIMESTAMP NOT NULL
    );
    CREATE TABLE kept_files (
        path VARCHAR PRIMARY KEY,
        kind VARCHAR NOT NULL,
        sha256 VARCHAR NOT NULL,
        canary VARCHAR NOT NULL,
        made_at TIMESTAMP NOT NULL
    );
    """
