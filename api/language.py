"""Two languages in one string. What a person reads is written as `both("中文", "English")` beside what it describes; `pick` chooses."""

_BETWEEN = "\x1f"  # the ASCII unit separator: never part of a text that people wrote


def both(zh: str, en: str) -> str:
    return f"{zh}{_BETWEEN}{en}"


def pick(text: str, language: str) -> str:
    """The zh or en half of `text`; a text with no halves (a code, a name) is itself in either language."""
    zh, _, en = text.partition(_BETWEEN)
    return en if language == "en" and en else zh


def preferred(accept_language: str | None) -> str:
    """`zh` unless the header's first choice is English (RFC 9110, 12.5.4; weights are in order in what browsers send)."""
    first = (accept_language or "").lstrip().lower()
    return "en" if first.startswith("en") else "zh"


def translated(node: object, language: str) -> object:
    """A copy of a JSON-like document with every string reduced to one language."""
    if isinstance(node, str):
        return pick(node, language)
    if isinstance(node, dict):
        return {key: translated(value, language) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [translated(value, language) for value in node]
    return node
