-- The engine database: the tables a checker looks at, in their real shape, and everything that makes counting rows hard.
SET client_min_messages = warning;

CREATE SCHEMA aaa_jdbc;

CREATE TABLE schema_version (
    id serial PRIMARY KEY, version varchar(10) NOT NULL, script varchar(255) NOT NULL, checksum varchar(128),
    installed_by varchar(63) NOT NULL, started_at timestamp DEFAULT now(), ended_at timestamp,
    state varchar(15) NOT NULL, current boolean NOT NULL, comment text DEFAULT '');
CREATE TABLE vdc_options (
    option_id serial PRIMARY KEY, option_name varchar(100) NOT NULL, option_value varchar(4000) NOT NULL,
    version varchar(40) NOT NULL DEFAULT 'general', default_value varchar(4000));
CREATE INDEX idx_vdc_options_option_name ON vdc_options (option_name);
CREATE TABLE storage_pool (
    id uuid PRIMARY KEY, name varchar(40) NOT NULL, description varchar(4000) NOT NULL, status integer,
    compatibility_version varchar(40) NOT NULL DEFAULT '4.7', _create_date timestamptz DEFAULT now());
CREATE TABLE cluster (
    cluster_id uuid PRIMARY KEY, name varchar(40) NOT NULL UNIQUE, description varchar(4000), cpu_name varchar(255),
    storage_pool_id uuid REFERENCES storage_pool (id) ON DELETE SET NULL, cluster_policy_custom_properties jsonb);
CREATE TABLE storage_domain_static (
    id uuid PRIMARY KEY, storage varchar(250) NOT NULL, storage_name varchar(250) NOT NULL,
    storage_domain_type integer NOT NULL, storage_type integer NOT NULL, last_time_used_as_master bigint);
CREATE TABLE storage_pool_iso_map (
    storage_id uuid REFERENCES storage_domain_static (id) ON DELETE CASCADE,
    storage_pool_id uuid REFERENCES storage_pool (id) ON DELETE CASCADE, status integer,
    PRIMARY KEY (storage_id, storage_pool_id));
CREATE TABLE vds_static (
    vds_id uuid PRIMARY KEY, vds_name varchar(255) NOT NULL, vds_unique_id varchar(128), host_name varchar(255) NOT NULL,
    cluster_id uuid NOT NULL REFERENCES cluster (cluster_id), port integer NOT NULL DEFAULT 54321,
    sshkeyfingerprint varchar(128), _create_date timestamptz DEFAULT now());
CREATE TABLE vds_dynamic (
    vds_id uuid PRIMARY KEY REFERENCES vds_static (vds_id) ON DELETE CASCADE, status integer NOT NULL,
    cpu_cores integer, physical_mem_mb integer, kernel_version varchar(4000), supported_domain_versions jsonb);
CREATE TABLE vm_static (
    vm_guid uuid PRIMARY KEY, vm_name varchar(255) NOT NULL, mem_size_mb integer NOT NULL, os integer NOT NULL,
    cluster_id uuid REFERENCES cluster (cluster_id), num_of_monitors integer NOT NULL DEFAULT 1,
    auto_startup boolean DEFAULT false, lease_sd_id uuid REFERENCES storage_domain_static (id),
    creation_date timestamptz, description varchar(4000), free_text_comment text, entity_type varchar(32) NOT NULL,
    origin smallint DEFAULT 0);
CREATE INDEX idx_vm_static_name ON vm_static (vm_name);
CREATE TABLE vm_dynamic (
    vm_guid uuid PRIMARY KEY REFERENCES vm_static (vm_guid) ON DELETE CASCADE, status integer NOT NULL,
    vm_ip text, vm_host varchar(255), run_on_vds uuid REFERENCES vds_static (vds_id),
    migrating_to_vds uuid REFERENCES vds_static (vds_id), exit_status integer NOT NULL DEFAULT 0,
    exit_reason smallint NOT NULL DEFAULT -1, boot_time timestamptz, hash varchar(30));
CREATE TABLE base_disks (
    disk_id uuid PRIMARY KEY, disk_alias varchar(255), disk_description varchar(500), shareable boolean DEFAULT false,
    wipe_after_delete boolean NOT NULL DEFAULT false);
CREATE TABLE images (
    image_guid uuid PRIMARY KEY, image_group_id uuid REFERENCES base_disks (disk_id), size bigint NOT NULL,
    creation_date timestamptz NOT NULL, parentid uuid, imagestatus integer, volume_format integer NOT NULL DEFAULT 4);
CREATE TABLE network (
    id uuid PRIMARY KEY, name varchar(256) NOT NULL, storage_pool_id uuid REFERENCES storage_pool (id), vlan_id integer,
    mtu integer, vdsm_name varchar(15) NOT NULL);
CREATE TABLE users (
    user_id uuid PRIMARY KEY, name varchar(255), surname varchar(255), domain varchar(255) NOT NULL,
    username varchar(255) NOT NULL, email varchar(255), note varchar(255) NOT NULL DEFAULT '',
    last_admin_check_status boolean NOT NULL DEFAULT false, external_id text NOT NULL, namespace varchar(2048) DEFAULT '*');
CREATE TABLE roles (id uuid PRIMARY KEY, name varchar(126) NOT NULL, description varchar(4000), role_type integer NOT NULL);
CREATE TABLE permissions (
    id uuid PRIMARY KEY, role_id uuid NOT NULL REFERENCES roles (id) ON DELETE CASCADE, ad_element_id uuid NOT NULL,
    object_id uuid NOT NULL, object_type_id integer NOT NULL);
CREATE TABLE job (
    job_id uuid PRIMARY KEY, action_type varchar(50) NOT NULL, description text NOT NULL, status varchar(32) NOT NULL,
    start_time timestamptz NOT NULL, end_time timestamptz);
CREATE TABLE step (
    step_id uuid PRIMARY KEY, parent_step_id uuid, job_id uuid NOT NULL REFERENCES job (job_id) ON DELETE CASCADE,
    step_type varchar(32) NOT NULL, description text NOT NULL, status varchar(32) NOT NULL);
CREATE TABLE job_subject_entity (
    job_id uuid NOT NULL REFERENCES job (job_id) ON DELETE CASCADE, entity_id uuid NOT NULL, entity_type varchar(32),
    PRIMARY KEY (job_id, entity_id));
CREATE TABLE step_subject_entity (
    step_id uuid NOT NULL REFERENCES step (step_id) ON DELETE CASCADE, entity_id uuid NOT NULL, entity_type varchar(32),
    PRIMARY KEY (step_id, entity_id));
CREATE TABLE async_tasks (
    task_id uuid PRIMARY KEY, action_type integer NOT NULL, status integer NOT NULL, result integer NOT NULL, step_id uuid,
    started_at timestamptz);
CREATE TABLE async_tasks_entities (
    async_task_id uuid NOT NULL REFERENCES async_tasks (task_id) ON DELETE CASCADE, entity_id uuid NOT NULL,
    entity_type varchar(128), PRIMARY KEY (async_task_id, entity_id));
CREATE TABLE command_entities (
    command_id uuid PRIMARY KEY, command_type integer NOT NULL, root_command_id uuid, command_parameters text,
    created_at timestamptz, status varchar(20));
CREATE TABLE command_assoc_entities (
    command_id uuid NOT NULL REFERENCES command_entities (command_id) ON DELETE CASCADE, entity_id uuid NOT NULL,
    PRIMARY KEY (command_id, entity_id));
CREATE TABLE business_entity_snapshot (
    id uuid PRIMARY KEY, command_id uuid NOT NULL, entity_id varchar(128), entity_type varchar(128), entity_snapshot text,
    snapshot_type integer, insertion_order integer);
CREATE TABLE dwh_history_timekeeping (var_name varchar(50) PRIMARY KEY, var_value varchar(255), var_datetime timestamptz);
CREATE SEQUENCE audit_log_seq;
CREATE TABLE audit_log (
    audit_log_id bigint PRIMARY KEY DEFAULT nextval('audit_log_seq'), user_id uuid, user_name varchar(255), vm_id uuid,
    vm_name varchar(255), vds_id uuid, vds_name varchar(255), log_time timestamptz NOT NULL,
    log_type_name varchar(100) DEFAULT '', log_type integer NOT NULL, severity integer NOT NULL, message text NOT NULL,
    processed boolean NOT NULL DEFAULT false, correlation_id varchar(50), job_id uuid, origin varchar(255) DEFAULT 'oVirt',
    custom_event_id integer DEFAULT -1, deleted boolean DEFAULT false, custom_data text DEFAULT '');
CREATE INDEX idx_audit_log_log_time ON audit_log (log_time);
CREATE TABLE engine_backup_log (
    scope varchar(64) NOT NULL, done_at timestamptz NOT NULL, is_passed boolean NOT NULL, output_message text,
    fqdn varchar(255), log_path text, PRIMARY KEY (scope, done_at));

CREATE TABLE aaa_jdbc.settings (
    id serial PRIMARY KEY, uuid uuid NOT NULL, name text NOT NULL, value text NOT NULL, type text NOT NULL, description text);
CREATE TABLE aaa_jdbc.users (
    id serial PRIMARY KEY, uuid uuid NOT NULL UNIQUE, name text NOT NULL, password text NOT NULL, password_valid_to timestamptz,
    login_allowed bytea, nopasswd integer NOT NULL DEFAULT 0, disabled integer NOT NULL DEFAULT 0);
CREATE TABLE aaa_jdbc.groups (id serial PRIMARY KEY, uuid uuid NOT NULL, name text NOT NULL);
CREATE TABLE aaa_jdbc.user_groups (
    user_id integer NOT NULL REFERENCES aaa_jdbc.users (id), group_id integer NOT NULL REFERENCES aaa_jdbc.groups (id),
    PRIMARY KEY (user_id, group_id));

-- What follows exists to break careless readers of dumps; all of it has names that engine-cleanup can drop.
CREATE TABLE single_text (v text);
CREATE TABLE no_rows (id integer, v text);
CREATE TABLE no_columns ();
CREATE TABLE generated_size (
    id integer PRIMARY KEY, bytes bigint NOT NULL, mib bigint GENERATED ALWAYS AS (bytes / 1048576) STORED, note text);
CREATE TABLE dropped_column (a integer, b text, c text);
ALTER TABLE dropped_column DROP COLUMN b;
CREATE TABLE binary_values (id integer PRIMARY KEY, content bytea, document jsonb, tags text[]);
CREATE TABLE event_parent (id integer, name text);
CREATE TABLE event_child (extra text) INHERITS (event_parent);
CREATE TABLE measurement (taken date NOT NULL, host integer, value numeric) PARTITION BY RANGE (taken);
CREATE TABLE measurement_2025 PARTITION OF measurement FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE measurement_2026 PARTITION OF measurement FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE UNLOGGED TABLE unlogged_cache (id integer, v text);

CREATE VIEW vms AS
    SELECT s.vm_guid, s.vm_name, d.status, d.run_on_vds, c.name AS cluster_name, 'COPY public.vms (a) FROM stdin;
\.
'::text AS trap
    FROM vm_static s JOIN vm_dynamic d USING (vm_guid) LEFT JOIN cluster c USING (cluster_id);
CREATE MATERIALIZED VIEW vm_count_by_cluster AS SELECT cluster_id, count(*) AS vms FROM vm_static GROUP BY cluster_id WITH NO DATA;
CREATE TYPE odd_pair AS (first text, second integer);

CREATE FUNCTION copy_example(v_limit integer) RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    v_text text := 'it''s a trap';
BEGIN
/*
COPY public.vm_static (vm_guid, vm_name) FROM stdin;
00000000-0000-0000-0000-000000000000	not a row
\.

-- Data for Name: vm_static; Type: TABLE DATA; Schema: public; Owner: engine
COPY public.no_rows (id, v) FROM stdin;
1	not a row either
\.
*/
    RETURN v_text;
END; $body$;
CREATE FUNCTION copy_unclosed() RETURNS text LANGUAGE sql AS $body$
SELECT '
COPY public.audit_log (audit_log_id, message) FROM stdin;
'::text
$body$;
COMMENT ON FUNCTION copy_unclosed() IS 'Never closes its block:
COPY public.users (user_id) FROM stdin;
no end follows';
COMMENT ON TABLE no_rows IS 'A comment that looks like data:
COPY public.no_rows (id, v) FROM stdin;
1	x
2	y
\.
';
COMMENT ON COLUMN vm_static.vm_name IS '\.
';
ALTER TABLE single_text ALTER COLUMN v SET DEFAULT '
COPY public.single_text (v) FROM stdin;
default
\.
';

CREATE FUNCTION DeleteBackupRelatedAlerts() RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE audit_log SET deleted = true WHERE log_type IN (9022, 9023, 9026) AND NOT deleted;
END; $body$;
CREATE FUNCTION LogEngineBackupEvent(
    v_scope varchar, v_done_at timestamptz, v_status integer, v_output_message text, v_fqdn varchar, v_log_path text)
RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    v_type integer := CASE v_status WHEN 0 THEN 9024 WHEN 1 THEN 9025 ELSE 9026 END;
BEGIN
    IF v_status <> 0 THEN
        INSERT INTO engine_backup_log (scope, done_at, is_passed, output_message, fqdn, log_path)
        VALUES (v_scope, v_done_at, v_status = 1, v_output_message, v_fqdn, v_log_path);
    END IF;
    IF v_status = 1 THEN
        PERFORM DeleteBackupRelatedAlerts();
    END IF;
    INSERT INTO audit_log (log_time, log_type_name, log_type, severity, message)
    VALUES (v_done_at,
            CASE v_status WHEN 0 THEN 'ENGINE_BACKUP_STARTED' WHEN 1 THEN 'ENGINE_BACKUP_COMPLETED' ELSE 'ENGINE_BACKUP_FAILED' END,
            v_type, CASE WHEN v_status < 0 THEN 10 ELSE 0 END, v_output_message);
END; $body$;
CREATE FUNCTION touch_vm_hash() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.hash := coalesce(NEW.hash, '0');
    RETURN NEW;
END; $body$;
CREATE TRIGGER set_vm_hash BEFORE INSERT ON vm_dynamic FOR EACH ROW EXECUTE PROCEDURE touch_vm_hash();
