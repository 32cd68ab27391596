-- Rows of the engine database; :scale multiplies what grows on a real engine.
SET client_min_messages = warning;

INSERT INTO schema_version (version, script, checksum, installed_by, ended_at, state, current)
    SELECT '0405' || lpad((g * 10)::text, 4, '0'), 'upgrade/04_05_' || lpad((g * 10)::text, 4, '0') || '_change.sql',
           md5(g::text), 'engine', now(), 'INSTALLED', g = 33 FROM generate_series(1, 33) g;
INSERT INTO vdc_options (option_name, option_value, version, default_value)
    SELECT 'Option' || g, 'value' || g, 'general', 'value' FROM generate_series(1, 400) g;
INSERT INTO vdc_options (option_name, option_value) VALUES
    ('DbJustRestored', '0'), ('ProductRPMVersion', :'display_version'), ('BackupCheckPeriodInHours', '6'),
    ('BackupAlertPeriodInDays', '1'), ('DisableFenceAtStartupInSec', '300'), ('LogPhysicalMemoryThreshold', E'a\tb\\c\nd');
INSERT INTO storage_pool VALUES
    (md5('dc1')::uuid, 'Default', 'The default Data Center', 1), (md5('dc2')::uuid, 'Žluťoučký kůň', '数据中心', 1);
INSERT INTO cluster SELECT md5('cluster' || g)::uuid, 'cluster-' || g, E'line one\nline two\ttab', 'Cascadelake-Server',
    md5('dc' || 1 + g % 2)::uuid, '{"MaxFreeMemoryForOverUtilized": "0", "text": "a\\nb"}' FROM generate_series(1, 4) g;
INSERT INTO storage_domain_static SELECT md5('sd' || g)::uuid, md5('storage' || g), 'domain-' || g, 1, 1, g
    FROM generate_series(1, 8) g;
INSERT INTO storage_pool_iso_map SELECT md5('sd' || g)::uuid, md5('dc1')::uuid, 3 FROM generate_series(1, 8) g;
INSERT INTO vds_static SELECT md5('host' || g)::uuid, 'host-' || g, md5('uid' || g), 'host-' || g || '.lab.test',
    md5('cluster' || 1 + g % 4)::uuid FROM generate_series(1, 20) g;
INSERT INTO vds_dynamic SELECT md5('host' || g)::uuid, 3, 64, 524288, '5.14.0-503.el9', '["4.6", "4.7"]'
    FROM generate_series(1, 20) g;
INSERT INTO vm_static SELECT md5('vm' || g)::uuid, 'vm-' || g, 1024 * (1 + g % 16), 24, md5('cluster' || 1 + g % 4)::uuid, 1,
    g % 10 = 0, CASE WHEN g % 20 = 0 THEN md5('sd1')::uuid END, now() - g * interval '1 hour', 'description ' || g,
    CASE WHEN g % 7 = 0 THEN E'back\\slash, tab\t, newline\n, žlutý' END, 'VM' FROM generate_series(1, 60 + 20 * :scale) g;
INSERT INTO vm_dynamic (vm_guid, status, vm_ip, run_on_vds, boot_time)
    SELECT vm_guid, 1, '10.0.' || mem_size_mb % 250 || '.7', md5('host1')::uuid, now() FROM vm_static;
INSERT INTO base_disks SELECT md5('disk' || g)::uuid, 'disk-' || g, '' FROM generate_series(1, 60 + 20 * :scale) g;
INSERT INTO images SELECT md5('image' || g)::uuid, md5('disk' || g)::uuid, g * 1048576::bigint, now(), NULL, 1
    FROM generate_series(1, 60 + 20 * :scale) g;
INSERT INTO network SELECT md5('net' || g)::uuid, 'net-' || g, md5('dc1')::uuid, g, 1500, 'net' || g FROM generate_series(1, 12) g;
INSERT INTO users SELECT md5('user' || g)::uuid, 'First' || g, 'Müller' || g, 'internal-authz', 'user' || g, 'u' || g || '@lab.test',
    '', g = 1, md5('ext' || g) FROM generate_series(1, 25) g;
INSERT INTO roles SELECT md5('role' || g)::uuid, 'Role' || g, 'a role', 1 + g % 2 FROM generate_series(1, 30) g;
INSERT INTO permissions SELECT md5('perm' || g)::uuid, md5('role' || 1 + g % 30)::uuid, md5('user' || 1 + g % 25)::uuid,
    md5('vm' || g)::uuid, 2 FROM generate_series(1, 200 + 50 * :scale) g;
INSERT INTO job SELECT md5('job' || g)::uuid, 'AddVm', 'Creating VM ' || g, 'FINISHED', now(), now() FROM generate_series(1, 50) g;
INSERT INTO step SELECT md5('step' || g)::uuid, NULL, md5('job' || 1 + g % 50)::uuid, 'EXECUTING', 'Step ' || g, 'FINISHED'
    FROM generate_series(1, 150) g;
INSERT INTO job_subject_entity SELECT job_id, md5('vm1')::uuid, 'VM' FROM job;
INSERT INTO step_subject_entity SELECT step_id, md5('vm1')::uuid, 'VM' FROM step;
INSERT INTO async_tasks SELECT md5('task' || g)::uuid, 1, 2, 0, NULL, now() FROM generate_series(1, 5) g;
INSERT INTO async_tasks_entities SELECT task_id, md5('vm1')::uuid, 'VM' FROM async_tasks;
INSERT INTO command_entities SELECT md5('cmd' || g)::uuid, 7, NULL, '{"a": 1}', now(), 'ACTIVE' FROM generate_series(1, 9) g;
INSERT INTO command_assoc_entities SELECT command_id, md5('vm1')::uuid FROM command_entities;
INSERT INTO business_entity_snapshot SELECT md5('bes' || g)::uuid, md5('cmd1')::uuid, 'x', 'y', '<a/>', 1, g FROM generate_series(1, 4) g;
INSERT INTO dwh_history_timekeeping VALUES ('DwhCurrentlyRunning', '1', NULL), ('dwhHostname', 'engine.lab.test', NULL),
    ('dwhUuid', md5('dwh')::uuid::text, NULL), ('lastSync', NULL, now()), ('heartBeat', NULL, now());
INSERT INTO audit_log (user_id, user_name, vm_id, vm_name, vds_id, vds_name, log_time, log_type_name, log_type, severity,
                       message, correlation_id, origin)
    SELECT md5('user' || 1 + g % 25)::uuid, 'user' || 1 + g % 25, md5('vm' || v)::uuid, 'vm-' || v,
           md5('host' || 1 + g % 20)::uuid, 'host-' || 1 + g % 20, timestamptz '2026-01-01' + g * interval '37 seconds',
           (ARRAY['USER_RUN_VM', 'USER_STOP_VM', 'VM_MIGRATION_DONE', 'USER_VDC_LOGIN'])[1 + g % 4],
           (ARRAY[153, 33, 63, 30])[1 + g % 4], g % 3,
           'VM vm-' || v || ' was handled on Host host-' || 1 + g % 20 || ' in ' || (random() * 90000)::integer || ' milliseconds',
           md5(random()::text)::uuid::text, 'oVirt'
    FROM (SELECT g, 1 + (random() * 59)::integer AS v FROM generate_series(1, 5000 * :scale) g) rows;
INSERT INTO audit_log (log_time, log_type_name, log_type, severity, message) VALUES
    (now(), 'ENGINE_NO_FULL_BACKUP', 9022, 2, 'There is no full backup available, please run engine-backup');
INSERT INTO engine_backup_log VALUES ('db', '2026-01-01 00:00:00+00', true, 'an old one', 'engine.lab.test', '/old.log');

INSERT INTO aaa_jdbc.settings (uuid, name, value, type) SELECT md5('s' || g)::uuid, 'SETTING_' || g, g::text, 'integer'
    FROM generate_series(1, 20) g;
INSERT INTO aaa_jdbc.users (uuid, name, password, login_allowed) SELECT md5('aaa' || g)::uuid, 'aaa' || g,
    '1|PBKDF2WithHmacSHA1|' || md5(g::text), decode(md5(g::text), 'hex') FROM generate_series(1, 6) g;
INSERT INTO aaa_jdbc.groups (uuid, name) VALUES (md5('g')::uuid, 'admins');
INSERT INTO aaa_jdbc.user_groups SELECT id, 1 FROM aaa_jdbc.users;

INSERT INTO single_text VALUES (''), (NULL), ('\N'), (E'\\.'), (E'\\\\.'), (E'COPY public.single_text (v) FROM stdin;\n\\.\n'),
    (E'\t'), (E'\n\n\n'), ('příliš žluťoučký 中文 🐎'), (E'\b\f\r\v'), (''), (DEFAULT);
INSERT INTO no_columns SELECT FROM generate_series(1, 5);
INSERT INTO generated_size (id, bytes) SELECT g, g * 1048576::bigint FROM generate_series(1, 13) g;
INSERT INTO dropped_column SELECT g, NULL FROM generate_series(1, 6) g;
INSERT INTO binary_values SELECT g, decode(repeat(md5(g::text), 8), 'hex'), jsonb_build_object('g', g, 't', E'a\nb\\'),
    ARRAY['a,b', E'c"d', NULL, ''] FROM generate_series(1, 40) g;
INSERT INTO event_parent SELECT g, 'parent' FROM generate_series(1, 4) g;
INSERT INTO event_child SELECT g, 'child', 'x' FROM generate_series(1, 9) g;
INSERT INTO measurement SELECT date '2025-06-01' + g, g, g / 7.0 FROM generate_series(1, 400) g;
INSERT INTO unlogged_cache SELECT g, 'cached' FROM generate_series(1, 3) g;
REFRESH MATERIALIZED VIEW vm_count_by_cluster;
GRANT USAGE ON SCHEMA aaa_jdbc TO engine_reporting;
GRANT SELECT ON vm_static, vds_static, audit_log, vms TO engine_reporting;
GRANT SELECT (vm_guid, status) ON vm_dynamic TO engine_reporting;
