# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read shell-style files: assignments, as the engine reads them and as sh does. Nothing here runs a file.

This file is private to the collection.
"""

import re
from typing import Dict, List, Optional

SHELL_ESCAPES = frozenset('$"`\\')  # the characters before which sh drops a backslash inside double quotes
_ENGINE_PART = re.compile(r"\\.|\$\{\w+\}|.", re.DOTALL)
# To sh a parameter needs no braces, and ` and $( start a command.
_SHELL_PART = re.compile(r"\\.|\$\{\w+\}|\$[A-Za-z_]\w*|\$[0-9@*#?$!(-]|.", re.DOTALL)
_ASSIGNMENT = re.compile(r"^\s*(\w+)=(.*)$")


def parse_assignments(text: str, known: Optional[Dict[str, str]] = None, as_shell: bool = False) -> Dict[str, str]:
    """Return the variables that the text assigns; ``known`` ones may be used in it as ${NAME}.

    With ``as_shell`` a backslash in double quotes escapes only what sh lets it escape, else any character, and
    $NAME is a variable, too. What a command would print is not known: its marks are left out, so that such a value
    is never the one that the engine reads.
    """
    found = dict(known or {})
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            found[match.group(1)] = _read_value(match.group(2), found, as_shell)
    return found


def _read_value(raw: str, variables: Dict[str, str], as_shell: bool) -> str:
    quotes = "\"'" if as_shell else '"'
    value: List[str] = []
    quote = ""
    for match in (_SHELL_PART if as_shell else _ENGINE_PART).finditer(raw):
        part = match.group()
        if part == quote:
            quote = ""
        elif not quote and part in quotes:
            quote = part
        elif not quote and _ends_value(part, as_shell and bool(value)):
            break
        else:
            value.append(_expand(part, variables, quote, as_shell))
    return "".join(value)


def _ends_value(part: str, in_shell_word: bool) -> bool:
    """Does an unquoted part end the value? To sh a # inside a word is no comment."""
    return part.isspace() or (part == "#" and not in_shell_word)


def _expand(part: str, variables: Dict[str, str], quote: str, as_shell: bool) -> str:
    """Return what one part of a value stands for."""
    if quote == "'" or (len(part) == 1 and not (as_shell and part == "`")):
        return part
    if part[0] in "$`":
        return variables.get(part[1:].strip("{}"), "")
    return part if as_shell and quote and part[1] not in SHELL_ESCAPES else part[1]
