"""Passwords that are guessed first, found by rules instead of a list: repetition, sequences, common words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

_WORDS: Final = frozenset(
    """
    a able about access account action admin administrator adventure again all alpha always amazing american
    an and angel animal anything apple april are at august autumn awesome baby backup ball banana base
    baseball basic basket basketball batman battery be bear beautiful because beer best better big bird
    birthday black blue boat book boss box boy bread bridge bright brother brown bull bus business
    butter butterfly
    by cable cake camp can candy captain car card care castle cat center chair chance change charlie cheese
    chelsea cherry chicken chief child chocolate christmas church city class clean clear cloud club coffee
    cold college color computer connect control cook cookie cool correct country cow crazy cream cross
    dad daddy dance dark data database date daughter day december deep default demo desk diamond dinner
    do doctor dog doggy dollar dolphin door dragon dream drive duck eagle earth east easy eat eleven email
    end energy enter evening every everything example eye face fall family fan farm fast father february
    fire first fish five flower fly food foot football for forest forever four fox free freedom friday
    friend friends from fun game garden get ghost giant gift girl give go goat god gold golden good great
    green guest guitar hair hammer hand happy hard has hat have he head heart heaven hello help her here
    hero high hockey holiday home honey hope horse hot hotel hour house how hunter i ice idea if in
    internet is island it jack january jesus job john joker july jump june just key kill killer king kiss
    kitchen kitten lady lake last lemon let letmein life light like lion little live login long looking
    lord love lovely lover loves luck lucky mad magic mail main make man manager march market mary master
    match maybe me member memory michael milk mine mirror mom monday money monkey moon more morning mother
    mountain mouse movie music my name nature never new nice night nine no nobody nopass north not nothing
    november now number ocean october of office ok old on one only open or orange other our out over own
    page panda paper party pass passphrase password peace pepper perfect person phone photo picture pink
    pizza place play player please point police power pretty prince princess private project public purple
    queen rabbit radio rain rainbow ready red remember right ring river road rock room root rose run sad
    sail same samsung saturday school sea second secret secure security see september server service seven
    shadow she shoe shop shut silver simple sing sister six sky sleep small smile snow so soccer some
    something sometimes son song soon south space spring staple star start station steel stone store storm
    story street strong student sugar summer sun sunday sunset sunshine super superman support sure sweet swim
    system table tea teacher team ten tennis test tester testing thank thanks that the their them then
    there these they thing think this three thunder thursday tiger time to today together tomorrow top
    train travel tree true trust truth tuesday turtle two ultimate uncle unknown up us user very victory
    video village voice wait walk wall want war warrior was watch water way we wednesday week welcome well
    west what when where white who why wife wild will win wind window wine winner winter wish with wolf
    woman wonderful word work world write year yellow yes you young your zero
    """.split()  # noqa: SIM905  # a table of six hundred strings would hide what it is
)
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
)
_LOOKALIKES: Final = str.maketrans("@401!3$57+", "aaoiiesstt")
_LONGEST_PERIOD: Final = 5
_SHORTEST_RUN: Final = 4
_SHORTEST_NAME: Final = 3
_LEFT_TO_GUESS: Final = 6
"""So many characters must be left when everything that is guessed first is taken out."""


def why_common(password: str, context: Iterable[str] = ()) -> str:
    """Why a password is among those guessed first; `""` where it isn't.

    `context` are words that an attacker knows, such as the person's name and the service's.
    """
    text = password.casefold()
    if _repeats(text):
        return "it repeats itself"
    if len(_without_runs(text)) < _LEFT_TO_GUESS:
        return "it follows the keyboard, the alphabet or the digits"
    words = (word.casefold() for part in context for word in re.split(r"[\W_]+", part))
    known = frozenset(word for word in words if len(word) >= _SHORTEST_NAME)
    for form in (text, text.translate(_LOOKALIKES)):
        letters = re.sub(r"[\W\d_]+", " ", form)
        if sum(_left(word, known) for word in letters.split()) + _digits(form) < _LEFT_TO_GUESS:
            return "it is made of common words, names or dates alone"
    return ""


def _repeats(text: str) -> bool:
    """Whether the text is one short piece over and over, or has very few characters."""
    for period in range(1, _LONGEST_PERIOD + 1):
        piece = text[:period]
        if (piece * (len(text) // period + 1))[: len(text)] == text:
            return True
    return len(set(text)) <= _LONGEST_PERIOD


def _without_runs(text: str) -> str:
    """The text without runs of a keyboard's row, the alphabet or the digits, in either direction."""
    left, at = "", 0
    while at < len(text):
        length = max(_run(text[at:], row) for row in (*_ROWS, *(row[::-1] for row in _ROWS)))
        if length >= _SHORTEST_RUN:
            at += length
        else:
            left += text[at]
            at += 1
    return left


def _run(text: str, row: str) -> int:
    """How long a piece of a row the text begins with."""
    start = row.find(text[:1])
    length = 0
    while start >= 0 and start + length < len(row) and text[length : length + 1] == row[start + length]:
        length += 1
    return length


def _digits(text: str) -> int:
    """How many digits remain to be guessed: not those of a year or of a run."""
    return sum(len(each) for each in re.findall(r"\d+", text) if not _is_common_number(each))


def _is_common_number(digits: str) -> bool:
    common = re.fullmatch(r"(19|20)\d\d|\d{1,4}|(\d)\2*", digits) is not None
    return common or not _without_runs(digits)


def _left(word: str, known: frozenset[str]) -> int:
    """How many letters of a word remain when it is cut into known words in the best way."""
    everything = _WORDS | known

    @cache
    def fewest(at: int) -> int:
        if at == len(word):
            return 0
        ends = (end for end in range(at + 1, len(word) + 1) if word[at:end] in everything)
        return min([1 + fewest(at + 1), *(fewest(end) for end in ends)])

    if len(word) > 200:  # noqa: PLR2004  # nobody guesses that; the recursion has its limit too
        return len(word)
    return fewest(0)
