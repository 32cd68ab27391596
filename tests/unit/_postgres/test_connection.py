# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a PostgreSQL server, against a real one, and the file of its access rules."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from unit.fakes import world
from unit.fakes.errors import error_of

pytest.importorskip("psycopg2")

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from ansible_collections.ovirt.backup.plugins.module_utils._postgres import connection, pg_hba
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.pg_hba_rules import EVERYWHERE, AddressRange

pytestmark = pytest.mark.postgresql

OBJECTS = """CREATE TABLE x (id int)
CREATE TABLE x (id int) PARTITION BY RANGE (id)
CREATE VIEW x AS SELECT 1
CREATE MATERIALIZED VIEW x AS SELECT 1
CREATE SEQUENCE x
CREATE SCHEMA x
CREATE TYPE x AS ENUM ('a')
CREATE TYPE x AS (a int)
CREATE TYPE x AS RANGE (subtype = int4)
CREATE DOMAIN x AS int
CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq)
CREATE COLLATION x (locale = 'C')
CREATE TEXT SEARCH CONFIGURATION x (copy = simple)
CREATE FOREIGN DATA WRAPPER x
CREATE CAST (money AS int) WITH INOUT
CREATE PUBLICATION x""".splitlines()
NO_OBJECTS = [
    'CREATE EXTENSION "uuid-ossp"',
    "COMMENT ON SCHEMA public IS 'x'",
    "DROP SCHEMA public; CREATE SCHEMA public",
    "CREATE TEMPORARY TABLE x (id int)",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from lab import start, stop

    home = tmp_path_factory.mktemp("fitness") / "lab"
    made = start(home, components="engine")
    yield made
    stop(home, remove=True)


def superuser(lab: Any, name: str) -> Settings:
    return Settings(str(lab.socket), lab.port, "postgres", "", name, False, False, "")


def owner(lab: Any, name: str) -> Settings:
    return Settings("127.0.0.1", lab.port, "engine", lab.databases["engine"].password, name, False, False, "")


def run(lab: Any, name: str, *statements: str) -> None:
    with connection.connect(superuser(lab, name), writes=True) as session:
        for statement in statements:
            connection.execute(session, statement)


def dumped_creates(lab: Any) -> int:
    """The lines that make engine-backup call a database not empty."""
    program = str(lab.server_programs / "pg_dump")
    command = [program, "-s", "-h", str(lab.socket), "-p", str(lab.port), "-U", "postgres", "probe"]
    text = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
    lines = [line for line in text.splitlines() if line.startswith("CREATE ")]
    return len([line for line in lines if " EXTENSION " not in line and " LANGUAGE " not in line])


def renew(lab: Any, *statements: str) -> None:
    run(lab, "postgres", "DROP DATABASE IF EXISTS probe", "CREATE DATABASE probe OWNER engine TEMPLATE template0")
    run(lab, "probe", *statements)


@pytest.mark.parametrize("statement", OBJECTS + NO_OBJECTS)
def test_database_with_anything_of_anybody_in_it_is_not_empty(lab: Any, statement: str) -> None:
    renew(lab, statement)
    fitness, is_filled = connection.read_fitness(superuser(lab, "probe")), statement in OBJECTS
    assert (fitness.objects > 0, dumped_creates(lab) > 0) == (is_filled, is_filled)
    assert (fitness.tables > 0) is (statement == OBJECTS[0])


def test_ordinary_owner_reads_the_fitness_of_its_database(lab: Any) -> None:
    fitness = connection.read_fitness(owner(lab, "engine"))
    assert fitness[:7] == world.fitness("engine", "engine")[:7]
    assert fitness.server_version_num // 10000 == int(fitness.server_version.split(".")[0])
    assert fitness.tables > 5
    assert fitness.objects > fitness.tables
    assert fitness.settings["max_connections"] == "150"
    assert fitness.settings["work_mem"] == "8192"


def test_percent_sign_in_a_name_is_no_place_for_a_value(lab: Any) -> None:
    with connection.connect(superuser(lab, "postgres"), writes=True) as session:
        connection.execute(session, "CREATE ROLE {} PASSWORD %s", ("x",), ("odd%s",))
        connection.execute(session, "COMMENT ON ROLE {} IS 'y'", names=("odd%s",))
        assert connection.fetch(session, "SELECT 1 FROM pg_roles WHERE rolname = %s", ("odd%s",)) == [(1,)]


def test_error_of_the_server_does_not_quote_the_statement(lab: Any) -> None:
    error = error_of(BackupError, run, lab, "postgres", "ALTER ROLE engine PASSWORD 'hunter22' NONSENSE")
    assert error.code == "database_unwritable"
    assert "syntax error" in error.message or "unrecognized" in error.message
    assert "hunter22" not in error.message


@pytest.mark.parametrize("writes", [True, False])
def test_locale_that_the_machine_does_not_know_is_found_out(lab: Any, writes: bool) -> None:
    query = "SELECT set_config('lc_monetary', %s, true)"
    with connection.connect(superuser(lab, "postgres"), writes) as session:
        assert not connection.succeeds(session, query, ("xx_XX.UTF-8",))
        assert connection.succeeds(session, query, ("en_US.UTF-8",))
        assert connection.fetch(session, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"port": 1}, "database_unreachable"),
        ({"password": "wrong"}, "database_login_failed"),
        ({"user": "nobody_here"}, "database_login_failed"),
        ({"database": "nowhere"}, "database_missing"),
    ],
    ids=str,
)
def test_login_that_fails_has_the_code_of_its_cause(lab: Any, change: Any, code: str) -> None:
    assert error_of(BackupError, connection.read_fitness, owner(lab, "engine")._replace(**change)).code == code


def test_role_that_may_not_log_in_or_connect_is_a_login_that_failed(lab: Any) -> None:
    for statement, undo in (
        ("ALTER ROLE engine NOLOGIN", "ALTER ROLE engine LOGIN"),
        ("REVOKE CONNECT ON DATABASE postgres FROM public", "GRANT CONNECT ON DATABASE postgres TO public"),
    ):
        run(lab, "postgres", statement)
        try:
            error = error_of(BackupError, connection.read_fitness, owner(lab, "postgres"))
        finally:
            run(lab, "postgres", undo)
        assert error.code == "database_login_failed", statement


def test_reading_connection_can_not_write(lab: Any) -> None:
    with pytest.raises(BackupError) as caught, connection.connect(superuser(lab, "postgres")) as session:
        connection.execute(session, "CREATE TABLE x (id int)")
    assert caught.value.code == "database_unreadable"


@pytest.mark.parametrize(
    ("text", "shown", "addresses"),
    [
        ("192.0.2.1", "192.0.2.1/32", AddressRange(4, 0xC0000201, 0xC0000201)),
        ("192.0.2.77/24", "192.0.2.0/24", AddressRange(4, 0xC0000200, 0xC00002FF)),
        ("::1", "::1/128", AddressRange(6, 1, 1)),
        ("engine.example.com", "engine.example.com", None),
        ("192.0.2.0/33", "192.0.2.0/33", None),
        ("", "", None),
    ],
)
def test_client_is_an_address_or_a_network(text: str, shown: str, addresses: Any) -> None:
    assert pg_hba.read_client(text) == (shown, addresses)


def test_rules_are_read_as_the_server_reads_them(lab: Any) -> None:
    path = lab.server_home / "data" / "pg_hba.conf"
    before = path.read_text()
    added = ("host all,x +g fd00::/120 md5", "hostssl a b all reject", "host c d samenet md5", "host broken")
    path.write_text(before + "\n".join(added) + "\n")
    try:
        with connection.connect(superuser(lab, "postgres")) as session:
            access = pg_hba.read_access(session)
    finally:
        path.write_text(before)
    assert access.text is not None
    assert access.is_writable
    first = access.rules[-3]
    assert first[2:] == ("host", ("all", "x"), ("+g",), AddressRange(6, 0xFD << 120, (0xFD << 120) + 255), "md5")
    assert [rule.addresses for rule in access.rules[-2:]] == [EVERYWHERE, None]
    assert [rule.line for rule in access.rules[-2:]] == [first.line + 1, first.line + 2]
    assert len(access.errors) == 1
    assert "line %d of" % (first.line + 3) in access.errors[0]


def test_file_that_is_not_the_one_of_the_server_is_not_local(lab: Any, monkeypatch: Any) -> None:
    with connection.connect(superuser(lab, "postgres")) as session:
        assert pg_hba.read_access(session).text is not None
        monkeypatch.setattr(pg_hba, "fetch", lambda *_given: [(b"other content",)])
        assert pg_hba.read_if_local(session, str(lab.server_home / "data" / "pg_hba.conf")) is None
        assert pg_hba.read_if_local(session, "/nowhere/pg_hba.conf") is None


def test_file_is_replaced_whole_through_a_link_and_keeps_owner_and_mode(tmp_path: Path) -> None:
    real = tmp_path / "real.conf"
    real.write_text("old")
    real.chmod(0o640)
    if os.geteuid() == 0:
        shutil.chown(str(real), 65534, 65534)
    (tmp_path / "link.conf").symlink_to(real)
    (tmp_path / "real.conf.unfinished").write_text("of a run that was killed")
    before = real.stat()
    pg_hba.write_access(str(tmp_path / "link.conf"), "new \udcff\n")
    after = real.stat()
    assert real.read_bytes() == b"new \xff\n"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.conf", "real.conf"]
