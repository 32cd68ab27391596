# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of module_utils may do I/O. Python 3.6 syntax: the pure unit tests run on the managed hosts' Pythons."""

from pathlib import Path
from typing import Iterator

from .places import ROOT

MODULE_UTILS = ROOT / "plugins" / "module_utils"
UNIT = ROOT / "tests" / "unit"

# Every other file is pure: no I/O, no clock, no environment, and no import of one of these.
IO_FILES = frozenset(
    """
    _common/clock.py _common/command.py _common/files.py _common/interruption.py _common/module_runner.py
    _common/process_identity.py
    _postgres/admin.py _postgres/aside.py _postgres/clearing.py _postgres/connection.py _postgres/local_server.py
    _postgres/pg_hba.py _postgres/scram.py
    _archive/catalog.py _archive/dumps.py _archive/files.py _archive/pruning.py _archive/reader.py
    _archive/setup_state.py _archive/sqlite_file.py _archive/streams.py
    _engine/database_state.py _engine/health.py _engine/host_session.py _engine/installation.py _engine/leftovers.py
    _engine/marks.py _engine/options.py _engine/services.py _engine/state.py _engine/variables.py
    _engine/backup/host.py
    _engine/restore/aside_files.py
    _engine/restore/host.py _engine/restore/restored_database.py _engine/restore/restored_files.py
    _engine/restore/target_host.py
    _engine/setup/otopi_tools.py
    _vm/argspecs.py _vm/backup_sets.py _vm/configuration_file.py
    _vm/image/block_devices.py _vm/image/disk_images.py _vm/image/qemu_img.py
    """.split()
)
API = "_vm/api/"  # all of it talks to the engine


def is_pure(name: str) -> bool:
    """Whether a file, named below module_utils, must do no I/O."""
    return name not in IO_FILES and not name.startswith(API)


def tests_of_io() -> Iterator[Path]:
    """Yield the unit tests that need more than Python: tests/unit/X/test_Y_more.py is the test of X/Y.py."""
    for path in sorted(UNIT.rglob("test_*.py")):
        folder = path.parent.relative_to(UNIT)
        stems = [file.stem for file in (MODULE_UTILS / folder).glob("*.py") if path.stem[5:].startswith(file.stem)]
        name = (folder / (max(stems, key=len, default="") + ".py")).as_posix()
        if not folder.as_posix().startswith("_") or not is_pure(name):
            yield path
