-- Version 5: what operations cost
ALTER TABLE transaction_130n ADD COLUMN fee INTEGER NOT NULL DEFAULT 0;  -- amount, of credited, in its currency, fixed
ALTER TABLE movement_405 ADD COLUMN fee INTEGER NOT NULL DEFAULT 0;      -- amount, not below zero, fixed

-- Fees of no payment: of loads, unloads, sessions that were opened or closed. All fixed
CREATE TABLE fee (
    id        INTEGER PRIMARY KEY,
    persona   TEXT NOT NULL,                         -- 120A of who gave it
    date      INTEGER NOT NULL,                      -- date
    currency  TEXT NOT NULL,                         -- ISO 4217
    amount    INTEGER NOT NULL CHECK (amount >= 0),  -- amount
    reference TEXT NOT NULL                          -- as in the journal: what for
) STRICT;
CREATE INDEX fee_persona ON fee (persona, date);
