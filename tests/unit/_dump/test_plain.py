# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain dumps: only a COPY statement starts rows, and only pg_dump's own end mark ends the dump."""

import itertools
from typing import Callable

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._dump import sql, window
from ansible_collections.ovirt.backup.plugins.module_utils._dump.reader import DumpContents, read_plain_dump
from unit.fakes.dumps import read_bytes, refused

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
FOOT = b"--\n-- PostgreSQL database dump complete\n--\n\n"
COPY = b"COPY public.t (a, b) FROM stdin;\n1\tx\n2\ty\n\\.\n\n\n"

Read = Callable[[bytes], DumpContents]


@pytest.fixture(params=[1, 3, window.WINDOW], ids="window of {}".format)
def read_body(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a dump with this body through windows of several sizes, so that their edges fall everywhere."""
    monkeypatch.setattr(window, "WINDOW", request.param)
    monkeypatch.setattr(sql, "LONGEST_WORD", 70)

    def read(body: bytes) -> DumpContents:
        text = HEAD + body + FOOT
        rest = iter(text)
        return read_plain_dump(lambda size: bytes(itertools.islice(rest, size)))

    return read


# %d stands for text that is longer than the window, so that the window also ends inside what follows it.
QUOTED = {
    "literal": b"COMMENT ON TABLE public.t IS '\n%s';\n",
    "literal with quotes": b"COMMENT ON TABLE public.t IS 'it''s '''' \\\\''\n%s''';\n",
    "backslash before a quote": b"SELECT 'a\\', '\n%s';\n",
    "escape literal": b"COMMENT ON TABLE public.t IS E'%d\\'\n%s\\\\';\n",
    "old settings": b"SET standard_conforming_strings = off;\nSELECT '\\'\n%s';\n",
    "dollar quotes": b"CREATE FUNCTION f() AS $$\n%s$$;\n",
    "tagged dollar quotes": b"CREATE FUNCTION f() AS $_X1$ $_X $$ '\n%s%d$_X1$;\n",
    "no dollar quotes": b"CREATE TABLE a$b$ (c$ integer, d integer DEFAULT '$b$\n%s');\n",
    "name": b'CREATE TABLE public."""\n%s" (a integer);\n',
    "comment": b"/* %d/* ' \n */\n%s*/\n",
    "comment of edges": b"/*/ /***/ \n%s*/\n",
    "line comment": b"-- ' \" $$ /*\nSELECT '\n%s';\n",
}
UNQUOTED = {
    "routine body": b"CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b ELSE c END; %s; END;\n",
    "routine body with cases": b"CREATE PROCEDURE p() BEGIN ATOMIC SELECT CASE a WHEN 1 THEN CASE END END; %s; END;\n",
    "rule": b"CREATE RULE r AS ON DELETE TO t DO ALSO (SELECT 1; %s; SELECT 2);\n",
}


@pytest.mark.parametrize("case", sorted(QUOTED))
def test_quoted_copy_blocks_are_not_counted(read_body: Read, case: str) -> None:
    text = QUOTED[case].replace(b"%d", b"." * 100).replace(b"%s", b"COPY public.u (a) FROM stdin;\n1\n\\.\n")
    assert read_body(text + COPY).tables == {"public.t": 2}


@pytest.mark.parametrize("case", sorted(UNQUOTED))
def test_copy_inside_other_statements_is_not_counted(read_body: Read, case: str) -> None:
    contents = read_body(UNQUOTED[case].replace(b"%s", b"COPY public.u (a) FROM stdin") + COPY)
    assert contents.tables == {"public.t": 2}


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        (b"COPY public.t (a, b) FROM stdin;", "public.t"),
        (b"COPY public.t  FROM stdin;", "public.t"),
        (b"COPY ONLY public.t (a) FROM stdin;", "public.t"),
        (b"COPY public.t (a) WITH OIDS FROM stdin;", "public.t"),
        (b'COPY "Odd.Schema"."a ""b"" FROM stdin;\n" ("from", "stdin") FROM stdin;', 'Odd.Schema.a "b" FROM stdin;\n'),
        (b'COPY public."gr\xc3\xb6\xc3\x9fe" ("x;") FROM stdin;', "public.größe"),
        (b'COPY public."only" (a) FROM stdin;', "public.only"),
        (b'COPY public."' + b"x" * 68 + b'""y" (a) FROM stdin;', "public." + "x" * 68 + '"y'),
        (b"SET search_path = aaa_jdbc, pg_catalog;\nCOPY users (id) FROM stdin;", "aaa_jdbc.users"),
    ],
)
def test_copy_statements_name_their_table(read_body: Read, statement: bytes, table: str) -> None:
    assert read_body(statement + b"\n1\n\\.\n").tables == {table: 1}
    assert read_body(COPY + COPY).tables == {"public.t": 4}


def test_contents_beside_tables_are_found(read_body: Read) -> None:
    contents = read_body(
        b"-- Dumped from database version 13.22 (Debian)\n-- Dumped by pg_dump version 15.18\n"
        b"SELECT pg_catalog.set_config('search_path', '', false);\n"
        b'CREATE SCHEMA aaa_jdbc;\nCREATE SCHEMA "Odd.Schema";\n'
        b'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;\n'
        b"CREATE UNLOGGED TABLE dwh.samples (a integer);\n"
        b"BEGIN;\nSELECT pg_catalog.lo_open('16394', 131072);\nSELECT pg_catalog.lowrite(0, '\\x00');\nCOMMIT;\n"
        b'GRANT SELECT("to"),UPDATE(b) ON TABLE public.t TO "a ""to"" b" WITH GRANT OPTION;\n'
        b"GRANT ALL ON FUNCTION public.f(x integer) TO PUBLIC;\n"
        b"ALTER DEFAULT PRIVILEGES FOR ROLE engine IN SCHEMA dwh GRANT SELECT ON TABLES TO reader, writer;\n"
        b"ALTER TABLE public.t OWNER TO engine;\nREVOKE ALL ON SCHEMA public FROM somebody;\n"
    )
    assert (contents.server_version, contents.dump_version) == ("13.22 (Debian)", "15.18")
    assert contents.schemas == ["Odd.Schema", "aaa_jdbc", "dwh"]
    assert (contents.extensions, contents.large_objects) == (["uuid-ossp"], 1)
    assert (contents.grantees, contents.owners) == (['a "to" b', "reader", "writer"], [])


@pytest.mark.parametrize(
    "body",
    [
        b"INSERT INTO public.t VALUES (1);\n",
        b"COPY t (a) FROM stdin;\n1\n\\.\n",
        b"COPY public.t (a) FROM '/etc/passwd';\n",
        b"COPY public.t (a) TO stdout;\n",
        b"COPY public.t (a) FROM stdin; SELECT 1;\n1\n\\.\n",
        b"\\! id\n",
        b"\\.\n",
        b"SELECT 1 \\;\n",
        b"\\unrestrict x\n",
        FOOT + COPY,
        FOOT + HEAD,
        b"SELECT " + b"a" * 5000 + b";\n",
        b'SELECT "' + b"a" * 5000 + b'";\n',
    ],
)
def test_what_pg_dump_does_not_write_is_refused(body: bytes) -> None:
    assert refused(HEAD + body + FOOT, read_plain_dump).code == "dump_unreadable"


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + COPY,
        HEAD + b"COPY public.t (a) FROM stdin;\n1\n" + FOOT,
        HEAD + b"COPY public.t (a) FROM stdin;\n1\n\\.",
        HEAD + b"SELECT 1\n" + FOOT,
        HEAD + b"SELECT '\n" + FOOT,
        HEAD + b"SELECT $x$\n" + FOOT,
        HEAD + b"/* \n" + FOOT,
        HEAD + b"COMMENT ON TABLE t IS '\n" + FOOT + b"';\n",
        HEAD + FOOT[:-1],
        HEAD + FOOT[:-3],
        HEAD + b"\\restrict key\n" + FOOT,
        HEAD + b"\\restrict key\n" + FOOT + b"\\unrestrict key\n",
    ],
)
def test_dump_without_its_end_is_refused(text: bytes) -> None:
    assert refused(text, read_plain_dump).code == "dump_truncated"


def test_restricted_dump_ends_with_its_key() -> None:
    text = HEAD + b"\\restrict key\n" + COPY + FOOT
    assert read_bytes(text + b"\\unrestrict key\n\n", read_plain_dump).tables == {"public.t": 2}
    assert refused(text + b"\\unrestrict ke\n\n", read_plain_dump).code == "dump_unreadable"


def test_error_names_the_table_and_what_to_do() -> None:
    message = refused(HEAD + b"COPY public.t (a) FROM stdin;\n1\n", read_plain_dump).message
    assert "inside the data of table public.t" in message and "make a new one" in message
    assert refused(b"", read_plain_dump).code == "dump_empty"
