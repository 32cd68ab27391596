# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of --help: the same shape as the real one where programs read it, in the lab's own words."""

from __future__ import annotations

from .kinds import Variant

WHAT = {
    "files": "configuration, keys and state files",
    "db": "the Engine's database",
    "dwhdb": "the Data Warehouse's database",
    "cinderlibdb": "the Cinderlib database",
    "managedblockdb": "the Managed Block database",
    "keycloakdb": "the Keycloak database",
    "grafanadb": "the Grafana database",
}
DATABASE = """ --{o}db-compressor=COMPRESSOR       compress this dump: gzip, bzip2, xz or None
 --{o}db-dump-format=FORMAT          plain or custom
 --{o}db-restore-jobs=JOBS           parallel jobs of pg_restore (2)
 --provision-{o}db                   create user and database before restoring
 --change-{o}db-credentials          use the credentials below, not those of the backup
 --{o}db-host=host --{o}db-port=port --{o}db-user=user --{o}db-name=name
 --{o}db-passfile=file               password from the first line of a file
 --{o}db-password=pass               password, or without a value: ask for it
 --{o}db-secured                     connect with TLS
 --{o}db-secured-validation          and check the server's certificate
"""
TEXT = """engine-backup (stand-in of the lab)
USAGE:
    {program} [options]
 MODE is one of the following:
    backup                          write a backup to FILE (the default)
    restore                         load FILE into this machine
    verify                          check FILE
 SCOPE is one of the following:
    all                             all of the scopes below
{scopes}
    Give --scope several times to combine scopes.
 --file=FILE                        the archive
 --log=FILE                         the log
 --tmpdir=DIR                       where the temporary directory is made ($TMPDIR, else /tmp)
 --archive-compressor=COMPRESSOR    gzip, bzip2, xz or None
 --files-compressor=COMPRESSOR      the same, for the product files
 --keep-temporary-data              keep tasks and jobs when restoring
{databases}
 --no-restore-permissions           leave owners and grants out when restoring custom dumps
 --restore-permissions              restore them
 --provision-all-databases          create whatever the archive holds
 --he-remove-storage-vm             remove the hosted-engine storage domain and VM
 --he-remove-hosts                  remove the hosted-engine hosts
 --fast-restore, --fast-backup      the defaults
 --small-size                       everything packed by xz, Engine and Data Warehouse as plain dumps
"""


def usage(variant: Variant, program: str) -> None:
    """Print the help text of a variant."""
    scopes = "\n".join("    {:<31} {}".format(scope, WHAT[scope]) for scope in variant.scopes)
    databases = "\n".join(DATABASE.format(o=kind.option) for kind in variant.restore)
    print(TEXT.format(program=program, scopes=scopes, databases=databases), flush=True)
