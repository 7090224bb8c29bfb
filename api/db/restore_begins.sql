-- A restore is one transaction (api/backup.py): this, the backup as a script, and restore_ends.sql, which alone commits.
BEGIN;
SET LOCAL lock_timeout = '5s';
DROP OWNED BY CURRENT_USER;
