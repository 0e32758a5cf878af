/* The database of results/store.c as SQL, version by version. Version 1: a run, what it was made of, and
 * every raw observation. Version 2: what noise there was beside them, and why the run ended when it did.
 * Version 3: which of the plan's orders a block followed. Version 4: the CPU time of the network peer.
 * Version 5: what ladders the arms are rungs of. Values are derived on reading, never stored. Unsigned 64-bit
 * numbers are kept as the signed number with the same bits. */
#ifndef CB_RESULTS_SCHEMA_H
#define CB_RESULTS_SCHEMA_H

static const char cb_schema_1[] =
    "CREATE TABLE run (\n"
    "    id TEXT PRIMARY KEY,\n"
    "    started TEXT NOT NULL,\n"
    "    seed INTEGER NOT NULL,\n"
    "    blocks INTEGER NOT NULL CHECK (blocks >= 0),\n"
    "    quick INTEGER NOT NULL CHECK (quick IN (0, 1)),\n"
    "    complete INTEGER NOT NULL CHECK (complete IN (0, 1)),\n"
    "    version TEXT NOT NULL,\n"
    "    agent_sha256 TEXT NOT NULL,\n"
    "    wall_s REAL NOT NULL,\n"
    "    measuring_s REAL NOT NULL,\n"
    "    baseline INTEGER NOT NULL\n"
    ") STRICT;\n"

    "CREATE TABLE run_fact (\n"
    "    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"
    "    nth INTEGER NOT NULL,\n"
    "    key TEXT NOT NULL,\n"
    "    value TEXT NOT NULL,\n"
    "    PRIMARY KEY (run, nth)\n"
    ") STRICT, WITHOUT ROWID;\n"

    "CREATE TABLE arm (\n"
    "    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"
    "    arm INTEGER NOT NULL,\n"
    "    name TEXT NOT NULL,\n"
    "    runner TEXT NOT NULL,\n"
    "    status TEXT NOT NULL CHECK (status IN ('ok', 'skipped', 'failed')),\n"
    "    reason TEXT NOT NULL,\n"
    "    accelerator TEXT NOT NULL,\n"
    "    agent_sha256 TEXT NOT NULL,\n"
    "    PRIMARY KEY (run, arm),\n"
    "    UNIQUE (run, name)\n"
    ") STRICT, WITHOUT ROWID;\n"

    "CREATE TABLE arm_fact (\n"
    "    run TEXT NOT NULL,\n"
    "    arm INTEGER NOT NULL,\n"
    "    nth INTEGER NOT NULL,\n"
    "    key TEXT NOT NULL,\n"
    "    value TEXT NOT NULL,\n"
    "    PRIMARY KEY (run, arm, nth),\n"
    "    FOREIGN KEY (run, arm) REFERENCES arm (run, arm) ON DELETE CASCADE\n"
    ") STRICT, WITHOUT ROWID;\n"

    "CREATE TABLE bench_case (\n"
    "    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"
    "    case_index INTEGER NOT NULL,\n"
    "    bench TEXT NOT NULL,\n"
    "    revision INTEGER NOT NULL,\n"
    "    params TEXT NOT NULL,\n"
    "    iters INTEGER NOT NULL,\n"
    "    seed INTEGER NOT NULL,\n"
    "    PRIMARY KEY (run, case_index),\n"
    "    UNIQUE (run, bench, params)\n"
    ") STRICT, WITHOUT ROWID;\n"

    /* The rule that turns samples into the metric's value, so that a later version without the benchmark can
       apply it. */
    "CREATE TABLE metric (\n"
    "    run TEXT NOT NULL,\n"
    "    nth INTEGER NOT NULL,\n"
    "    case_index INTEGER NOT NULL,\n"
    "    name TEXT NOT NULL,\n"
    "    quantity TEXT NOT NULL,\n"
    "    unit TEXT NOT NULL,\n"
    "    better TEXT NOT NULL CHECK (better IN ('lower', 'higher')),\n"
    "    derive TEXT NOT NULL,\n"
    "    scale REAL NOT NULL,\n"
    "    q REAL NOT NULL,\n"
    "    PRIMARY KEY (run, nth),\n"
    "    FOREIGN KEY (run, case_index) REFERENCES bench_case (run, case_index) ON DELETE CASCADE\n"
    ") STRICT, WITHOUT ROWID;\n"

    "CREATE TABLE block (\n"
    "    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"
    "    block INTEGER NOT NULL,\n"
    "    begin_ns INTEGER NOT NULL,\n"
    "    end_ns INTEGER NOT NULL,\n"
    "    void_reason TEXT NOT NULL,\n"
    "    PRIMARY KEY (run, block)\n"
    ") STRICT, WITHOUT ROWID;\n"

    "CREATE TABLE instance (\n"
    "    run TEXT NOT NULL,\n"
    "    block INTEGER NOT NULL,\n"
    "    arm INTEGER NOT NULL,\n"
    "    position INTEGER NOT NULL,\n"
    "    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'untrusted', 'skipped', 'failed')),\n"
    "    reason TEXT NOT NULL,\n"
    "    start_ns INTEGER NOT NULL,\n"
    "    stop_ns INTEGER NOT NULL,\n"
    "    prepare_ns INTEGER NOT NULL,\n"
    "    mark_jitter_ns INTEGER NOT NULL,\n"
    "    PRIMARY KEY (run, block, arm),\n"
    "    FOREIGN KEY (run, block) REFERENCES block (run, block) ON DELETE CASCADE,\n"
    "    FOREIGN KEY (run, arm) REFERENCES arm (run, arm) ON DELETE CASCADE\n"
    ") STRICT, WITHOUT ROWID;\n"

    /* One case in one instance. The id keeps the rows of sample, by far the most, short. */
    "CREATE TABLE result (\n"
    "    id INTEGER PRIMARY KEY,\n"
    "    run TEXT NOT NULL,\n"
    "    block INTEGER NOT NULL,\n"
    "    arm INTEGER NOT NULL,\n"
    "    case_index INTEGER NOT NULL,\n"
    "    position INTEGER NOT NULL,\n"
    "    outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'untrusted', 'skipped', 'failed')),\n"
    "    reason TEXT NOT NULL,\n"
    "    UNIQUE (run, block, arm, case_index),\n"
    "    FOREIGN KEY (run, block) REFERENCES block (run, block) ON DELETE CASCADE,\n"
    "    FOREIGN KEY (run, arm) REFERENCES arm (run, arm) ON DELETE CASCADE,\n"
    "    FOREIGN KEY (run, case_index) REFERENCES bench_case (run, case_index) ON DELETE CASCADE\n"
    ") STRICT;\n"

    "CREATE TABLE sample (\n"
    "    result INTEGER NOT NULL REFERENCES result (id) ON DELETE CASCADE,\n"
    "    nth INTEGER NOT NULL,\n"
    "    seq INTEGER NOT NULL,\n"
    "    iters INTEGER NOT NULL,\n"
    "    work INTEGER NOT NULL,\n"
    "    wall_ns INTEGER NOT NULL,\n"
    "    cpu_ns INTEGER NOT NULL,\n"
    "    warm INTEGER NOT NULL CHECK (warm IN (0, 1)),\n"
    "    trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)),\n"
    "    agent_ns INTEGER NOT NULL,\n"
    "    host_ns INTEGER NOT NULL,\n"
    "    PRIMARY KEY (result, nth)\n"
    ") STRICT, WITHOUT ROWID;\n"

    /* "bucket:count,bucket:count" of bench/base/hist.h. */
    "CREATE TABLE histogram (\n"
    "    result INTEGER PRIMARY KEY REFERENCES result (id) ON DELETE CASCADE,\n"
    "    min_ns INTEGER NOT NULL,\n"
    "    max_ns INTEGER NOT NULL,\n"
    "    counts TEXT NOT NULL\n"
    ") STRICT;\n";

static const char cb_schema_2[] =
    "ALTER TABLE run ADD COLUMN stopped TEXT NOT NULL DEFAULT '';\n"
    "ALTER TABLE run ADD COLUMN target REAL NOT NULL DEFAULT 0.0 CHECK (target >= 0);\n"

    /* Blocks that counted when the widths of intervals were looked at. */
    "CREATE TABLE look (\n"
    "    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,\n"
    "    nth INTEGER NOT NULL,\n"
    "    blocks INTEGER NOT NULL,\n"
    "    PRIMARY KEY (run, nth)\n"
    ") STRICT, WITHOUT ROWID;\n"

    /* Arm -1: the machine around the whole block. */
    "CREATE TABLE evidence (\n"
    "    run TEXT NOT NULL,\n"
    "    block INTEGER NOT NULL,\n"
    "    nth INTEGER NOT NULL,\n"
    "    arm INTEGER NOT NULL CHECK (arm >= -1),\n"
    "    side TEXT NOT NULL CHECK (side IN ('host', 'inside')),\n"
    "    key TEXT NOT NULL,\n"
    "    before TEXT NOT NULL,\n"
    "    after TEXT NOT NULL,\n"
    "    PRIMARY KEY (run, block, nth),\n"
    "    FOREIGN KEY (run, block) REFERENCES block (run, block) ON DELETE CASCADE\n"
    ") STRICT, WITHOUT ROWID;\n";

/* Before blocks could be repeated, each had the row of its number. */
static const char cb_schema_3[] = "ALTER TABLE block ADD COLUMN row INTEGER NOT NULL DEFAULT 0;\n"
                                  "UPDATE block SET row = block;\n";

/* 0 stands for "not asked", before as now. */
static const char cb_schema_4[] = "ALTER TABLE sample ADD COLUMN peer_ns INTEGER NOT NULL DEFAULT 0;\n";

static const char cb_schema_5[] = "CREATE TABLE ladder_step (\n"
                                  "    run TEXT NOT NULL,\n"
                                  "    nth INTEGER NOT NULL,\n"
                                  "    ladder TEXT NOT NULL,\n"
                                  "    chain TEXT NOT NULL,\n"
                                  "    label TEXT NOT NULL,\n"
                                  "    arm INTEGER NOT NULL,\n"
                                  "    base INTEGER NOT NULL,\n"
                                  "    side INTEGER NOT NULL CHECK (side IN (0, 1)),\n"
                                  "    PRIMARY KEY (run, nth),\n"
                                  "    FOREIGN KEY (run, arm) REFERENCES arm (run, arm) ON DELETE CASCADE,\n"
                                  "    FOREIGN KEY (run, base) REFERENCES arm (run, arm) ON DELETE CASCADE\n"
                                  ") STRICT, WITHOUT ROWID;\n";

#endif
