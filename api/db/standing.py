"""How much waits for somebody: for `GET /metrics`."""

COUNTIES = "SELECT c.county_id, c.code FROM county c"
WAITING = """
SELECT (SELECT count(*) FROM kept_op k WHERE k.county_id = $1 AND k.state = 'held' AND k.settled IS NULL) AS held,
  (SELECT count(*) FROM kept_op k WHERE k.county_id = $1 AND k.state = 'inbox' AND k.settled IS NULL) AS inbox,
  (SELECT count(*) FROM outbox o WHERE o.county_id = $1 AND o.delivered_version < o.version AND NOT o.dead) AS letters,
  (SELECT count(*) FROM outbox o WHERE o.county_id = $1 AND o.dead) AS dead_letters"""
