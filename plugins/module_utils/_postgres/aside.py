# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rename the databases of a server, make empty ones like them, drop them: as its superuser, and without loading a row.

Sources: PostgreSQL, ALTER DATABASE, pg_database, pg_db_role_setting. This file is private to the collection.
"""

import os
from typing import Any, List, Optional, Tuple

from .admin import DatabaseServer
from .aside_model import AsideDatabase, AsideServerState
from .connection import connect, execute, fetch, succeeds

DATABASES = (
    "SELECT d.oid, d.datname, pg_database_size(d.oid), d.datallowconn,"
    " (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend'),"
    " d.datistemplate,"
    " (SELECT count(*) FROM pg_prepared_xacts x WHERE x.database = d.datname),"
    " (SELECT string_agg(slot_name, ', ') FROM pg_replication_slots s WHERE s.datoid = d.oid)"
    " FROM pg_database d"
)
PROPERTIES = (
    "SELECT pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, t.spcname,"
    " d.datconnlimit, d.datacl IS NOT NULL, to_jsonb(d) ->> 'datlocprovider',"
    " coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules'"
    " FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = %s"
)
GRANTS = (
    "SELECT coalesce(pg_get_userbyid(nullif(a.grantee, 0)), ''), a.privilege_type, a.is_grantable"
    " FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = %s"
)
SETTINGS = (
    "SELECT coalesce(pg_get_userbyid(nullif(s.setrole, 0)), ''), c.setting FROM pg_db_role_setting s"
    " JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS c (setting) WHERE d.datname = %s"
)
EXTENSIONS = (
    "SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname <> 'plpgsql' ORDER BY e.oid"
)
# engine-backup takes a schema of its own for something that stands in its way.
SHARED_SCHEMAS = ("public", "pg_catalog")
PRIVILEGES = ("CREATE", "CONNECT", "TEMPORARY")
WORKERS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


class AsideServer(DatabaseServer):
    """A server whose databases are renamed; one session at a time changes it."""

    ACTIONS = ("close", "empty_of_sessions", "rename", "create_like", "open", "drop_database")
    warnings: Tuple[str, ...] = ()

    def look(self) -> AsideServerState:
        """Return its databases; who is no superuser may not see enough of them."""
        if not self._asks("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            return AsideServerState(self._login.user, False, False, None, ())
        rows = fetch(self._session, DATABASES)
        return AsideServerState(
            user=self._login.user,
            is_superuser=True,
            is_standby=bool(self._asks("SELECT pg_is_in_recovery()")),
            free=self._free_bytes(),
            databases=tuple(
                AsideDatabase(int(row[0]), row[1], int(row[2]), row[3], int(row[4]), tuple(list_obstacles(row)))
                for row in rows
            ),
        )

    def _free_bytes(self) -> Optional[int]:
        """Return how much room the disk of the server has, None where this user cannot see it."""
        if not self._login.host.startswith("/"):
            return None
        try:
            status = os.statvfs(str(self._asks("SHOW data_directory")))
        except OSError:
            return None
        return status.f_bavail * status.f_frsize

    def close(self, name: str) -> None:
        """Let nobody into a database, superusers included."""
        execute(self._session, "ALTER DATABASE {} ALLOW_CONNECTIONS false", names=(name,))

    def open(self, name: str) -> None:
        """Let clients in again."""
        execute(self._session, "ALTER DATABASE {} ALLOW_CONNECTIONS true", names=(name,))

    def empty_of_sessions(self, database: str) -> None:
        """End every session in a database, whoever's, and wait until they are gone."""
        self._end(WORKERS, "Sessions in the database '%s'" % database, database)

    def rename(self, old: str, new: str) -> None:
        """Give a database another name."""
        execute(self._session, "ALTER DATABASE {} RENAME TO {}", names=(old, new))

    def create_like(self, name: str, original: str) -> None:
        """Make an empty database with owner, locale, limits, grants, settings and extensions of another one."""
        row = fetch(self._session, PROPERTIES, (original,))[0]
        owner, encoding, collate, ctype, tablespace, limit, has_grants, provider, locale, rules = row
        statement = "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING %s LC_COLLATE %s LC_CTYPE %s TABLESPACE {}"
        values = [encoding, collate, ctype]
        if provider in ("i", "b"):
            statement += " LOCALE_PROVIDER " + ("icu ICU_LOCALE %s" if provider == "i" else "builtin BUILTIN_LOCALE %s")
            values.append(locale)
        if rules:
            statement += " ICU_RULES %s"
            values.append(rules)
        execute(self._session, statement, values, (name, owner, tablespace))
        self._copy_extensions(name, original)
        if limit >= 0:
            execute(self._session, "ALTER DATABASE {} CONNECTION LIMIT %s", (limit,), (name,))
        if has_grants:
            self._copy_grants(name, original, owner)
        self._copy_settings(name, original)

    def _copy_grants(self, name: str, original: str, owner: str) -> None:
        execute(self._session, "REVOKE ALL ON DATABASE {} FROM PUBLIC", names=(name,))
        execute(self._session, "REVOKE ALL ON DATABASE {} FROM {}", names=(name, owner))
        for grantee, privilege, may_grant in fetch(self._session, GRANTS, (original,)):
            if privilege not in PRIVILEGES:
                continue
            statement = "GRANT %s ON DATABASE {} TO %s" % (privilege, "{}" if grantee else "PUBLIC")
            names = (name, grantee) if grantee else (name,)
            execute(self._session, statement + (" WITH GRANT OPTION" if may_grant else ""), names=names)

    def _copy_settings(self, name: str, original: str) -> None:
        """Take each value over as the server reads it; lists such as search_path have a spelling of their own."""
        found = fetch(self._session, SETTINGS, (original,))
        with connect(self._login, writes=True) as session:
            for role, setting in found:
                key, _equals, value = setting.partition("=")
                target = "ROLE {} IN DATABASE {}" if role else "DATABASE {}"
                names = (role, name, key) if role else (name, key)
                if succeeds(session, "SELECT set_config(%s, %s, false)", (key, value)):
                    execute(session, "ALTER %s SET {} FROM CURRENT" % target, names=names)
                else:
                    execute(session, "ALTER %s SET {} = %%s" % target, (value,), names)

    def _copy_extensions(self, name: str, original: str) -> None:
        """Make the extensions of the original; it is opened for the look, and closed again."""
        self.open(original)
        try:
            with connect(self._login._replace(database=original)) as connection:
                found = fetch(connection, EXTENSIONS)
        finally:
            self.close(original)
            self.empty_of_sessions(original)
        available = {row[0] for row in fetch(self._session, "SELECT name FROM pg_available_extensions")}
        made = [(one, schema) for one, schema in found if one in available and schema in SHARED_SCHEMAS]
        with connect(self._login._replace(database=name), writes=True) as connection:
            for names in made:
                execute(connection, "CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}", names=names)
        left_out = sorted({one for one, _schema in found} - {one for one, _schema in made})
        if left_out:
            text = "The new database in place of '%s' lacks these extensions of the old one: %s"
            self.warnings += (text % (original, ", ".join(left_out)),)


def list_obstacles(row: Tuple[Any, ...]) -> List[str]:
    """Return what keeps a database from being renamed, each with what to do."""
    name, is_template, prepared, slots = row[1], row[5], row[6], row[7]
    obstacles = []
    if is_template:
        obstacles.append('it is a template; ALTER DATABASE "%s" IS_TEMPLATE false' % name)
    if prepared:
        obstacles.append("it has %d prepared transactions; ROLLBACK PREPARED each of pg_prepared_xacts" % prepared)
    if slots:
        obstacles.append("replication slots use it; SELECT pg_drop_replication_slot() for %s" % slots)
    return obstacles
