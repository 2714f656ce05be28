-- Version 3: restores from a backup. All fixed
CREATE TABLE epoch (
    number INTEGER PRIMARY KEY,  -- counts restores, from 1
    began  INTEGER NOT NULL      -- date
) STRICT;
