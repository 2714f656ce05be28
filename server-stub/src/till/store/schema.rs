//! The tables of a till. Amounts are in minor units of the currency beside them; times are milliseconds since 1970, UTC.

/// Each version of the schema and what leads to it; a till brings its tables up to the last one when it opens them.
pub const MIGRATIONS: &[(u32, &str)] = &[(1, FIRST), (2, SECOND), (3, THIRD)];

const FIRST: &str = "
-- Merchant persona (fig. 6C) and the server's key (fig. 6B). Written once.
CREATE TABLE persona_320 (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    persona_id TEXT NOT NULL,
    protocol TEXT NOT NULL,
    private_key BLOB NOT NULL,              -- PKCS#8
    server_key TEXT NOT NULL,               -- 315A: its name
    server_key_spki BLOB NOT NULL
) STRICT;

-- Merchant instrument binding (fig. 6D). Written once.
CREATE TABLE instrument_330 (
    number TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    recurring TEXT NOT NULL                 -- JSON: label and value of every instrument-* pair
) STRICT;

-- Requests whose replies are not there (320N). A row goes when its reply is booked.
CREATE TABLE pending_320n (
    transaction_number INTEGER PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('registration', 'binding', 'opening')),
    currency TEXT,                          -- opening
    private_key BLOB,                       -- registration: becomes the persona's
    server_key TEXT,                        -- registration
    server_key_spki BLOB,
    protocol TEXT NOT NULL,
    request TEXT NOT NULL                   -- JSON: the message as sent, and the key of its reply
) STRICT;

-- Merchant amount (fig. 7A): orders.
CREATE TABLE order_350 (
    order_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    flag TEXT NOT NULL CHECK (flag IN ('pending', 'paid', 'not-paid', 'cancelled')),
    problem TEXT,                           -- not-paid: why
    collecting INTEGER NOT NULL CHECK (collecting IN (0, 1)),
    reference TEXT,
    note_hash BLOB NOT NULL,
    placed INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    paid INTEGER,
    payment_request TEXT NOT NULL           -- PR1, fixed
) STRICT;

-- Merchant sales session (fig. 7B).
CREATE TABLE sales_session_360 (
    session_id BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    session_key BLOB NOT NULL,
    session_salt BLOB NOT NULL,
    currency TEXT NOT NULL,
    collected INTEGER NOT NULL,             -- 360F
    opened INTEGER NOT NULL,                -- by the server's clock
    closed INTEGER,
    use_limit INTEGER NOT NULL,
    lifetime_minutes INTEGER NOT NULL,
    used INTEGER NOT NULL CHECK (used <= use_limit)
) STRICT;

-- Merchant cash log, collections (370A to 370M).
CREATE TABLE cash_log_370 (
    payment TEXT PRIMARY KEY,               -- name of the CA1
    version INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('attempt', 'success', 'failure', 'retry')),
    order_id TEXT NOT NULL REFERENCES order_350,
    customer_session BLOB NOT NULL,
    customer_index INTEGER NOT NULL,
    session_id BLOB NOT NULL REFERENCES sales_session_360,
    batch_index INTEGER NOT NULL,
    position INTEGER NOT NULL,              -- in the CA2, from 0
    attempts INTEGER NOT NULL,
    currency TEXT NOT NULL,
    requested INTEGER NOT NULL,
    credited INTEGER,
    credited_currency TEXT,
    fee INTEGER,
    fee_currency TEXT,
    result TEXT,
    ca1 TEXT NOT NULL,
    answer TEXT,                            -- CA4 or error, as the wallet got it
    received INTEGER NOT NULL
) STRICT;
CREATE INDEX cash_log_370_batch ON cash_log_370 (session_id, batch_index);
CREATE INDEX cash_log_370_order ON cash_log_370 (order_id);

-- Merchant cash log, sessions (370N to 370T).
CREATE TABLE cash_log_370_sessions (
    transaction_number INTEGER PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('attempt', 'success', 'failure')),
    minutes INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    session_id BLOB,
    result TEXT
) STRICT;

-- CA2 as it was sent; sent again until its CA3 is booked.
CREATE TABLE batch_ca2 (
    session_id BLOB NOT NULL REFERENCES sales_session_360,
    batch_index INTEGER NOT NULL,
    payments INTEGER NOT NULL,
    ca2 TEXT NOT NULL,
    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),
    PRIMARY KEY (session_id, batch_index)
) STRICT;
CREATE INDEX batch_ca2_unanswered ON batch_ca2 (answered) WHERE answered = 0;

-- What the shop shows to be let in: SHA-256 of a key of 256 random bits.
CREATE TABLE api_key (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    hash BLOB NOT NULL
) STRICT;
";

/// Refunds, settlements, events, webhooks, several API keys, the dashboard.
const SECOND: &str = "
-- Purposes that are new; what a request is about besides its currency.
CREATE TABLE pending (
    transaction_number INTEGER PRIMARY KEY,
    purpose TEXT NOT NULL
        CHECK (purpose IN ('registration', 'binding', 'opening', 'closing', 'refund', 'settlement')),
    currency TEXT,                          -- opening
    subject TEXT,                           -- closing: the session; refund: its id
    private_key BLOB,                       -- registration: becomes the persona's
    server_key TEXT,                        -- registration
    server_key_spki BLOB,
    protocol TEXT NOT NULL,
    request TEXT NOT NULL                   -- JSON: the message as sent, and the key of its reply
) STRICT;
INSERT INTO pending (transaction_number, purpose, currency, private_key, server_key, server_key_spki, protocol, request)
    SELECT transaction_number, purpose, currency, private_key, server_key, server_key_spki, protocol, request
    FROM pending_320n;
DROP TABLE pending_320n;
ALTER TABLE pending RENAME TO pending_320n;

ALTER TABLE order_350 ADD COLUMN items TEXT NOT NULL DEFAULT '[]';            -- JSON, fixed
ALTER TABLE order_350 ADD COLUMN expiry_told INTEGER NOT NULL DEFAULT 0;      -- whether order.expired was said
CREATE INDEX order_350_placed ON order_350 (placed);
CREATE INDEX order_350_expiring ON order_350 (expires) WHERE expiry_told = 0 AND flag IN ('pending', 'not-paid');
CREATE INDEX order_350_reference ON order_350 (reference) WHERE reference IS NOT NULL;
CREATE INDEX cash_log_370_received ON cash_log_370 (received);

-- Merchant cash log, refunds (RF1).
CREATE TABLE cash_log_370_refunds (
    refund_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    order_id TEXT NOT NULL REFERENCES order_350,
    payment TEXT NOT NULL REFERENCES cash_log_370,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    note TEXT,
    status TEXT NOT NULL CHECK (status IN ('attempt', 'success', 'failure', 'retry')),
    transaction_number INTEGER NOT NULL,
    returned INTEGER,                       -- what the payer got
    returned_currency TEXT,
    result TEXT,
    asked INTEGER NOT NULL,
    done INTEGER
) STRICT;
CREATE INDEX cash_log_370_refunds_order ON cash_log_370_refunds (order_id);
CREATE INDEX cash_log_370_refunds_asked ON cash_log_370_refunds (asked);

-- Settlements (LU1 with a negative amount).
CREATE TABLE settlement (
    transaction_number INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    status TEXT NOT NULL CHECK (status IN ('attempt', 'success', 'failure')),
    balance INTEGER,                        -- the container afterwards
    result TEXT,
    asked INTEGER NOT NULL,
    done INTEGER
) STRICT;

-- What happened, in order: the source of truth for shops. Written with what it tells of; fixed.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    date INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL                      -- JSON
) STRICT;

-- Where events are sent.
CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret BLOB NOT NULL,                   -- signs what is sent
    kinds TEXT NOT NULL,                    -- joined by commas; empty: all
    created INTEGER NOT NULL,
    removed INTEGER
) STRICT;

-- An event on its way to a webhook. A row is written with its event.
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook TEXT NOT NULL REFERENCES webhook,
    event INTEGER NOT NULL REFERENCES event,
    state TEXT NOT NULL CHECK (state IN ('due', 'done', 'failed')),
    attempts INTEGER NOT NULL,
    first INTEGER,                          -- when it was first tried
    next INTEGER NOT NULL                   -- when it is tried again
) STRICT;
CREATE INDEX delivery_due ON delivery (next) WHERE state = 'due';

-- Each try of a delivery; fixed.
CREATE TABLE delivery_attempt (
    delivery INTEGER NOT NULL REFERENCES delivery,
    number INTEGER NOT NULL,
    date INTEGER NOT NULL,
    status INTEGER,                         -- HTTP status, if there was an answer
    fault TEXT,
    PRIMARY KEY (delivery, number)
) STRICT;

-- What shops show to be let in: SHA-256 of a key of 256 random bits.
CREATE TABLE access_key (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,                   -- joined by commas
    created INTEGER NOT NULL,
    expires INTEGER                         -- from then on it is refused
) STRICT;
INSERT INTO access_key SELECT 'first', hash, 'first', 'read,orders,refunds,webhooks,keys', 0, NULL FROM api_key;
DROP TABLE api_key;

-- What was answered to a request with an Idempotency-Key.
CREATE TABLE answered (
    owner TEXT NOT NULL,                    -- the API key
    name TEXT NOT NULL,                     -- the Idempotency-Key
    request BLOB NOT NULL,                  -- SHA-256 of the request
    subject TEXT NOT NULL,                  -- what was made
    date INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
) STRICT;
CREATE INDEX answered_date ON answered (date);

-- The dashboard: the hash of its password (Argon2id), and who is logged in.
CREATE TABLE dashboard_password (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    hash TEXT NOT NULL
) STRICT;
CREATE TABLE dashboard_login (
    hash BLOB PRIMARY KEY,                  -- SHA-256 of the cookie
    form_token TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
";

/// The schedule of settlements.
const THIRD: &str = "
-- When the till last settled, or began to settle on a schedule, by its own clock.
CREATE TABLE settled (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    date INTEGER NOT NULL
) STRICT;
";
