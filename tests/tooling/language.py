# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No line that is new or touched uses a banned phrase (banned.txt).

python3 -m tooling.language           name what is banned
python3 -m tooling.language forget    take lines that are gone out of banned-before.txt
"""

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .collection import project_files
from .places import ROOT

HERE = Path(__file__).parent
RULES = HERE / "banned.txt"
BEFORE = HERE / "banned-before.txt"
RESULT_KEYS = re.compile(r'"(swept|mended|standing)"')  # of 0.3; they are renamed with their modules
PROSE = (".md", ".py", ".yml", ".j2", ".toml", "")
# What others wrote, what is recorded, and the list itself.
EXCEPT = (
    "COPYING",
    "LICENSES/",
    "tests/unit/recorded",
    "tests/tooling/banned",
    "tests/tooling/language.py",
    "changelogs/changelog.yaml",
    "CHANGELOG",
)


def read_rules(text: str) -> list[tuple[re.Pattern[str], str]]:
    """Return each banned expression with its replacement."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(re.compile(banned, re.IGNORECASE), better) for banned, better in (line.split(" -> ") for line in lines)]


def find_banned(text: str, rules: Sequence[tuple[re.Pattern[str], str]]) -> Iterator[tuple[int, str, str]]:
    """Yield (number of the line, the line, what is wrong)."""
    for number, line in enumerate(text.splitlines(), 1):
        for banned, better in rules:
            found = banned.search(RESULT_KEYS.sub("", line))
            if found:
                yield number, line, f"'{found.group()}': write {better}"


def digest(line: str) -> str:
    """Return how a line is named in banned-before.txt."""
    return hashlib.sha256(line.strip().encode()).hexdigest()[:8]


def read_before(text: str) -> dict[str, set[str]]:
    """Return the digests of old lines by file."""
    return {name: set(digests) for name, *digests in (line.split() for line in text.splitlines())}


def list_files() -> list[Path]:
    names = [path for path in project_files() if path.suffix in PROSE]
    return [path for path in names if not path.as_posix().startswith(EXCEPT)]


def main(arguments: Sequence[str]) -> int:
    rules = read_rules(RULES.read_text(encoding="utf-8"))
    before = read_before(BEFORE.read_text(encoding="utf-8"))
    seen: dict[str, set[str]] = {}
    new = []
    for path in list_files():
        name = path.as_posix()
        for number, line, wrong in find_banned((ROOT / path).read_text(encoding="utf-8", errors="replace"), rules):
            seen.setdefault(name, set()).add(digest(line))
            if digest(line) not in before.get(name, ()):
                new.append(f"{name}:{number}: {wrong}")
    if "forget" in arguments:
        kept = {name: sorted(digests & before.get(name, set())) for name, digests in seen.items()}
        lines = [" ".join([name, *digests]) for name, digests in sorted(kept.items()) if digests]
        BEFORE.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print("\n".join(new), end="\n" if new else "")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
