-- Version 5: room beside rows that change, so that no index has to follow. Whoever knows no fillfactor goes on without
ALTER TABLE session_130 SET (fillfactor = 50);      -- every payment changes two rows
ALTER TABLE container_120g SET (fillfactor = 80);   -- loads, openings, closings
ALTER TABLE persona_120 SET (fillfactor = 90);      -- revision, with each of those
ALTER TABLE house_account SET (fillfactor = 10);    -- few rows, which every fee and exchange changes
ALTER TABLE journal_chain SET (fillfactor = 10);    -- few rows, one of which every transaction changes
