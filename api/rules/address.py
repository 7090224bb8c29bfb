"""Which place of a county a division code means today. Codes are retired, merged and split; what is sent to an old one still arrives."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.rules.caller import COUNTY_PLACE

Place = Mapping[str, Any]


def addressed(code: str, places: Iterable[Place]) -> Place:
    """Of all `places` of the county the one that is meant: the village, or the township where the county does not know the village, or the
    county. An old code stands for its successor; where there are several, for what they all lie in."""
    numbered = {place["place_id"]: place for place in places}
    known = {place["code"]: place for place in numbered.values() if place["code"]}
    place = known.get(code) or known.get(code[:9] + "000") or numbered[COUNTY_PLACE]
    seen = set()
    while place["successor_ids"] and place["place_id"] not in seen:
        seen.add(place["place_id"])
        after = [numbered[number] for number in place["successor_ids"] if number in numbered]
        townships = {each["township_id"] for each in after}
        if len(after) == 1:
            place = after[0]
        else:
            place = numbered.get(townships.pop(), numbered[COUNTY_PLACE]) if len(townships) == 1 else numbered[COUNTY_PLACE]
    return place
