-- The server's database 102 (fig. 4). Dates are milliseconds since 1970 UTC; amounts are minor units of the currency
-- beside them. "fixed" columns never change after the row is written.

-- 120 server persona (figs 4B, 4E)
CREATE TABLE persona_120 (
    id               TEXT PRIMARY KEY,     -- 120A, fixed
    email            TEXT NOT NULL,        -- 120B
    protocol         TEXT NOT NULL,        -- suite of the key, 1.0 or 2.0, fixed
    public_key       BLOB NOT NULL,        -- 120C, SubjectPublicKeyInfo, fixed
    key_name         TEXT NOT NULL,        -- name of the key, base64, fixed
    registered       INTEGER NOT NULL,     -- 120D, date, fixed
    language         TEXT NOT NULL,        -- 120E, BCP 47
    default_currency TEXT NOT NULL,        -- ISO 4217, fixed
    autoclose        BLOB,                 -- 120F, keyed hash of the passphrase
    agreements       TEXT NOT NULL,        -- 120I, numbers joined by commas
    status           TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'closed')),
    revision         INTEGER NOT NULL      -- grows with every change of what is the persona's
) STRICT, WITHOUT ROWID;

-- 120G cash container (fig. 4C)
CREATE TABLE container_120g (
    persona   TEXT NOT NULL,                              -- 120A, fixed
    currency  TEXT NOT NULL,                              -- 120G.1, fixed
    available INTEGER NOT NULL CHECK (available >= 0),    -- 120G.2, amount
    on_hold   INTEGER NOT NULL CHECK (on_hold >= 0),      -- 120G.3, amount
    PRIMARY KEY (persona, currency)
) STRICT, WITHOUT ROWID;

-- 120H instrument binding (fig. 4D)
CREATE TABLE instrument_120h (
    persona       TEXT NOT NULL,       -- 120H.1, fixed
    id            INTEGER NOT NULL,    -- which of the persona's, fixed
    kind          TEXT NOT NULL,       -- 120H.3
    sealed_number BLOB,                -- 120H.4, sealed; only where autoclose
    agreements    TEXT NOT NULL,       -- 120H.7, numbers joined by commas
    prefix        TEXT NOT NULL,       -- 120H.8, fixed
    hash          BLOB NOT NULL,       -- 120H.9, changes when bound again
    keyed_hash    BLOB NOT NULL,       -- of the number, under a key outside of the database, fixed
    bound         INTEGER NOT NULL,    -- 120H.13, date
    first_used    INTEGER,             -- 120H.14, date
    status        TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),  -- 120H.15
    enabled_from  INTEGER NOT NULL,    -- date; pending-pre-note until then
    functions     TEXT NOT NULL,       -- 120H.16 to .23, names joined by commas
    autoclose     INTEGER NOT NULL,    -- 120H.24, 0 or 1
    PRIMARY KEY (persona, id)
) STRICT, WITHOUT ROWID;

-- Questions of issuers (BI2) that wait for an answer; the binding as it will be
CREATE TABLE challenge (
    persona       TEXT NOT NULL,       -- 120A, fixed
    id            TEXT NOT NULL,       -- label challenge-id, fixed
    asked         INTEGER NOT NULL,    -- date, fixed
    wrong_answers INTEGER NOT NULL,    -- count
    sealed_number BLOB NOT NULL,       -- sealed, fixed
    salt          BLOB NOT NULL,       -- 230Q, fixed
    questions     TEXT NOT NULL,       -- one a line, fixed
    binding       TEXT NOT NULL,       -- JSON of the columns of instrument_120h, fixed
    PRIMARY KEY (persona, id)
) STRICT, WITHOUT ROWID;

-- Movements between instruments and containers (LU1), for limits (120H.25 to .28) and holds
CREATE TABLE movement_405 (
    id         INTEGER PRIMARY KEY,  -- fixed
    persona    TEXT NOT NULL,        -- 120A, fixed
    instrument INTEGER NOT NULL,     -- instrument_120h.id, fixed
    date       INTEGER NOT NULL,     -- date, fixed
    currency   TEXT NOT NULL,        -- ISO 4217, fixed
    amount     INTEGER NOT NULL,     -- amount, negative to the instrument, fixed
    clears     INTEGER               -- date; null once available
) STRICT;
CREATE INDEX movement_405_window ON movement_405 (persona, instrument, date);
CREATE INDEX movement_405_pending ON movement_405 (clears) WHERE clears IS NOT NULL;

-- 130 server session (figs 4H, 4J)
CREATE TABLE session_130 (
    id          INTEGER PRIMARY KEY,                    -- 130A, fixed
    protocol    TEXT NOT NULL,                          -- suite, fixed
    key         BLOB NOT NULL,                          -- 130B, fixed
    salt        BLOB NOT NULL,                          -- 130C, fixed
    currency    TEXT NOT NULL,                          -- 130D, fixed
    opening     INTEGER NOT NULL,                       -- 130E, amount, fixed
    current     INTEGER NOT NULL CHECK (current >= 0),  -- 130F, amount
    opened      INTEGER NOT NULL,                       -- 130G, date, fixed
    expires     INTEGER NOT NULL,                       -- date, 130G plus 130J, fixed
    ended       INTEGER,                                -- 130H, date; null while open (130L)
    ended_by    TEXT CHECK (ended_by IN ('closed', 'expired', 'used-up')),
    lifetime    INTEGER NOT NULL,                       -- 130J, minutes, fixed
    use_limit   INTEGER NOT NULL,                       -- 130I, fixed
    uses        INTEGER NOT NULL CHECK (uses <= use_limit),  -- uses spent
    persona     TEXT NOT NULL,                          -- 130K, fixed
    memo        TEXT NOT NULL                           -- 130M
) STRICT;
CREATE INDEX session_130_open ON session_130 (persona) WHERE ended IS NULL;
CREATE INDEX session_130_persona ON session_130 (persona);
CREATE INDEX session_130_expiring ON session_130 (expires) WHERE ended IS NULL;

-- 130N and 130NN transaction data (figs 4I, 4K): collected payments; a row marks the payer's index as used. All fixed
CREATE TABLE transaction_130n (
    payer_session INTEGER NOT NULL,  -- 130N.2
    payer_index   INTEGER NOT NULL,  -- 130N.5
    payer         TEXT NOT NULL,     -- 120A of the payer
    payee_session INTEGER NOT NULL,  -- 130N.4
    payee_index   INTEGER NOT NULL,  -- 130NN.5
    payee         TEXT NOT NULL,     -- 120A of the payee
    order_id      TEXT NOT NULL,     -- 130N.3
    currency      TEXT NOT NULL,     -- of charged
    charged       INTEGER NOT NULL,  -- 130N.1, amount
    credit_currency TEXT NOT NULL,   -- of credited
    credited      INTEGER NOT NULL,  -- 130NN.1, amount
    opaque_hash   BLOB NOT NULL,     -- SHA-256 of the customer's opaque value
    date          INTEGER NOT NULL,  -- date
    PRIMARY KEY (payer_session, payer_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX transaction_130n_payee ON transaction_130n (payee_session, date);

-- Refunds (RF1) of collected payments. All fixed
CREATE TABLE refund (
    payer_session   INTEGER NOT NULL,  -- 130N.2 of the payment
    payer_index     INTEGER NOT NULL,  -- 130N.5 of the payment
    number          INTEGER NOT NULL,  -- which of its refunds, from 1
    payer           TEXT NOT NULL,     -- 120A of who got it
    payee           TEXT NOT NULL,     -- 120A of who gave it
    order_id        TEXT NOT NULL,     -- 130N.3
    currency        TEXT NOT NULL,     -- of given
    given           INTEGER NOT NULL,  -- amount, in the payee's currency
    return_currency TEXT NOT NULL,     -- of returned
    returned        INTEGER NOT NULL,  -- amount, in the payer's currency
    note            TEXT NOT NULL,     -- the payee's reason
    date            INTEGER NOT NULL,  -- date
    PRIMARY KEY (payer_session, payer_index, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX refund_payer ON refund (payer, date);
CREATE INDEX refund_payee ON refund (payee, date);

-- The journal: every movement of money, from one account into another. All fixed
CREATE TABLE journal (
    id        INTEGER PRIMARY KEY,
    date      INTEGER NOT NULL,                     -- date
    reason    TEXT NOT NULL,                        -- load, clearing, cancel, unload, open, return, payment or refund
    debit     TEXT NOT NULL,                        -- account that gives
    credit    TEXT NOT NULL,                        -- account that receives
    currency  TEXT NOT NULL,                        -- ISO 4217
    amount    INTEGER NOT NULL CHECK (amount >= 0), -- amount
    reference TEXT NOT NULL                         -- session/index of a payment, session of an opening or return
) STRICT;

-- Balances of the operator's own accounts: agency, bank, fees, exchange
CREATE TABLE house_account (
    account TEXT PRIMARY KEY,    -- name, fixed
    balance INTEGER NOT NULL     -- amount, of any sign
) STRICT, WITHOUT ROWID;

-- 140 message log (fig. 4L). All fixed
CREATE TABLE message_log_140 (
    kind         INTEGER NOT NULL,  -- 0: by persona and transaction; 1: R1, by key and transaction; 2: CA2
    owner        TEXT NOT NULL,     -- 140A; for R1 the name of the key; for CA2 the session's number (140B)
    number       INTEGER NOT NULL,  -- 140C; for CA2 the index (140D)
    message_hash BLOB NOT NULL,     -- 140E, as SHA-256
    response     TEXT NOT NULL,     -- 140F
    date         INTEGER NOT NULL,  -- date
    PRIMARY KEY (kind, owner, number)
) STRICT, WITHOUT ROWID;

-- Reports of clients (MR1). All fixed
CREATE TABLE report (
    message_hash BLOB PRIMARY KEY,  -- SHA-256 of the report
    date         INTEGER NOT NULL,  -- date
    persona      TEXT,              -- who says to have sent it
    problem      TEXT NOT NULL,
    diagnosis    TEXT NOT NULL,
    received     TEXT NOT NULL      -- the message that could not be used
) STRICT, WITHOUT ROWID;

-- Wrong passphrases of AC1, by the id named, whether a persona has it or not
CREATE TABLE attempt (
    persona TEXT PRIMARY KEY,   -- fixed
    since   INTEGER NOT NULL,   -- date
    wrong   INTEGER NOT NULL    -- count
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_since ON attempt (since);
