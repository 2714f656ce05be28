-- Version 2: the journal is a chain of hashes (store/chain.rs). The hashes of rows that are there are filled in after this.
CREATE TABLE journal_2 (
    id        INTEGER PRIMARY KEY,                  -- number in the chain, from 1, without a gap
    date      INTEGER NOT NULL,                     -- date
    reason    TEXT NOT NULL,                        -- load, clearing, cancel, unload, open, return, payment ...
    debit     TEXT NOT NULL,                        -- account that gives
    credit    TEXT NOT NULL,                        -- account that receives
    currency  TEXT NOT NULL,                        -- ISO 4217
    amount    INTEGER NOT NULL CHECK (amount >= 0), -- amount
    reference TEXT NOT NULL,                        -- session/index of a payment, session of an opening or return
    hash      BLOB NOT NULL                         -- SHA-256 of the row and of the hash before it
) STRICT;
INSERT INTO journal_2 SELECT id, date, reason, debit, credit, currency, amount, reference, x'' FROM journal ORDER BY id;
DROP TABLE journal;
ALTER TABLE journal_2 RENAME TO journal;
