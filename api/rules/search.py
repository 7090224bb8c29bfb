"""What records are found by: the keys that a search for their beginning finds."""

from collections.abc import Iterable, Iterator

from api.rules.pinyin import pinyin
from api.schemas.text import sought

MOST = 12  # parts of a name; later ones are found by what stands before them


def of_name(name: str) -> Iterator[str]:
    """From each of its parts on: as it is written, as it sounds, and by its initials."""
    written, sounds = sought(name), pinyin(name)
    for start in range(min(len(written), MOST)):
        yield written[start:]
    for start in range(min(len(sounds), MOST)):
        yield "".join(sounds[start:])
        yield "".join(sound[0] for sound in sounds[start:])


def of_number(number: str) -> Iterator[str]:
    """The number of a household, whole and from each of its parts on."""
    parts = number.split("-")
    return (sought("".join(parts[start:])) for start in range(len(parts)))


def of_phones(phones: Iterable[str]) -> Iterator[str]:
    """The last four digits of each."""
    return (sought(phone)[-4:] for phone in phones)
