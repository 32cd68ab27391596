# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that run on an engine host: the twin of ENGINE_HOST in module_utils/_engine/argspecs.py."""


class ModuleDocFragment:
    """Documentation fragment for the options of the engine host."""

    DOCUMENTATION = r"""
options:
  prefix:
    description:
      - The PREFIX of a development installation of the engine (C(make install-dev PREFIX=...)).
      - Its tools are then below C(PREFIX/bin), its configuration below C(PREFIX/etc), its state below C(PREFIX/var).
      - Leave it empty for a packaged installation.
    type: path
    default: ""
  tmpdir:
    description:
      - An existing directory for temporary data.
      - A private directory is made in it and removed at the end. A run that was killed is cleaned up by the next one.
      - When left out, a place beside the archive is used.
    type: path
attributes:
  action_group:
    description:
      - Use C(group/ovirt.backup.engine) in C(module_defaults) to set the options that these modules share.
    support: full
    membership:
      - ovirt.backup.engine
"""
