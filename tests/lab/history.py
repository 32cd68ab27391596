# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine in use: its databases move on from what a backup of them holds."""

from __future__ import annotations

from .layout import Lab
from .postgres import query

# Rows come and go, so that counts differ in both directions.
CHANGES = {
    "engine": """
        INSERT INTO vm_static (vm_guid, vm_name, mem_size_mb, os, entity_type)
            SELECT gen_random_uuid(), 'made-since-' || g, 1024, 24, 'VM' FROM generate_series(1, 17) g;
        INSERT INTO vm_dynamic (vm_guid, status)
            SELECT vm_guid, 0 FROM vm_static LEFT JOIN vm_dynamic d USING (vm_guid) WHERE d.vm_guid IS NULL;
        DELETE FROM vm_static WHERE vm_name IN ('vm-1', 'vm-2', 'vm-3');
        DELETE FROM permissions WHERE id IN (SELECT id FROM permissions ORDER BY id LIMIT 20);
        INSERT INTO users (user_id, name, domain, username, external_id)
            SELECT gen_random_uuid(), 'since', 'internal-authz', 'since' || g, gen_random_uuid()::text
            FROM generate_series(1, 4) g;
        INSERT INTO audit_log (log_time, log_type, severity, message)
            SELECT now(), 30, 0, 'since the backup ' || g FROM generate_series(1, 250) g;
        UPDATE vdc_options SET option_value = 'changed since' WHERE option_name = 'Option7';
    """,
    "dwh": """
        INSERT INTO vm_samples_history (history_datetime, vm_id, vm_status, minutes_in_status)
            SELECT now(), md5(g::text)::uuid, 1, 1 FROM generate_series(1, 900) g;
        DELETE FROM vm_hourly_history WHERE history_id IN (SELECT history_id FROM vm_hourly_history LIMIT 100);
        DELETE FROM host_configuration WHERE host_name = 'host-1';
    """,
    "keycloak": """
        INSERT INTO user_entity (id, username, realm_id)
            SELECT gen_random_uuid()::text, 'since' || g, 'ovirt-internal' FROM generate_series(1, 6) g;
        DELETE FROM event_entity WHERE id IN (SELECT id FROM event_entity ORDER BY id LIMIT 50);
    """,
}


def move_on(lab: Lab) -> list[str]:
    """Add, change and delete rows in the databases of the lab's own server; the names of those that changed."""
    kinds = [kind for kind in CHANGES if kind in lab.databases]
    for kind in kinds:
        query(lab, lab.databases[kind].name, CHANGES[kind])
    return [lab.databases[kind].name for kind in kinds]
