# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forbids a change of a role and a database, and which steps make it.

This file is private to the collection.
"""

from typing import List, Optional, Tuple

from ..._common.errors import Problem
from ..._postgres.pg_hba_rules import METHOD, Place, Rule, find_place, insert_lines, make_line, remove_lines
from ..._postgres.rules import (
    ENCODING,
    LOCALE,
    REQUIRED_SETTINGS,
    check_identifier,
    check_locale,
    check_settings,
    is_enough,
)
from ..._postgres.server_model import (
    Access,
    DatabaseRequest,
    DatabaseState,
    Found,
    LoginTrial,
    RoleState,
    Setting,
    Step,
)

RELOAD = Step("reload", (), "let the server read its configuration files again")


def check(request: DatabaseRequest, found: Found) -> List[Problem]:
    """Return everything that forbids what is asked for."""
    problems = _check_names(request)
    if found.is_standby:
        text = "the server %s:%d is a standby, which follows another server and can not be changed"
        problems.append(Problem("server_is_standby", text % (found.host, found.port)))
    if found.role is not None and found.role.is_superuser:
        text = "the role '%s' is a superuser; an engine needs an ordinary role of its own" % request.owner
        problems.append(Problem("role_is_superuser", text))
    if request.state == "present":
        problems += _check_present_role(request, found)
        problems += _check_locale(request, found)
        problems += _check_present_database(request, found)
        problems += _check_readers(request, found)
    elif request.state == "absent":
        problems += _check_absent(request, found)
    else:
        problems += _check_fence(request, found)
    return problems + _check_access(request, found)


def _check_names(request: DatabaseRequest) -> List[Problem]:
    problems = check_identifier(request.owner, "the name of the role")
    if request.name:
        problems += check_identifier(request.name, "the name of the database")
    return problems


def _check_present_role(request: DatabaseRequest, found: Found) -> List[Problem]:
    role = found.role
    if role is None and not request.has_password:
        text = "the role '%s' does not exist and there is no password to make it with" % request.owner
        return [Problem("role_missing", text)]
    if role is not None and not role.can_login:
        text = "the role '%s' may not log in: it was fenced; lift that with state unfenced first" % request.owner
        return [Problem("role_fenced", text)]
    return []


def _check_locale(request: DatabaseRequest, found: Found) -> List[Problem]:
    is_needed = bool(request.name) and found.database is None or request.applies_settings
    if found.has_locale or not is_needed:
        return []
    text = "the machine of the server %s:%d does not know the locale %s; install its language package"
    return [Problem("locale_missing", text % (found.host, found.port, LOCALE))]


def _check_present_database(request: DatabaseRequest, found: Found) -> List[Problem]:
    database = found.database
    problems = []
    if database is not None:
        which = "the database '%s'" % request.name
        problems += check_locale(database.encoding, database.collate, database.ctype, which)
        problems += _check_owner(request, database)
    for name in request.extensions if request.name else ():
        if not (database and name in database.extensions) and name not in found.available_extensions:
            text = "the server does not offer the extension '%s'; install its package (postgresql-contrib)" % name
            problems.append(Problem("extension_missing", text))
    return problems


def _check_owner(request: DatabaseRequest, database: DatabaseState) -> List[Problem]:
    if database.owner == request.owner:
        return []
    text = "the database '%s' is owned by '%s', not by '%s'" % (request.name, database.owner, request.owner)
    if not request.changes_owner:
        return [Problem("database_wrong_owner", text + "; change_owner changes that while it is empty")]
    if database.objects:
        text += ", and holds %d tables and other objects, whose owner is not changed" % database.objects
        return [Problem("database_wrong_owner", text)]
    return []


def _check_readers(request: DatabaseRequest, found: Found) -> List[Problem]:
    text = "the role '%s' that shall read the database '%s' does not exist"
    return [Problem("role_missing", text % (name, request.name)) for name in found.unknown_readers]


def _check_absent(request: DatabaseRequest, found: Found) -> List[Problem]:
    database, role = found.database, found.role
    problems = []
    if database is not None and database.owner != request.owner:
        problems += _check_owner(request._replace(changes_owner=False), database)
    if database is not None and database.objects:
        text = "the database '%s' holds %d tables and other objects; only an empty one is removed" % (
            request.name,
            database.objects,
        )
        problems.append(Problem("database_filled", text))
    if found.sessions:
        text = "%d sessions use the database '%s' or the role '%s'; end them first"
        problems.append(Problem("database_in_use", text % (found.sessions, request.name, request.owner)))
    if role is not None and role.used_by:
        text = "the role '%s' owns or may use %d other things on the server; it is removed only when it has nothing"
        problems.append(Problem("role_in_use", text % (request.owner, role.used_by)))
    return problems


def _check_fence(request: DatabaseRequest, found: Found) -> List[Problem]:
    if found.role is None:
        return [Problem("role_missing", "the role '%s' does not exist" % request.owner)]
    if request.name and found.database is None:
        return [Problem("database_missing", "the database '%s' does not exist" % request.name)]
    return _check_owner(request._replace(changes_owner=False), found.database) if found.database else []


def _check_access(request: DatabaseRequest, found: Found) -> List[Problem]:
    access = found.access
    problems = [
        Problem("client_address_invalid", "'%s' is neither an address nor a network as CIDR" % client.text)
        for client in request.clients
        if client.addresses is None
    ]
    if access.errors and request.clients:
        text = "PostgreSQL can not read its own %s: %s" % (access.file, "; ".join(access.errors))
        problems.append(Problem("pg_hba_broken", text))
    if problems or not _access_text_changes(request, found):
        return problems
    if access.text is None:
        text = "%s is not on this host; run the module on the database server, or change there by hand: %s"
        problems.append(Problem("pg_hba_elsewhere", text % (access.file, "; ".join(expected_lines(request)))))
    elif not access.is_writable:
        text = "%s can not be replaced by this user; run the module as root or as the server's user" % access.file
        problems.append(Problem("pg_hba_unwritable", text))
    return problems


def expected_lines(request: DatabaseRequest) -> List[str]:
    """Return the pg_hba.conf lines that stand for the clients asked for."""
    return [make_line(request.name, request.owner, client.text) for client in request.clients]


def valid_lines(request: DatabaseRequest, found: Found) -> List[str]:
    """Return those of the expected lines that need not be added: they stand there, or a wider rule does."""
    if request.state == "absent":
        present = [row.split() for row in (found.access.text or "").splitlines()]
        return [line for line in expected_lines(request) if line.split() in present]
    missing = [line for _place, line in missing_lines(request, found)]
    return [line for line in expected_lines(request) if line not in missing]


def missing_lines(request: DatabaseRequest, found: Found) -> List[Tuple[Place, str]]:
    """Return the lines to add and where: those of clients that the rules do not let in with a password already."""
    missing = []
    for client, line in zip(request.clients, expected_lines(request)):
        if request.state == "present" and client.addresses is not None:
            place = find_place(found.access.rules, request.name, request.owner, client.addresses)
            missing += [(place, line)] if place is not None else []
    return missing


def _new_access_text(request: DatabaseRequest, found: Found) -> str:
    text = found.access.text or ""
    if request.state == "absent":
        return remove_lines(text, expected_lines(request))
    return insert_lines(text, found.access.file, missing_lines(request, found))


def _access_text_changes(request: DatabaseRequest, found: Found) -> bool:
    if request.state == "absent":
        return _new_access_text(request, found) != (found.access.text or "")
    return bool(missing_lines(request, found))


def plan(request: DatabaseRequest, found: Found) -> List[Step]:
    """Return the steps that are missing, in order."""
    planners = {"present": _plan_present, "absent": _plan_absent, "fenced": _plan_fence, "unfenced": _plan_unfence}
    return planners[request.state](request, found)


def _plan_present(request: DatabaseRequest, found: Found) -> List[Step]:
    steps = _plan_role(request, found.role)
    if request.name:
        steps += _plan_database(request, found)
    configuration = _plan_settings(request, found) + _plan_access(request, found)
    is_behind = bool(request.clients) and not found.access.is_loaded  # a run was killed after it wrote the file
    return steps + configuration + [RELOAD] * (is_behind or bool(configuration))


def _plan_role(request: DatabaseRequest, role: Optional[RoleState]) -> List[Step]:
    owner = request.owner
    if role is None:
        return [Step("create_role", (owner,), "create the role '%s' with a SCRAM password" % owner)]
    if request.has_password and not role.has_password:
        return [Step("set_password", (owner,), "set the password of the role '%s'" % owner)]
    return []


def _plan_database(request: DatabaseRequest, found: Found) -> List[Step]:
    name, owner, database = request.name, request.owner, found.database
    steps = []
    if database is None:
        steps.append(Step("create_database", (name, owner), "create the database '%s' of '%s'" % (name, owner)))
    elif database.owner != owner:
        steps.append(Step("change_owner", (name, owner), "give the database '%s' to '%s'" % (name, owner)))
    for extension in request.extensions:
        if database is None or extension not in database.extensions:
            text = "create the extension '%s' in the database '%s'" % (extension, name)
            steps.append(Step("create_extension", (name, extension), text))
    for reader in request.readers:
        if database is None or reader not in database.readers:
            text = "let the role '%s' read the database '%s'" % (reader, name)
            steps.append(Step("grant_reading", (name, owner, reader), text))
    return steps


def _plan_settings(request: DatabaseRequest, found: Found) -> List[Step]:
    steps = []
    judged = check_settings({name: setting.value for name, setting in found.settings.items()})
    for name, wanted in REQUIRED_SETTINGS.items() if request.applies_settings else ():
        setting = found.settings[name]
        waits = setting.needs_restart and is_enough(setting.configured, wanted)
        if not judged[name].ok and not waits:
            value = wanted.value + wanted.unit
            steps.append(Step("set_parameter", (name, value), "set %s to %s" % (name, value)))
    return steps


def _plan_access(request: DatabaseRequest, found: Found) -> List[Step]:
    if not _access_text_changes(request, found):
        return []
    path, lines = found.access.file, expected_lines(request)
    verb = "remove from" if request.state == "absent" else "write into"
    if request.state == "present":
        lines = [line for _place, line in missing_lines(request, found)]
    text = "%s %s: %s" % (verb, path, "; ".join(lines))
    arguments = (path, _new_access_text(request, found), found.access.text or "")
    return [Step("write_access_file", arguments, text)]


def _plan_absent(request: DatabaseRequest, found: Found) -> List[Step]:
    steps = []
    if found.database is not None:
        steps.append(Step("drop_database", (request.name,), "drop the empty database '%s'" % request.name))
    if found.role is not None:
        steps.append(Step("drop_role", (request.owner,), "drop the role '%s'" % request.owner))
    access = _plan_access(request, found)
    return steps + access + [RELOAD] * len(access)


def _plan_fence(request: DatabaseRequest, found: Found) -> List[Step]:
    steps = []
    if found.role is not None and found.role.can_login:
        steps.append(Step("deny_login", (request.owner,), "keep the role '%s' from logging in" % request.owner))
    if found.sessions:
        text = "end %d sessions of '%s' or in the database '%s'" % (found.sessions, request.owner, request.name)
        steps.append(Step("end_sessions", (request.name, request.owner), text))
    return steps


def _plan_unfence(request: DatabaseRequest, found: Found) -> List[Step]:
    if found.role is not None and found.role.can_login:
        return []
    return [Step("allow_login", (request.owner,), "let the role '%s' log in again" % request.owner)]


def project(request: DatabaseRequest, found: Found) -> Found:
    """Return what would stand after the steps of a plan."""
    if request.state == "present":
        return _project_present(request, found)
    if request.state == "absent":
        access = found.access._replace(text=found.access.text and _new_access_text(request, found))
        return found._replace(role=None, database=None, sessions=0, login=LoginTrial(None, ""), access=access)
    if found.role is None:
        return found
    fenced = request.state == "fenced"
    role = found.role._replace(can_login=not fenced)
    return found._replace(role=role, sessions=0 if fenced else found.sessions)


def _project_setting(setting: Setting, value: str) -> Setting:
    waits = setting.is_fixed_at_start
    return setting._replace(value=setting.value if waits else value, configured=value, needs_restart=waits)


def _project_present(request: DatabaseRequest, found: Found) -> Found:
    is_set = bool(_plan_role(request, found.role))
    mends = request.has_password and bool(plan(request, found))
    settings = dict(found.settings)
    for step in _plan_settings(request, found):
        name = step.arguments[0]
        settings[name] = _project_setting(settings[name], REQUIRED_SETTINGS[name].value)
    return found._replace(
        settings=settings,
        access=_project_access(request, found.access),
        role=RoleState(True, False, True, 0) if is_set else found.role,
        database=_project_database(request, found.database) if request.name else None,
        login=LoginTrial(True, "") if mends else found.login,
    )


def _project_access(request: DatabaseRequest, access: Access) -> Access:
    added = [
        Rule(access.file, 0, "host", (request.name or "all",), (request.owner,), client.addresses, METHOD)
        for client in request.clients
    ]
    return access._replace(rules=(*added, *access.rules), is_loaded=access.is_loaded or bool(added))


def _project_database(request: DatabaseRequest, found: Optional[DatabaseState]) -> DatabaseState:
    database = found or DatabaseState(request.owner, ENCODING, LOCALE, LOCALE, ("plpgsql",), 0, 0, ())
    return database._replace(
        owner=request.owner,
        extensions=tuple(sorted({*database.extensions, *request.extensions})),
        readers=tuple(sorted({*database.readers, *request.readers})),
    )
