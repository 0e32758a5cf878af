-- Version 1. A run, what it was made of, and every raw observation. Values are derived on reading, never stored.
-- Unsigned 64-bit seeds are kept as the signed number with the same bits.
CREATE TABLE run (
    id TEXT PRIMARY KEY,
    started TEXT NOT NULL,
    seed INTEGER NOT NULL,
    blocks INTEGER NOT NULL CHECK (blocks >= 0),
    quick INTEGER NOT NULL CHECK (quick IN (0, 1)),
    complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
    version TEXT NOT NULL,
    agent_sha256 TEXT NOT NULL,
    wall_s REAL NOT NULL,
    measuring_s REAL NOT NULL,
    baseline INTEGER NOT NULL
) STRICT;

CREATE TABLE run_fact (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    nth INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, nth)
) STRICT, WITHOUT ROWID;

CREATE TABLE arm (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    arm INTEGER NOT NULL,
    name TEXT NOT NULL,
    runner TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'skipped', 'failed')),
    reason TEXT NOT NULL,
    accelerator TEXT NOT NULL,
    agent_sha256 TEXT NOT NULL,
    PRIMARY KEY (run, arm),
    UNIQUE (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE arm_fact (
    run TEXT NOT NULL,
    arm INTEGER NOT NULL,
    nth INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, arm, nth),
    FOREIGN KEY (run, arm) REFERENCES arm (run, arm) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE bench_case (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    case_index INTEGER NOT NULL,
    bench TEXT NOT NULL,
    revision INTEGER NOT NULL,
    params TEXT NOT NULL,
    iters INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    PRIMARY KEY (run, case_index),
    UNIQUE (run, bench, params)
) STRICT, WITHOUT ROWID;

-- The rule that turns samples into the metric's value, so that a later version without the benchmark can apply it.
CREATE TABLE metric (
    run TEXT NOT NULL,
    nth INTEGER NOT NULL,
    case_index INTEGER NOT NULL,
    name TEXT NOT NULL,
    quantity TEXT NOT NULL,
    unit TEXT NOT NULL,
    better TEXT NOT NULL CHECK (better IN ('lower', 'higher')),
    derive TEXT NOT NULL,
    scale REAL NOT NULL,
    q REAL NOT NULL,
    PRIMARY KEY (run, nth),
    FOREIGN KEY (run, case_index) REFERENCES bench_case (run, case_index) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE block (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    block INTEGER NOT NULL,
    begin_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    void_reason TEXT NOT NULL,
    PRIMARY KEY (run, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE instance (
    run TEXT NOT NULL,
    block INTEGER NOT NULL,
    arm INTEGER NOT NULL,
    position INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'untrusted', 'skipped', 'failed')),
    reason TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    stop_ns INTEGER NOT NULL,
    prepare_ns INTEGER NOT NULL,
    mark_jitter_ns INTEGER NOT NULL,
    PRIMARY KEY (run, block, arm),
    FOREIGN KEY (run, block) REFERENCES block (run, block) ON DELETE CASCADE,
    FOREIGN KEY (run, arm) REFERENCES arm (run, arm) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- One case in one instance. The id keeps the rows of sample, by far the most, short.
CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    block INTEGER NOT NULL,
    arm INTEGER NOT NULL,
    case_index INTEGER NOT NULL,
    position INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'untrusted', 'skipped', 'failed')),
    reason TEXT NOT NULL,
    UNIQUE (run, block, arm, case_index),
    FOREIGN KEY (run, block) REFERENCES block (run, block) ON DELETE CASCADE,
    FOREIGN KEY (run, arm) REFERENCES arm (run, arm) ON DELETE CASCADE,
    FOREIGN KEY (run, case_index) REFERENCES bench_case (run, case_index) ON DELETE CASCADE
) STRICT;

CREATE TABLE sample (
    result INTEGER NOT NULL REFERENCES result (id) ON DELETE CASCADE,
    nth INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    iters INTEGER NOT NULL,
    work INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,
    cpu_ns INTEGER NOT NULL,
    warm INTEGER NOT NULL CHECK (warm IN (0, 1)),
    trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)),
    agent_ns INTEGER NOT NULL,
    host_ns INTEGER NOT NULL,
    PRIMARY KEY (result, nth)
) STRICT, WITHOUT ROWID;

-- Counts as bucket:count,bucket:count; the buckets of bench/base/hist.h.
CREATE TABLE histogram (
    result INTEGER PRIMARY KEY REFERENCES result (id) ON DELETE CASCADE,
    min_ns INTEGER NOT NULL,
    max_ns INTEGER NOT NULL,
    counts TEXT NOT NULL
) STRICT;
