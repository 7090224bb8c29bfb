"""The word guard: a short, public list of words of the old birth-planning registers (decision 0007).

This is a speed bump and not a wall. Whoever wants to get round it writes a nickname, pinyin, a picture or a paper list, and no list of
words can stop that. It is here so that nobody falls back into the old forms out of habit, and so that the refusal says plainly why.
What protects people is that there is no field, filter, list or count for such things, and that the family reads each note about itself.

A false refusal costs a worker at the door more than a miss, so each word is chosen or fenced to be rare in honest notes:

- 生育, 计划生育, 计生, 独生子女, 生育登记 and 三孩政策 name laws, offices, support money or policies of today: they pass.
- 上环, 查环, 结扎, 月经, 流产, 超生 lie hidden in 上环路, 检查环境, 总结扎实, 三月经过, 物流产业, 超生动: fenced by what stands around.
- 社会抚养费 passes where the same sentence says that it was repealed, is not collected or is paid back: families ask about that, and
  the catalogue of fees says so of it, in English too.
- A sow, cow, ewe … with young passes (母猪怀孕); 母猪已经怀孕, a dog's 绝育 and Hong Kong's 上環 do not: known, and left so.
- B超, 三查, 补救措施, 人流, 流动人口, sterilise are everyday words as well, so they are not on the list.

Matched as if after NFKC and casefold, with spaces, punctuation, symbols and zero-width characters between the letters left out, in
simplified and traditional characters. Both cost time (for a note of 2,000 characters NFKC takes 270 µs), so NFKC runs only where it could
make a letter of the list out of some character, and what may be left out is part of the regexes. An ordinary note of that length takes
30 to 40 µs in all, one of 100 characters some 3 µs.
"""

import re
import unicodedata
from collections.abc import Iterable
from string import ascii_lowercase

# The word that is answered: the spellings that bring it, simplified, lower case. The longer of two with the same beginning stands first.
_WORDS = {
    # pregnancy and its end
    "怀孕": "怀孕 身孕 未婚先孕",
    "孕妇": "孕妇 孕产妇",
    "孕期": "孕期 妊娠 孕周 早孕 预产期",
    "孕检": "孕检 孕前 查孕 验孕 产检",
    "孕情": "孕情",
    "备孕": "备孕 受孕",
    "流产": "流产",
    "引产": "引产",
    "堕胎": "堕胎 打胎",
    # menstruation
    "月经": "月经 例假",
    # contraception
    "避孕": "避孕",
    "上环": "上环 放环",
    "取环": "取环",
    "查环": "查环 妇检",
    "节育措施": "节育措施 节育环 节育器 节育术 节育手术 节育情况 节育率 落实节育",
    "结扎": "结扎",
    "绝育": "绝育",
    "三查四术": "三查四术 四术任务 落实四术",
    "育龄妇女": "育龄",
    # permits and quotas
    "准生证": "准生证",
    "生育证": "生育证",
    "生育指标": "生育指标 生育名额 准生指标",
    "再生育审批": "再生育审批 再生育申请",
    # birth order, number of children, fetal sex
    "胎次": "胎次 孩次",
    "第几胎": "第几胎 第一胎 第二胎 第三胎 第四胎 第1胎 第2胎 第3胎 第4胎 头胎",
    "二胎": "二胎 三胎 2胎 3胎",
    "二孩": "一孩 二孩 三孩 四孩",
    "子女数": "子女数 子女个数 孩子个数 存活子女",
    "生育史": "生育史 生育状况 生育情况 生几胎 生了几个孩子",
    "胎儿性别": "胎儿",
    "男胎": "男胎 女胎",
    # births out of plan, and what was charged for them
    "超生游击队": "超生游击队",
    "超生": "超生",
    "计划外生育": "外生育 违法生育 非法生育",
    "社会抚养费": "社会抚养费",
    "计生罚款": "计生罚款 生育罚款",
    # hunting people
    "躲生": "躲生 躲计划生育 躲避计划生育 逃避计划生育",
    "抓大肚子": "抓大肚子 堵大肚子",
    # English, in code names as well: pregnancy_check, BirthQuota
    "pregnancy": "pregnan",
    "menstruation": "menstrua",
    "contraception": "contracepti",
    "IUD": "iud",
    "tubal ligation": "tuballigation vasectomy",
    "abortion": "abortion",
    "birth permit": "birthpermit birthquota",
    "birth order": "birthorder numberofchildren",
    "fetal sex": "fetalsex foetalsex fetussex sexofthefetus sexofthefoetus",
    "out-of-plan birth": "outofplanbirth unplannedbirth excessbirth",
    "social maintenance fee": "socialmaintenancefee socialcompensationfee",
}

# The fences: where one of these stands right before or after the spelling (regex, as written: nothing is left out in a fence), it is an
# everyday word. Each part of a fence before it has one length, as look-behind asks.
_ANIMAL = "母[猪豬牛羊驴驢马馬狗犬兔猫貓]|奶牛"
_RING = "[境保节節卫衛路城线線岛島湖形绕繞山球评評氧抱顾顧比视視]"
_BEFORE = {
    "怀孕": _ANIMAL,
    "流产": _ANIMAL,
    "月经": r"[\d〇一二三四五六七八九十正冬腊臘本上下每当當个個几幾数數两兩这這那该該满滿蜜明同半]|\d ",
    "绝育": "[杜拒]",
    "例假": "[定按照]",
    "产检": "[生财財农農水畜特资資]",
    "胎次": "[轮輪换換]",
    "胎儿": "[胞凤鳳]",
    "社会抚养费": "不收|不征收|不再收|不再征收|取消|取消了|废止|废止了|停征|停止征收|退还",
}
_AFTER = {
    "流产": "[业業品生值出能权權]",
    "引产": "[业業品生值出能线線]",
    "打胎": "[压壓]",
    "产检": "[查测測验驗修疫索]",
    "月经": "[济濟营營费費过過贸貿]",
    "上环": _RING,
    "放环": _RING,
    "取环": _RING,
    "查环": _RING,
    "结扎": "[实實紧緊根牢好带帶绳繩营營]",
    "胎次": "[数數品]",
    "二胎": "[压壓政]",
    "三胎": "[压壓政]",
    "一孩": "[子童]",
    "二孩": "[子童]|生育政策|政策",
    "三孩": "[子童]|生育政策|政策",
    "四孩": "[子童]",
    "子女数": "[年月日人名次字学學据據]",
    "超生": "[产產态態动動命日物]",
    "社会抚养费": r"[^。！？；\n]{0,12}(?:取消|废止|廢止|停征|停收|停止|不再|不收|不用|无需|退)",
    "躲生": "[产產人意活]",
    "iud": "[A-Za-z]",
    "socialmaintenancefee": r"[^.!?;\n]{0,12}repealed",
}

# The traditional and other forms of a letter, and the capitals.
_ALSO = {
    "怀": "懷", "妇": "婦", "产": "產産", "预": "預", "检": "檢", "查": "査", "验": "驗", "单": "單", "备": "備", "术": "術", "堕": "墮",
    "经": "經経", "来": "來", "环": "環", "节": "節", "况": "況", "实": "實", "结": "結", "扎": "紮", "绝": "絕絶", "务": "務", "龄": "齡",
    "证": "證証", "准": "準", "标": "標", "额": "額", "审": "審", "请": "請", "头": "頭", "几": "幾", "数": "數", "个": "個", "状": "狀",
    "儿": "兒", "击": "擊", "队": "隊", "游": "遊", "计": "計", "划": "劃", "违": "違", "会": "會", "抚": "撫", "养": "養", "费": "費",
    "罚": "罰", "别": "別",
    "1": "１", "2": "２", "3": "３", "4": "４",
    **{letter: letter.upper() for letter in ascii_lowercase},
}  # fmt: skip

# What is left out between two letters: all that is no letter or digit (\W: spaces, punctuation, symbols, marks, zero-width and other
# format characters), the underscore, and the four Hangul fillers, which count as letters but show as nothing.
_GAP = r"[\W_\u115f\u1160\u3164\uffa0]*+"


def _forms(letter: str) -> str:
    return letter + _ALSO.get(letter, "")


def _pattern(spelling: str) -> str:
    """The regex of one spelling, with its fences and with what may lie between the letters."""
    first, *others = (f"[{_forms(letter)}]" for letter in spelling)
    before = _BEFORE.get(spelling, "[A-Za-z]" if spelling.isascii() else "")
    fences = "".join(f"(?<!{part})" for part in before.split("|") if part)
    after = f"(?!{_AFTER[spelling]})" if spelling in _AFTER else ""
    return fences + first + "".join(_GAP + letter for letter in others) + after


def _by_first_letter(spellings: Iterable[str]) -> dict[str, re.Pattern[str]]:
    patterns: dict[str, list[str]] = {}
    for spelling in spellings:
        patterns.setdefault(spelling[0], []).append(_pattern(spelling))
    compiled = {first: re.compile("|".join(several)) for first, several in patterns.items()}
    return {form: regex for first, regex in compiled.items() for form in _forms(first)}


_WORD_OF = {spelling: word for word, spellings in _WORDS.items() for spelling in spellings.split()}
_REFUSED = _by_first_letter(_WORD_OF)
_LEFT_OUT = re.compile(_GAP)
_SIMPLER = str.maketrans({other: letter for letter, others in _ALSO.items() for other in others})

# Where a word can begin at all: a first letter with a second letter behind it. Only there the few spellings with that first are tried.
_FIRST, _SECOND = ("".join(sorted({form for spelling in _WORD_OF for form in _forms(spelling[at])})) for at in (0, 1))
_BEGINS = re.compile(f"[{_FIRST}](?={_GAP}[{_SECOND}])")

# Characters that NFKC or casefold may turn into a letter of the list: Kangxi radicals, compatibility ideographs, full-width, circled,
# squared letters …, and all beyond the BMP, as one range is quicker. A test goes through Unicode to see that none is missing.
_UNFOLDED = re.compile(
    "[ª²³¹º¼½¾ßİĲĳĿŀŉſ\u01c4-\u01cc\u01f1-\u01f3\u02b0-\u02e3\u1d2c-\u1dbf\u1e96-\u1e9e\u2070-\u209c\u20a8\u2100-\u218f\u2460-\u24ff"
    "\u2c7c\u2c7d\u2e80-\u2fdf\u3038-\u303a\u3190-\u319f\u3200-\u33ff\ua7f2-\ua7f4\uf900-\ufb06\uff21-\uff5a\U00010000-\U0010ffff]"
)

WORDS = tuple(_WORDS)


def bare(text: str) -> str:
    """Its letters and digits alone, as if after NFKC and casefold, in simplified characters as far as the list above knows them."""
    return _LEFT_OUT.sub("", unicodedata.normalize("NFKC", text).casefold()).translate(_SIMPLER)


def refused_word(text: str) -> str | None:
    """The entry of WORDS that the text brings, or None; never a part of the text itself, which is neither stored nor logged."""
    if _UNFOLDED.search(text):
        text = unicodedata.normalize("NFKC", text).casefold()
    for begin in _BEGINS.finditer(text):
        if found := _REFUSED[begin.group()].match(text, begin.start()):
            return _WORD_OF[_LEFT_OUT.sub("", found.group()).translate(_SIMPLER)]
    return None
