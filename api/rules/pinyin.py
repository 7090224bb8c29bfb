"""How a name sounds, in the letters that people type: no tones, `v` for ü."""

from pypinyin import lazy_pinyin

from api.schemas.text import sought

# Surnames that are read otherwise than the same character elsewhere
SURNAMES = {
    "单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "区": "ou", "曾": "zeng", "盖": "ge", "朴": "piao", "缪": "miao", "翟": "zhai",
    "乐": "yue", "覃": "qin", "员": "yun", "黑": "he", "秘": "bi", "折": "she", "种": "chong", "召": "shao", "句": "gou", "牟": "mu",
    "隗": "wei", "祭": "zhai", "繁": "po", "洗": "xian", "佴": "nai", "都": "du",
}  # fmt: skip


def pinyin(name: str) -> list[str]:
    """Its syllables; what is not Chinese stands as it is, in small letters, without spaces and separators."""
    said = sought(name)
    first = [SURNAMES[said[0]]] if said[:1] in SURNAMES else []
    return first + lazy_pinyin(said[len(first) :])
