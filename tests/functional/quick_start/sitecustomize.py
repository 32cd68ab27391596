# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Python of a functional test begins with this: it makes modules of Ansible start in a third of the time.

Ansible sends a module as a zip of sources, which Python compiles anew in every task. Here the compiled code is kept,
by the hash of its source, in the folder that the environment names. What the code does stays the same.
"""

import gc
import os
import sys
import zipimport
from _imp import _fix_co_filename, source_hash
from marshal import dumps, loads

FOLDER = os.environ.get("OVIRT_BACKUP_COMPILED", "")
compile_source = getattr(zipimport, "_compile_source", None)


def compile_once(path, source):
    """As zipimport compiles it, from the folder where it is known there."""
    known = os.path.join(FOLDER, source_hash(len(source), source).hex() + "." + sys.implementation.cache_tag)
    try:
        with open(known, "rb") as stream:
            code = loads(stream.read())
    except (OSError, EOFError, ValueError, TypeError):
        code = compile_source(path, source)
        keep(code, known)
    _fix_co_filename(code, path)
    return code


def keep(code, known):
    """Others may look for it at the same time, so it appears as a whole."""
    fresh = "%s.%d" % (known, os.getpid())
    try:
        with open(fresh, "wb") as stream:
            stream.write(dumps(code))
        os.replace(fresh, known)
    except OSError:
        return


if FOLDER and compile_source:
    zipimport._compile_source = compile_once
gc.set_threshold(20000, 20, 20)  # these processes are short and have memory enough
