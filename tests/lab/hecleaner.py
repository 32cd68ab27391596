# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for hecleaner.sh: takes what makes an engine a hosted one out of its database."""

from __future__ import annotations

import getopt
import os
import subprocess
from pathlib import Path

LETTERS = "hvl:s:p:u:d:qRM"
# The real one goes by the disks of the virtual machine; the lab knows none of them.
STORAGE_VM = """
DO $$ BEGIN
    DELETE FROM vm_static WHERE vm_name =
        (SELECT option_value FROM vdc_options WHERE option_name = 'HostedEngineVmName' AND version = 'general');
    IF NOT FOUND THEN RAISE EXCEPTION 'VM HostedEngine not found'; END IF;
    DELETE FROM storage_domain_static WHERE storage_name = 'hosted_storage';
END $$;
"""
OURS = "(SELECT vds_id FROM vds_statistics WHERE ha_score IS NOT NULL AND ha_configured)"
HOSTS = """
UPDATE vm_dynamic SET migrating_to_vds = NULL WHERE migrating_to_vds IN {0};
UPDATE vm_dynamic SET run_on_vds = NULL, status = 0, exit_status = 0, exit_reason = 6 WHERE run_on_vds IN {0};
DELETE FROM vds_static WHERE vds_id IN {0};
""".format(OURS)


def main(_home: Path, arguments: list[str]) -> int:
    """Run the tool; its exit status. The password comes from the file that the environment names."""
    options, _rest = getopt.getopt(arguments, LETTERS)
    given = dict(options)
    statements = [text for letter, text in (("-R", STORAGE_VM), ("-M", HOSTS)) if letter in given]
    words = [
        "psql", "-w", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--username", given["-u"],
        "--host", given["-s"], "--port", given["-p"], "--dbname", given["-d"],
    ]  # fmt: skip
    environment = {**os.environ, "PGPASSFILE": os.environ.get("DBFUNC_DB_PGPASSFILE", "")}
    return subprocess.run(words, input="".join(statements), text=True, env=environment, check=False).returncode
