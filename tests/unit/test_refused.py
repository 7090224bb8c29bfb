"""The word guard: each word, the usual ways round it, and what honest workers write."""

import unicodedata

import pytest

from api.rules import refused
from api.rules.refused import WORDS, refused_word

FULL_WIDTH = {ord("!") + n: 0xFF01 + n for n in range(94)}

# One sentence a worker might have written in the old registers, and the entry that answers.
OLD_REGISTERS = [
    ("媳妇已怀孕三个月", "怀孕"),
    ("儿媳有身孕", "怀孕"),
    ("村里孕妇名单", "孕妇"),
    ("预产期在明年春天", "孕期"),
    ("本月应参加孕检", "孕检"),
    ("陪同去做产检", "孕检"),
    ("每季度查孕一次", "孕检"),
    ("了解孕情", "孕情"),
    ("去年人工流产一次", "流产"),
    ("动员其引产", "引产"),
    ("登记末次月经日期", "月经"),
    ("来例假", "月经"),
    ("用什么避孕药具", "避孕"),
    ("产后已上环", "上环"),
    ("她一直没上环，下月再催", "上环"),
    ("私自取环", "取环"),
    ("三个月查环一次", "查环"),
    ("放置宫内节育器", "节育措施"),
    ("动员结扎对象", "结扎"),
    ("育龄妇女登记表", "育龄妇女"),
    ("没有准生证", "准生证"),
    ("今年的生育指标用完了", "生育指标"),
    ("再生育申请表", "再生育审批"),
    ("第二胎是女孩", "第几胎"),
    ("想要2胎", "二胎"),
    ("现有二孩", "二孩"),
    ("现有子女数：2", "子女数"),
    ("胎儿是男是女", "胎儿性别"),
    ("属于计划外生育", "计划外生育"),
    ("政策外生育一人", "计划外生育"),
    ("涉嫌超生", "超生"),
    ("应交社会抚养费三万元", "社会抚养费"),
    ("社会抚养费征收台账", "社会抚养费"),
    ("外出躲生，去向不明", "躲生"),
    ("晚上去抓大肚子", "抓大肚子"),
    ("pregnancy_check", "pregnancy"),
    ("She is Pregnant", "pregnancy"),
    ("BirthQuota", "birth permit"),
    ("IUD check", "IUD"),
    ("带I.U.D.的人", "IUD"),
    ("out-of-plan births", "out-of-plan birth"),
    ("number_of_children", "birth order"),
]

TRADITIONAL = [
    ("已懷孕", "怀孕"),
    ("孕婦", "孕妇"),
    ("預產期", "孕期"),
    ("驗孕", "孕检"),
    ("流產", "流产"),
    ("月經", "月经"),
    ("產後上環", "上环"),
    ("取環", "取环"),
    ("査環", "查环"),
    ("節育環", "节育措施"),
    ("結紮", "结扎"),
    ("絕育手術", "绝育"),
    ("育齡婦女", "育龄妇女"),
    ("準生證", "准生证"),
    ("生育指標", "生育指标"),
    ("子女數", "子女数"),
    ("胎兒", "胎儿性别"),
    ("計劃外生育", "计划外生育"),
    ("社會撫養費", "社会抚养费"),
    ("超生遊擊隊", "超生游击队"),
]

HARMLESS = [
    "上午到家，老人精神不错，帮他交了电费。",
    "宣传《人口与计划生育法》，他问生育登记在哪里办，告知网上即可。",
    "三孩政策已经宣传，没有疑问。",
    "计划生育家庭奖励扶助金今年还没到账，记下来问财政所。",
    "独生子女父母奖励费已发放到卡上。",
    "家在上环路12号，门口有棵槐树。",
    "晚上环境太吵，老人睡不好，已和村委会说。",
    "检查环境卫生时顺路看望。",
    "检查 环保袋发放情况。",
    "线上环节已经帮他办完，身份认证通过。",
    "垃圾存放环卫车每天来收。",
    "从中选取环保材料修屋顶。",
    "家里的母猪怀孕了，忙着搭猪圈。",
    "两头母牛怀孕，问哪里有兽医。",
    "院里晾着一串打结扎紧的玉米。",
    "村组工作总结扎实，按期公示。",
    "三月经过村里介绍，去了县城打工。",
    "10 月经村民代表会议同意，补助名单已公示。",
    "本月经营小卖部，收入尚可。",
    "每月经济来源主要是养老金。",
    "儿子在县里的物流产业园上班。",
    "大棚种的是一流产品，卖得好。",
    "村里想引产业，问他愿不愿意流转土地。",
    "讲解超生动，老人们都听懂了。",
    "今年收成超生产计划一成。",
    "双胞胎儿子都在外地上学。",
    "龙凤胎儿女放暑假回来。",
    "孩子怕生，躲生人，在屋里没出来。",
    "子女数年没有回家，盼着春节团聚。",
    "每一孩子都能上幼儿园，问了报名时间。",
    "告知社会抚养费已于2021年取消，不用再交。",
    "他问2015年交的社会抚养费能不能退，答复去县里咨询。",
    "2021年起不再征收社会抚养费，已经说明。",
    "社会抚养费（2021年已取消）",
    "Social maintenance fee, repealed in 2021",
    "老人体检做了B超，结果由医院告知本人。",
    "安全三查：查电、查气、查火。",
    "生产检修时停了水，下午恢复。",
    "农产检测站通知他去取报告。",
    "水产检疫证明在镇上办。",
    "拖拉机换胎次数多，想申请农机补贴。",
    "给三轮车打胎压，顺便带他去卫生室。",
    "法定例假村委会不上班，改在周一办。",
    "孙女教育妇联有补助，帮她填表。",
    "杜绝育苗浪费，合作社来讲课。",
    "打电话没人接，明天再来。",
    "婴儿奶瓶怎么消毒（sterilise），给了一张说明。",
    "The old man was glad to see us; hi u do well, he said.",
    "studio, medium, radius",
    "育儿补贴每年3600元，已帮他在手机上申请。",
    "春节前人流多，提醒老人赶集注意安全。",
    "流动人口居住登记已办好，两边都能看到。",
    "外出务工证明已开，写了补救措施的联系电话。",
    "孕育文化广场的槐花开了。",
    "答应帮他问残疾人证换证的事，25日前回复。",
    "电话 138 0000 2222，3月2日 14:30 通话。",
]


@pytest.mark.parametrize("word", WORDS)
def test_each_entry_is_refused_and_is_the_answer(word: str) -> None:
    assert refused_word(word) == word


@pytest.mark.parametrize("spelling", refused._WORD_OF)
def test_each_spelling_is_refused_within_a_note(spelling: str) -> None:
    assert refused_word(f"家访记录：{spelling}。") == refused._WORD_OF[spelling]
    for at in (0, -1):  # simplified and small, traditional and capital
        assert refused_word("".join(refused._forms(letter)[at] for letter in spelling)) == refused._WORD_OF[spelling]


@pytest.mark.parametrize(("text", "word"), OLD_REGISTERS + TRADITIONAL)
def test_the_old_registers_are_refused(text: str, word: str) -> None:
    assert refused_word(text) == word


@pytest.mark.parametrize("gap", [*" \u3000\n\u200b\ufeff\u00ad\u202e\ufe0f\u3164·。❤🙂", "\u200d\u2060", "-_*"])
def test_what_stands_between_the_letters_does_not_help(gap: str) -> None:
    assert [refused_word(gap.join(word)) for word in WORDS] == list(WORDS)


def test_capitals_and_full_width_do_not_help() -> None:
    assert [refused_word(word.upper()) for word in WORDS] == list(WORDS)
    assert [refused_word(word.translate(FULL_WIDTH)) for word in WORDS] == list(WORDS)
    assert [refused_word(word.upper().translate(FULL_WIDTH)) for word in WORDS] == list(WORDS)


def test_compatibility_characters_do_not_help() -> None:
    assert refused_word("⼆孩") == "二孩"  # Kangxi radical
    assert refused_word("\uf981胎") == "男胎"  # compatibility ideograph
    assert refused_word("\U0001d429\U0001d42b\U0001d41e\U0001d420\U0001d427\U0001d41a\U0001d427\U0001d42d") == "pregnancy"  # bold letters
    assert refused_word("ⓘⓤⓓ") == "IUD"
    assert refused_word("要２胎") == "二胎"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_workers_write_passes(text: str) -> None:
    assert refused_word(text) is None


def test_a_harmless_hit_does_not_hide_a_later_one() -> None:
    assert refused_word("检查环境，查环。") == "查环"
    assert refused_word("物流产业；流产") == "流产"
    assert refused_word("不生育生育证") == "生育证"


def test_the_list_is_short_and_the_answer_never_echoes() -> None:
    assert 40 <= len(WORDS) <= 50
    assert refused_word("她 \u200b 懷\u3000孕 了") == "怀孕"
    assert refused_word("") is None


def test_every_fence_belongs_to_a_spelling() -> None:
    assert (refused._BEFORE.keys() | refused._AFTER.keys()) <= refused._WORD_OF.keys()


def test_no_character_that_folds_to_a_letter_of_the_list_is_missed() -> None:
    """Goes through Unicode, since the guard looks for such characters before it takes the time for NFKC."""
    letters = {form for spelling in refused._WORD_OF for letter in spelling for form in refused._forms(letter)}
    for character in map(chr, range(0x110000)):
        folded = unicodedata.normalize("NFKC", character).casefold()
        if folded != character and character not in letters and letters & set(folded):
            assert refused._UNFOLDED.match(character), f"U+{ord(character):04X}"
