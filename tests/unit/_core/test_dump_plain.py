# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain dumps: only a COPY statement starts rows, and only pg_dump's own end mark ends the dump."""

from typing import Callable

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._core import dump_source, dump_sql
from ansible_collections.ovirt.backup.plugins.module_utils._core.dump import DumpContents, DumpError, read_plain_dump

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
FOOT = b"--\n-- PostgreSQL database dump complete\n--\n\n"
COPY = b"COPY public.t (a, b) FROM stdin;\n1\tx\n2\ty\n\\.\n\n\n"
NOISE = b"COPY public.u (a) FROM stdin;\n1\n\\.\n"

Read = Callable[[bytes], DumpContents]


def read_text(text: bytes) -> DumpContents:
    pieces = [text]
    return read_plain_dump(lambda _size: pieces.pop() if pieces else b"")


@pytest.fixture(params=[1, 2, 3, 61, dump_source.WINDOW], ids="window of {}".format)
def read_body(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a dump with this body through windows of several sizes, so that their edges fall everywhere."""
    monkeypatch.setattr(dump_source, "WINDOW", request.param)
    monkeypatch.setattr(dump_sql, "LONGEST_WORD", 64)

    def read(body: bytes) -> DumpContents:
        text = HEAD + body + FOOT
        places = iter(range(0, len(text), request.param))
        return read_plain_dump(lambda size: b"".join(text[start:start + size] for start in [next(places, len(text))]))

    return read


def refused(text: bytes) -> str:
    with pytest.raises(DumpError) as caught:
        read_text(text)
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        b"COMMENT ON TABLE public.t IS '\n%s';\n",
        b"COMMENT ON TABLE public.t IS 'it''s \\';\n%%s';\n".replace(b"%%s", b"").replace(b"\n';", b"\nSELECT ';\n%s';"),
        b"COMMENT ON TABLE public.t IS E'\\'\n%s\\\\';\n",
        b"SET standard_conforming_strings = off;\nCOMMENT ON TABLE public.t IS '\\'\n%s';\n",
        b"CREATE FUNCTION f() AS $$\n%s$$;\n",
        b"CREATE FUNCTION f() AS $_X1$ $_X $$ \n%s $_X1$;\n",
        b"CREATE TABLE public.\"\"\"\n%s\" (a$b$ integer);\n",
        b"/* /* \n */\n%s*/\n",
        b"/*/ %s /*/*/*/\n%s",
        b"CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b ELSE c END; %s END;\n",
        b"CREATE RULE r AS ON DELETE TO t DO ALSO (SELECT 1; %s);\n",
    ],
)
def test_quoted_copy_blocks_are_not_counted(read_body: Read, text: bytes) -> None:
    noise = NOISE.replace(b"\\.\n", b"") if b"ATOMIC" in text or b"RULE" in text else NOISE
    assert read_body(text.replace(b"%s", noise) + COPY).tables == {"public.t": 2}
