"""What becomes of a family's request that somebody comes: a follow-up, with a deadline for the office."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

REASON = "answer_to_request"
ANSWERED_WITHIN = timedelta(days=7)  # the office's own duty, whatever day would suit the family
MOST_OPEN = 3  # of one household


def follow_up(household_id: UUID, words: str | None, wished_on: date | None, today: date) -> dict[str, Any]:
    wish = f"希望来访的日子：{wished_on.isoformat()}" if wished_on else None
    said = "\n".join(part for part in (wish, words) if part)
    return {"household_id": household_id, "reason": REASON, "words": said or None, "due_on": today + ANSWERED_WITHIN}
