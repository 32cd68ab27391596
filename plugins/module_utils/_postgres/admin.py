# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server as its superuser sees and changes it: roles, databases, settings, access.

This file is private to the collection.
"""

import contextlib
import time
from typing import Any, Iterator, List, Optional, Sequence, Set, Tuple

from .._common.errors import BackupError
from .connection import connect, execute, fetch, fetch_fitness, succeeds
from .model import Settings
from .pg_hba import read_access, write_access
from .rules import LOCALE, REQUIRED_SETTINGS
from .scram import make_verifier, verifies
from .server_model import DatabaseRequest, DatabaseState, Found, LoginTrial, RoleState, Setting, Step

LOCK_KEY = 0x6F566972744442  # of all runs of this collection on one server
PATIENCE = 30.0
PAUSE = 0.05

# What is said to the server stays out of its log: a verifier is no password, but it is no business of a log either.
QUIET = (
    "SELECT set_config(name, value, false) FROM (VALUES ('log_statement', 'none'),"
    " ('log_min_error_statement', 'panic'), ('log_min_duration_statement', '-1'),"
    " ('log_min_duration_sample', '-1'), ('log_transaction_sample_rate', '0'), ('track_activities', 'off'),"
    " ('pg_stat_statements.track', 'none'), ('pgaudit.log', 'none'))"
    " AS quiet (name, value) WHERE EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = quiet.name)"
)
ROLE = (
    "SELECT oid, rolcanlogin, rolsuper, coalesce(rolpassword, ''), coalesce(rolvaliduntil < now(), false)"
    " FROM pg_authid WHERE rolname = %s"
)
USES = (
    "SELECT count(*) FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %s"
    " AND s.dbid IS DISTINCT FROM %s AND (s.classid <> 'pg_database'::regclass OR s.objid IS DISTINCT FROM %s)"
)
SESSIONS = (
    "FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid WHERE a.backend_type = 'client backend'"
    " AND a.pid <> pg_backend_pid() AND NOT r.rolsuper AND (a.datname = %s OR a.usename = %s)"
)
SETTINGS = (
    "SELECT s.name, s.setting, coalesce((SELECT f.setting FROM pg_file_settings f WHERE f.name = s.name"
    " ORDER BY f.seqno DESC LIMIT 1), s.setting), s.pending_restart, s.context = 'postmaster' FROM pg_settings s"
    " WHERE s.name = ANY(%s)"
)
READS = (
    "SELECT has_database_privilege(%(role)s, current_database(), 'CONNECT')"
    " AND has_schema_privilege(%(role)s, 'public', 'USAGE')"
    " AND NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
    " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_table_privilege(%(role)s, c.oid, 'SELECT'))"
    " AND EXISTS (SELECT 1 FROM pg_default_acl d, aclexplode(d.defaclacl) a"
    " WHERE pg_get_userbyid(d.defaclrole) = %(owner)s AND d.defaclnamespace IN (0, 'public'::regnamespace)"
    " AND d.defaclobjtype = 'r' AND pg_get_userbyid(a.grantee) = %(role)s AND a.privilege_type = 'SELECT')"
)


class DatabaseServer:
    """One PostgreSQL server, entered with the given login while ``session`` lasts."""

    ACTIONS: Tuple[str, ...] = (
        "create_role",
        "set_password",
        "allow_login",
        "deny_login",
        "end_sessions",
        "create_database",
        "change_owner",
        "create_extension",
        "grant_reading",
        "drop_database",
        "drop_role",
        "set_parameter",
        "write_access_file",
        "reload",
    )

    def __init__(self, login: Settings, password: str = "", owner_host: str = "") -> None:
        self._login = login
        self._password = password  # the owner's; the flow never sees it
        self._owner_host = owner_host
        self._session: Any = None

    @contextlib.contextmanager
    def session(self, writes: bool) -> Iterator[None]:
        """Enter the server; a session that writes waits for other such sessions to end."""
        with connect(self._login, writes) as self._session:
            if writes and self._asks("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
                fetch(self._session, QUIET)
                self._wait_for_lock()
            yield

    def _wait_for_lock(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._asks("SELECT pg_try_advisory_lock(%s)", LOCK_KEY):
            if time.monotonic() > deadline:
                text = "Another run changes the server %s:%d; wait until it has ended" % self._login[:2]
                raise BackupError(text, "server_locked")
            time.sleep(PAUSE)

    def _asks(self, query: str, *values: Any) -> Any:
        """Return the first value of the first row; None where there is no row."""
        rows = fetch(self._session, query, values or None)
        return rows[0][0] if rows else None

    def read(self, request: DatabaseRequest) -> Found:
        """Return what stands on the server of what a request is about."""
        if not self._asks("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            text = "The role '%s' is no superuser on %s:%d; log in as one, such as postgres"
            raise BackupError(text % (self._login.user, self._login.host, self._login.port), "superuser_needed")
        host, port = self._read_address()
        found = fetch(self._session, SETTINGS, (list(REQUIRED_SETTINGS),))
        role = self._read_role(request)
        known = {row[0] for row in fetch(self._session, "SELECT rolname FROM pg_roles")}
        return Found(
            server_version=self._asks("SHOW server_version"),
            is_standby=self._asks("SELECT pg_is_in_recovery()"),
            host=host,
            port=port,
            has_locale=succeeds(self._session, "SELECT set_config('lc_monetary', %s, true)", (LOCALE,)),
            available_extensions=tuple(
                row[0] for row in fetch(self._session, "SELECT name FROM pg_available_extensions ORDER BY 1")
            ),
            unknown_readers=tuple(name for name in request.readers if name not in known),
            settings={row[0]: Setting(*row[1:]) for row in found},
            access=read_access(self._session),
            role=role,
            database=self._read_database(request, known),
            sessions=self._asks("SELECT count(*) " + SESSIONS, request.name, request.owner),
            login=self._try_login(request, role, host, port),
        )

    def _read_address(self) -> Tuple[str, int]:
        """Return where an engine on this host reaches the server: as told, or the first address it listens on."""
        listens = str(self._asks("SHOW listen_addresses")).partition(",")[0].strip()
        host = self._owner_host or ("localhost" if listens in ("", "*", "0.0.0.0", "::") else listens)
        enters_there = self._owner_host == self._login.host
        return host, self._login.port if enters_there else int(self._asks("SHOW port"))

    def _read_role(self, request: DatabaseRequest) -> Optional[RoleState]:
        rows = fetch(self._session, ROLE, (request.owner,))
        if not rows:
            return None
        oid, can_login, is_superuser, stored, is_expired = rows[0]
        database = self._asks("SELECT oid FROM pg_database WHERE datname = %s", request.name)
        return RoleState(
            can_login,
            is_superuser,
            not is_expired and verifies(stored, self._password),
            self._asks(USES, oid, database, database),
        )

    def _read_database(self, request: DatabaseRequest, known: Set[str]) -> Optional[DatabaseState]:
        if not self._asks("SELECT 1 FROM pg_database WHERE datname = %s", request.name):
            return None
        with connect(self._login._replace(database=request.name)) as connection:
            fitness = fetch_fitness(connection)
            readers = [
                name
                for name in request.readers
                if name in known and fetch(connection, READS, {"role": name, "owner": request.owner})[0][0]
            ]
        return DatabaseState(
            fitness.owner,
            fitness.encoding,
            fitness.collate,
            fitness.ctype,
            fitness.extensions,
            fitness.tables,
            fitness.objects,
            tuple(readers),
        )

    def _try_login(self, request: DatabaseRequest, role: Optional[RoleState], host: str, port: int) -> LoginTrial:
        """Enter as the owner, as an engine would: by TCP and with the password."""
        if not self._password or role is None or not role.can_login:
            return LoginTrial(None, "")
        settings = self._login._replace(
            host=host,
            port=port,
            user=request.owner,
            password=self._password,
            database=request.name or self._login.database,
        )
        try:
            with connect(settings) as connection:
                fetch(connection, "SELECT 1")
        except BackupError as error:
            return LoginTrial(False, error.message)
        return LoginTrial(True, "")

    def perform(self, step: Step) -> None:
        """Do one step of a plan: its action is the name of a method here."""
        if step.action not in self.ACTIONS:
            raise ValueError(step.action)
        getattr(self, step.action)(*step.arguments)

    def create_role(self, name: str) -> None:
        """Make a role that may log in."""
        execute(self._session, "CREATE ROLE {} LOGIN PASSWORD %s", (make_verifier(self._password),), (name,))

    def set_password(self, name: str) -> None:
        """Give a role a password that does not expire; the server gets its verifier only."""
        statement = "ALTER ROLE {} PASSWORD %s VALID UNTIL 'infinity'"
        execute(self._session, statement, (make_verifier(self._password),), (name,))

    def allow_login(self, name: str) -> None:
        """Let a role log in again."""
        execute(self._session, "ALTER ROLE {} LOGIN", names=(name,))

    def deny_login(self, name: str) -> None:
        """Keep a role from logging in; its sessions go on."""
        execute(self._session, "ALTER ROLE {} NOLOGIN", names=(name,))

    def end_sessions(self, database: str, owner: str) -> None:
        """End the sessions of a role, and those of ordinary users in a database; wait until they are gone."""
        where = "Sessions of '%s' or in the database '%s'" % (owner, database)
        self._end("SELECT count(pg_terminate_backend(a.pid)) " + SESSIONS, where, database, owner)

    def _end(self, query: str, what: str, *values: Any) -> None:
        """End sessions by a query that counts those it told to, until it finds none."""
        deadline = time.monotonic() + PATIENCE
        while self._asks(query, *values):
            if time.monotonic() > deadline:
                raise BackupError("%s do not end after %d s" % (what, PATIENCE), "sessions_remain")
            time.sleep(PAUSE)

    def create_database(self, name: str, owner: str) -> None:
        """Make an empty database as engine-setup does."""
        statement = "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE %s LC_CTYPE %s"
        execute(self._session, statement, (LOCALE, LOCALE), (name, owner))

    def change_owner(self, name: str, owner: str) -> None:
        """Give an empty database to another role."""
        execute(self._session, "ALTER DATABASE {} OWNER TO {}", names=(name, owner))

    def create_extension(self, database: str, extension: str) -> None:
        """Make an extension in a database."""
        self._run_in(database, [("CREATE EXTENSION IF NOT EXISTS {}", (extension,))])

    def grant_reading(self, database: str, owner: str, reader: str) -> None:
        """Let a role read every table of the schema public, those that the owner will make included."""
        self._run_in(
            database,
            [
                ("GRANT CONNECT ON DATABASE {} TO {}", (database, reader)),
                ("GRANT USAGE ON SCHEMA public TO {}", (reader,)),
                ("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}", (reader,)),
                ("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT SELECT ON TABLES TO {}", (owner, reader)),
            ],
        )

    def _run_in(self, database: str, statements: List[Tuple[str, Sequence[str]]]) -> None:
        with connect(self._login._replace(database=database), writes=True) as connection:
            for statement, names in statements:
                execute(connection, statement, names=names)

    def drop_database(self, name: str) -> None:
        """Remove a database; the server refuses one in use."""
        execute(self._session, "DROP DATABASE {}", names=(name,))

    def drop_role(self, name: str) -> None:
        """Remove a role; the server refuses one that something depends on."""
        execute(self._session, "DROP ROLE {}", names=(name,))

    def set_parameter(self, name: str, value: str) -> None:
        """Write a server setting to postgresql.auto.conf."""
        execute(self._session, "ALTER SYSTEM SET {} = %s", (value,), (name,))

    def write_access_file(self, path: str, text: str, old_text: str) -> None:
        """Replace pg_hba.conf; a file that the server can not read is taken back before it is told to load it."""
        write_access(path, text)
        errors = read_access(self._session).errors
        if errors:
            write_access(path, old_text)
            raise BackupError(
                "PostgreSQL can not read the new %s, the old one is back: %s" % (path, "; ".join(errors)),
                "pg_hba_rejected",
            )

    def reload(self) -> None:
        """Let the server read its configuration files, and wait until this session has, too."""
        before = self._asks("SELECT pg_conf_load_time()")
        execute(self._session, "SELECT pg_reload_conf()")
        deadline = time.monotonic() + PATIENCE
        while self._asks("SELECT pg_conf_load_time()") == before and time.monotonic() < deadline:
            time.sleep(PAUSE)
