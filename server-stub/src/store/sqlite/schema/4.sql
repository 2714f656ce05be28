-- Version 4: what the operator sets at run time: rates, fees, agreements, versions, switches, keys, gifts
CREATE TABLE setting (
    topic TEXT NOT NULL,    -- what it is about, fixed
    name  TEXT NOT NULL,    -- which of that topic, fixed
    value TEXT NOT NULL,    -- JSON
    PRIMARY KEY (topic, name)
) STRICT, WITHOUT ROWID;
