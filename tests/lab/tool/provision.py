# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisioning of databases before a restore, by ovirt-engine-provisiondb."""

from __future__ import annotations

import re
import subprocess

from .kinds import CINDERLIB_VARIANT, DWH, ENGINE, KEYCLOAK, Kind
from .load import can_connect
from .run import Run
from .verify import read_dump

ANSWERS = """[environment:default]
OVESETUP_PROVISIONDB_CONFIG/provisionDb=bool:{create}
OVESETUP_PROVISIONDB_CONFIG/provisionUser=bool:True
OVESETUP_PROVISION_DB/host=str:localhost
OVESETUP_PROVISION_DB/port=int:5432
OVESETUP_PROVISION_DB/secured=bool:False
OVESETUP_PROVISION_DB/securedHostValidation=bool:False
OVESETUP_PROVISION_DB/database=str:{database}
OVESETUP_PROVISION_DB/user=str:{user}
OVESETUP_PROVISION_DB/dumper=str:pg_custom
OVESETUP_PROVISION_DB/filter=none:None
OVESETUP_PROVISION_DB/restoreJobs=int:2
OVESETUP_CORE/engineStop=bool:False
"""
PASSWORD = "OVESETUP_PROVISION_DB/password=str:{}\n"
READ_ONLY = "OVESETUP_PROVISIONDB_CONFIG/addToPGHBA=bool:True\nOVESETUP_PROVISIONDB_CONFIG/grantReadOnly=bool:True\n"


def wants_automatic_provisioning(run: Run) -> bool:
    """No credentials changed, all databases on localhost, none of them reachable."""
    if any(database.change for database in run.options.databases.values()):
        return False
    blocks = [kind for kind in run.variant.restore if kind not in (ENGINE, DWH, KEYCLOAK)]
    if any(run.conf.get(kind.conf + "_HOST") != "localhost" for kind in (ENGINE, DWH, KEYCLOAK, *blocks)):
        return False
    # Up to 4.5.7 an operator is missing before the last question: Keycloak is never asked.
    asked = (ENGINE, DWH, *blocks) if run.variant is CINDERLIB_VARIANT else (ENGINE, DWH, *blocks, KEYCLOAK)
    return not any(can_connect(run, kind) for kind in asked)


def provision_databases(run: Run) -> None:
    """Each database marked for it that the archive holds."""
    run.output("Provisioning PostgreSQL users/databases:")
    for kind in run.variant.restore:
        if run.options.databases[kind.name].provision and kind.scope in run.options.selected:
            _provision(run, kind)


def _provision(run: Run, kind: Kind) -> None:
    target = run.connection(kind.conf)
    secured, validation = (run.conf.get(kind.conf + name, "") for name in ("_SECURED", "_SECURED_VALIDATION"))
    run.log(
        "provisionDB: user {} host {} port {} database {} secured {} secured_host_validation {}".format(
            target.user, target.host, target.port, target.database, secured, validation
        )
    )
    run.output("- user '{}', database '{}'".format(target.user, target.database))
    if target.host != "localhost":
        run.fatal("Can provision database only in localhost")
    if target.port != "5432":
        # Meant as a refusal; the shell takes the text for a command and goes on.
        run.complain("Can provision database only with the default port of PostgreSQL: command not found")
    if secured != "False":
        run.fatal("Cannot provision database with secured connection")
    if validation != "False":
        run.fatal("Cannot provision database with secured host validation")
    if not (target.user and target.database and target.password):
        run.fatal("Some database credentials missing - cannot provision database")
    answers = ANSWERS.format(create=True, database=target.database, user=target.user) + PASSWORD.format(target.password)
    _complete(run, _call(run, answers), target.database, target.user)
    if run.options.restore_permissions:
        _provision_grantees(run, kind)


def _complete(run: Run, status: int, database: str, user: str) -> None:
    if status == 12:
        run.fatal("Provisioning is not supported")
    if status == 13:
        run.fatal(
            "Existing database '{}' or user '{}' found and temporary ones created - "
            "Please clean up everything and try again".format(database, user)
        )
    if status != 0:
        run.fatal("Provisioning database '{}' failed, please check the log for details".format(database))


def _provision_grantees(run: Run, kind: Kind) -> None:
    target = run.connection(kind.conf)
    schema = read_dump(run, kind, "-s", "-f", "-")[0].decode("utf-8", "replace")
    found = sorted(set(re.findall(r"^GRANT .* TO ([^;]*);", schema, re.MULTILINE)))
    # A grant with options yields words that are no users; they are provisioned all the same.
    users = " ".join(name for name in found if name not in (target.user, "postgres", "PUBLIC")).split()
    for user in users:
        answers = ANSWERS.format(create=False, database=target.database, user=user)
        if user == run.conf.get("GRAFANA_DB_USER") and target.database == run.conf.get("DWH_DB_DATABASE"):
            run.output("- user '{}' on database '{}'".format(user, target.database))
            answers += PASSWORD.format(run.conf.get("GRAFANA_DB_PASSWORD", "")) + READ_ONLY
        else:
            run.output(
                "- extra user '{}' having grants on database {}, created with a random password".format(
                    user, target.database
                )
            )
        status = _call(run, answers)
        if status == 12:
            run.fatal("Provisioning is not supported")
        if status != 0:
            run.fatal("Creating user '{}' failed, please check the log for details".format(user))


def _call(run: Run, answers: str) -> int:
    path = run.folder / "pg-provision-answer-file"
    path.write_text(answers, encoding="utf-8")
    program = str(run.prefix / "share/ovirt-engine/setup/bin/ovirt-engine-provisiondb")
    process = run.start(
        [program, "--config-append={}".format(path)], subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
    )
    run.append_to_log(process.communicate()[0])
    return process.returncode
