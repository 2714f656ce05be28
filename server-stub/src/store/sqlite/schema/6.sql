-- Version 6: what an instrument waits for, and the operator's own limits of it
ALTER TABLE instrument_120h ADD COLUMN waits_for TEXT NOT NULL DEFAULT ''
    CHECK (waits_for IN ('', 'approval', 'signature'));            -- 120H.15, where it is created or pending-signature
ALTER TABLE instrument_120h ADD COLUMN limits TEXT NOT NULL DEFAULT '';  -- 120H.17 to .28, JSON by function; empty: the issuer's
