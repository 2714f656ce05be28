-- Version 7: what each payment writes lies close together, so that a collection changes few pages

-- 130 server session (figs 4H, 4J): what is fixed, and how it ended. What payments change is in session_130_live
CREATE TABLE session_130_7 (
    id          INTEGER PRIMARY KEY,    -- 130A, fixed
    protocol    TEXT NOT NULL,          -- suite, fixed
    key         BLOB NOT NULL,          -- 130B, fixed
    salt        BLOB NOT NULL,          -- 130C, fixed
    currency    TEXT NOT NULL,          -- 130D, fixed
    opening     INTEGER NOT NULL,       -- 130E, amount, fixed
    opened      INTEGER NOT NULL,       -- 130G, date, fixed
    expires     INTEGER NOT NULL,       -- date, 130G plus 130J, fixed
    ended       INTEGER,                -- 130H, date; null while open (130L)
    ended_by    TEXT CHECK (ended_by IN ('closed', 'expired', 'used-up')),
    lifetime    INTEGER NOT NULL,       -- 130J, minutes, fixed
    use_limit   INTEGER NOT NULL,       -- 130I, fixed
    uses        INTEGER,                -- uses spent; null while open
    persona     TEXT NOT NULL,          -- 130K, fixed
    memo        TEXT NOT NULL,          -- 130M
    CHECK ((ended IS NULL) = (uses IS NULL))
) STRICT;
-- A session while it is open: narrow rows, for two of them change with each payment
CREATE TABLE session_130_live (
    id        INTEGER PRIMARY KEY,                           -- 130A, fixed
    current   INTEGER NOT NULL CHECK (current >= 0),         -- 130F, amount
    uses      INTEGER NOT NULL CHECK (uses <= use_limit),    -- uses spent
    use_limit INTEGER NOT NULL                               -- 130I, fixed: the limit is checked without another row
) STRICT;
INSERT INTO session_130_live SELECT id, current, uses, use_limit FROM session_130 WHERE ended IS NULL ORDER BY id;
INSERT INTO session_130_7
    SELECT id, protocol, key, salt, currency, opening, opened, expires, ended, ended_by, lifetime, use_limit,
           CASE WHEN ended IS NOT NULL THEN uses END, persona, memo
    FROM session_130 ORDER BY id;
DROP TABLE session_130;
ALTER TABLE session_130_7 RENAME TO session_130;
CREATE INDEX session_130_open ON session_130 (persona) WHERE ended IS NULL;
CREATE INDEX session_130_persona ON session_130 (persona);
CREATE INDEX session_130_expiring ON session_130 (expires) WHERE ended IS NULL;
-- Both as one row; what cannot be is null, which no reader takes
CREATE VIEW session AS
    SELECT s.id, s.protocol, s.key, s.salt, s.currency, s.opening, s.opened, s.expires, s.ended, s.ended_by, s.lifetime,
           CASE WHEN o.id IS NULL OR o.use_limit = s.use_limit THEN s.use_limit END AS use_limit,
           CASE WHEN s.ended IS NULL THEN o.current WHEN o.id IS NULL THEN 0 END AS current,
           CASE WHEN s.ended IS NULL THEN o.uses ELSE s.uses END AS uses,
           s.persona, s.memo
    FROM session_130 s LEFT JOIN session_130_live o ON o.id = s.id;

-- 130N and 130NN transaction data (figs 4I, 4K), in the order of their collection. All fixed
CREATE TABLE transaction_130n_7 (
    id            INTEGER PRIMARY KEY,
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
    fee           INTEGER NOT NULL   -- amount, of credited, in its currency
) STRICT;
INSERT INTO transaction_130n_7
    SELECT NULL, payer_session, payer_index, payer, payee_session, payee_index, payee, order_id, currency, charged,
           credit_currency, credited, opaque_hash, date, fee
    FROM transaction_130n ORDER BY date;
DROP TABLE transaction_130n;
ALTER TABLE transaction_130n_7 RENAME TO transaction_130n;
-- The mark of a used index: what is in here can be paid no second time
CREATE UNIQUE INDEX transaction_130n_payer ON transaction_130n (payer_session, payer_index);
CREATE INDEX transaction_130n_payee ON transaction_130n (payee_session, date);

-- 140 message log (fig. 4L), in the order of the answers, whose texts may be long. All fixed
CREATE TABLE message_log_140_7 (
    id           INTEGER PRIMARY KEY,
    kind         INTEGER NOT NULL,  -- 0: by persona and transaction; 1: R1, by key and transaction; 2: CA2
    owner        TEXT NOT NULL,     -- 140A; for R1 the name of the key; for CA2 the session's number (140B)
    number       INTEGER NOT NULL,  -- 140C; for CA2 the index (140D)
    message_hash BLOB NOT NULL,     -- 140E, as SHA-256
    response     TEXT NOT NULL,     -- 140F
    date         INTEGER NOT NULL   -- date
) STRICT;
INSERT INTO message_log_140_7
    SELECT NULL, kind, owner, number, message_hash, response, date FROM message_log_140 ORDER BY date;
DROP TABLE message_log_140;
ALTER TABLE message_log_140_7 RENAME TO message_log_140;
CREATE UNIQUE INDEX message_log_140_key ON message_log_140 (kind, owner, number);
