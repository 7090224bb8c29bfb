"""Names, phone numbers and notes as people type them."""

import pytest

from api.schemas.text import person_name, phone, plain


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("张伟", "张伟"),
        ("\u3000 张伟\u3000\n", "张伟"),
        ("阿不都热依木•买买提", "阿不都热依木·买买提"),
        ("阿不都热依木・买买提", "阿不都热依木·买买提"),
        ("阿不都热依木\uff65买买提", "阿不都热依木·买买提"),
        ("阿不都热依木·买买提", "阿不都热依木·买买提"),
        ("王𡐓", "王𡐓"),
        ("\uf90a某", "\uf90a某"),  # a compatibility ideograph stays what it is
        ("Ａｎｎａ Smith", "Ａｎｎａ Smith"),
        ("𡐓" * 50, "𡐓" * 50),
        (" " + "好" * 50 + " ", "好" * 50),
    ],
)
def test_a_name_keeps_its_characters(typed: str, name: str) -> None:
    assert person_name(typed) == name == person_name(name)


@pytest.mark.parametrize("typed", ["", " \u3000", "好" * 51, "张\n伟", "张\x00伟", "张\x85伟"])
def test_what_is_no_name(typed: str) -> None:
    with pytest.raises(ValueError, match="a name h"):
        person_name(typed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("13800138000", "13800138000"),
        (" 138 0013-8000 ", "13800138000"),
        ("＋８６ １３８ ００１３ ８０００", "13800138000"),
        ("+86-138-0013-8000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("138\u30000013–8000", "13800138000"),
        ("19900000000", "19900000000"),
        ("0543-3245678", "0543-3245678"),
        ("05433245678", "0543-3245678"),
        ("(0543) 3245678", "0543-3245678"),
        ("（０１０）８８８８８８８８", "010-88888888"),
        ("021 6666 7777", "021-66667777"),
        ("+86 10 88888888", "010-88888888"),
        ("+86-0543-3245678", "0543-3245678"),
        ("0543-3245678-801", "0543-3245678-801"),
        ("0543-3245678转801", "0543-3245678-801"),
        ("0543-3245678 分机 8", "0543-3245678-8"),
        ("0543 3245678 Ext. 801", "0543-3245678-801"),
        ("0543-32456781", "0543-32456781"),
    ],
)
def test_a_number_has_one_spelling(typed: str, number: str) -> None:
    assert phone(typed) == number == phone(number)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "无",
        "12800138000",
        "1380013800",
        "138001380000",
        "+85213800138000",
        "3245678",
        "0543-324567",
        "0143-3245678",
        "543-3245678",
        "0543-3245678转",
        "0543-3245678-1234567",
        "13800138000，13900139000",
        "١٣٨٠٠١٣٨٠٠٠",  # Arabic-Indic digits
        "13800138000\x00",
    ],
)
def test_what_is_no_number(typed: str) -> None:
    assert phone(typed) is None


def test_a_note_keeps_its_lines() -> None:
    assert plain("\u3000第一行\r\n第二行\r第三行\n\n 第四行 \r\n") == "第一行\n第二行\n第三行\n\n 第四行"
    assert plain(" \r\n ") == ""
