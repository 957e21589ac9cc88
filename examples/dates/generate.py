"""Sources for the `dates` task: a date in one of 15 spellings, and the same date as ISO 8601.

    python generate.py clean --rows 8000 --seed 0     # JSONL {"text", "iso"} on stdout

Called by whoever loads `task.yaml`. The truth comes from `datetime`; three spellings are ambiguous
unless the data teaches the convention: slashes are day first, dashes are month first, and a
two-digit year lies in 1950-2049. A date belongs to exactly one of train, dev and test, so no
spelling of an evaluated date is ever trained on, except through `leaking`, which says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random

FIRST = date(1950, 1, 1)
LAST = date(2049, 12, 31)  # two-digit years are then unambiguous

DEFAULT_ROWS = {
    "clean": 8000,
    "duplicated": 8000,
    "mislabelled": 8000,
    "leaking": 8000,
    "dev": 500,
    "test": 1000,
}
SHARED_ROWS = 400  # inputs that every training source holds, so that their labels can be compared
DISTINCT_SHARE = 0.3  # of `duplicated`: the rest are copies
WRONG_SHARE = 0.3  # of `mislabelled`
REPEATED_SHARE = 0.03  # of `mislabelled`: one input, twice, labelled independently
LEAKED_ROWS = 300  # of test in `leaking`

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Row = dict[str, str]


def month_name(day: date) -> str:
    """English whatever the locale, which `strftime("%B")` is not."""
    return MONTHS[day.month - 1]


def weekday_name(day: date) -> str:
    return WEEKDAYS[day.weekday()]


def ordinal(number: int) -> str:
    """1 -> 1st, 2 -> 2nd, 11 -> 11th, 23 -> 23rd."""
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


SPELLINGS: dict[str, Callable[[date], str]] = {
    "month_day_year": lambda d: f"{month_name(d)} {d.day}, {d.year}",
    "day_month_year": lambda d: f"{d.day} {month_name(d)} {d.year}",
    "ordinal_of_month": lambda d: f"{ordinal(d.day)} of {month_name(d)} {d.year}",
    "month_the_ordinal": lambda d: f"{month_name(d)} the {ordinal(d.day)}, {d.year}",
    "short_month_day": lambda d: f"{month_name(d)[:3]} {d.day}, {d.year}",
    "day_short_month": lambda d: f"{d.day} {month_name(d)[:3]} {d.year}",
    "capitals": lambda d: f"{d.day:02} {month_name(d)[:3].upper()} {d.year}",
    "long_weekday": lambda d: f"{weekday_name(d)}, {month_name(d)} {d.day}, {d.year}",
    "short_weekday": lambda d: f"{weekday_name(d)[:3]} {d.day} {month_name(d)[:3]} {d.year}",
    "two_digit_year": lambda d: f"{d.day}-{month_name(d)[:3]}-{d.year % 100:02}",
    "slashes_day_first": lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    "dashes_month_first": lambda d: f"{d.month:02}-{d.day:02}-{d.year}",
    "dots_unpadded": lambda d: f"{d.day}.{d.month}.{d.year}",
    "year_first": lambda d: f"{d.year}/{d.month}/{d.day}",
    "compact": lambda d: f"{d.year}{d.month:02}{d.day:02}",
}


def split_of(day: date) -> str:
    """The split a date belongs to: train 90 %, dev 4 %, test 6 %. A hash, so it never moves."""
    bucket = zlib.crc32(day.isoformat().encode()) % 100
    return "dev" if bucket < 4 else "test" if bucket < 10 else "train"


def draw(split: str, rng: Random) -> Iterator[Row]:
    """Endless rows of a split, no input twice."""
    span = (LAST - FIRST).days
    spellings = list(SPELLINGS.values())
    seen: set[str] = set()
    while True:
        day = FIRST + timedelta(days=rng.randint(0, span))
        if split_of(day) != split:
            continue
        text = rng.choice(spellings)(day)
        if text not in seen:
            seen.add(text)
            yield {"text": text, "iso": day.isoformat()}


def right(source: str, rows: int, seed: int) -> list[Row]:
    """Distinct, rightly labelled training rows, some of them shared with every other source."""
    shared, own = draw("train", Random(f"shared-{seed}")), draw("train", Random(f"{source}-{seed}"))
    found = [next(shared) for _ in range(min(SHARED_ROWS, rows // 4))]
    seen = {row["text"] for row in found}
    while len(found) < rows:
        row = next(own)
        if row["text"] not in seen:
            found.append(row)
    return found


def near_copy(text: str, rng: Random) -> str:
    """The same date to a reader, another string to a computer."""
    variants = (text.lower(), text.upper(), f" {text}", f"{text} ", text.replace(" ", "  "), f"{text}.")
    return rng.choice([v for v in variants if v != text])


def wrong(iso: str, rng: Random) -> str:
    """A plausible mistake: day and month swapped where that is a date, else a few days or years off."""
    day = date.fromisoformat(iso)
    if day.day <= 12 and day.day != day.month:
        return date(day.year, day.day, day.month).isoformat()
    if rng.random() < 0.5:
        return (day + timedelta(days=rng.choice((-10, -2, -1, 1, 2, 10)))).isoformat()
    return f"{day.year + rng.choice((-10, -1, 1, 10))}-{day.month:02}-{min(day.day, 28):02}"


def duplicated(rows: int, seed: int) -> list[Row]:
    """Right labels, but most rows are an exact or a near copy of another."""
    rng = Random(f"copies-{seed}")
    originals = right("duplicated", max(1, int(rows * DISTINCT_SHARE)), seed)
    found = list(originals)
    for number in range(rows - len(originals)):
        row = rng.choice(originals)
        text = row["text"] if number % 2 else near_copy(row["text"], rng)
        found.append({"text": text, "iso": row["iso"]})
    return found


def mislabelled(rows: int, seed: int) -> list[Row]:
    """Some inputs repeated, and then WRONG_SHARE of all labels wrong."""
    rng = Random(f"labels-{seed}")
    repeats = int(rows * REPEATED_SHARE)
    found = right("mislabelled", rows - repeats, seed)
    found += [dict(row) for row in rng.sample(found, repeats)]
    for row in rng.sample(found, round(rows * WRONG_SHARE)):
        row["iso"] = wrong(row["iso"], rng)
    return found


def leaking(rows: int, seed: int) -> list[Row]:
    """Right labels, and LEAKED_ROWS of the test split with their answers."""
    leaked = min(LEAKED_ROWS, rows // 2)
    held_out = evaluation("test", DEFAULT_ROWS["test"], seed)
    return right("leaking", rows - leaked, seed) + Random(f"leak-{seed}").sample(held_out, leaked)


def evaluation(split: str, rows: int, seed: int) -> list[Row]:
    """Rows of dev or test: right, distinct, of dates that training never sees."""
    rng = draw(split, Random(f"{split}-{seed}"))
    return [next(rng) for _ in range(rows)]


def generate(source: str, rows: int, seed: int) -> list[Row]:
    """The rows of a source, shuffled; the same for the same arguments. Raises KeyError: no such source."""
    makers: dict[str, Callable[[int, int], list[Row]]] = {
        "clean": lambda n, s: right("clean", n, s),
        "duplicated": duplicated,
        "mislabelled": mislabelled,
        "leaking": leaking,
        "dev": lambda n, s: evaluation("dev", n, s),
        "test": lambda n, s: evaluation("test", n, s),
    }
    found = makers[source](rows, seed)
    Random(f"order-{source}-{seed}").shuffle(found)
    return found


def main(args: argparse.Namespace) -> None:
    for row in generate(args.source, args.rows or DEFAULT_ROWS[args.source], args.seed):
        sys.stdout.write(json.dumps(row) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=list(DEFAULT_ROWS))
    parser.add_argument("--rows", type=int, default=0, help="how many; 0: the source's own default")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
