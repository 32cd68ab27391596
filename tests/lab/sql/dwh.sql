-- The Data Warehouse: few configuration rows, many samples.
SET client_min_messages = warning;

CREATE TABLE schema_version (
    id serial PRIMARY KEY, version varchar(10) NOT NULL, script varchar(255) NOT NULL, checksum varchar(128),
    installed_by varchar(63) NOT NULL, state varchar(15) NOT NULL, current boolean NOT NULL);
CREATE TABLE history_configuration (var_name varchar(50) PRIMARY KEY, var_value varchar(255), var_datetime timestamptz);
CREATE TABLE calendar (the_datetime timestamptz PRIMARY KEY, the_date date, the_hour smallint);
CREATE TABLE datacenter_configuration (
    history_id serial PRIMARY KEY, datacenter_id uuid NOT NULL, datacenter_name varchar(40), create_date timestamptz);
CREATE TABLE cluster_configuration (
    history_id serial PRIMARY KEY, cluster_id uuid NOT NULL, cluster_name varchar(40), datacenter_id uuid);
CREATE TABLE host_configuration (
    history_id serial PRIMARY KEY, host_id uuid NOT NULL, host_name varchar(255), cluster_id uuid, memory_size_mb integer);
CREATE TABLE vm_configuration (
    history_id serial PRIMARY KEY, vm_id uuid NOT NULL, vm_name varchar(255), cluster_id uuid, memory_size_mb integer);
CREATE TABLE storage_domain_configuration (history_id serial PRIMARY KEY, storage_domain_id uuid NOT NULL, storage_domain_name varchar(250));
CREATE TABLE vm_samples_history (
    history_id bigserial, history_datetime timestamptz NOT NULL, vm_id uuid NOT NULL, vm_status smallint NOT NULL,
    minutes_in_status numeric(7, 2) NOT NULL, cpu_usage_percent smallint, memory_usage_percent smallint,
    user_cpu_usage_percent smallint, vm_ip text, currently_running_on_host uuid, vm_configuration_version integer);
CREATE TABLE vm_hourly_history (
    history_id bigserial, history_datetime timestamptz NOT NULL, vm_id uuid NOT NULL, vm_status smallint NOT NULL,
    minutes_in_status numeric(7, 2) NOT NULL, cpu_usage_percent smallint, max_cpu_usage integer, memory_usage_percent smallint,
    max_memory_usage smallint, uptime_seconds bigint, receive_rate_percent smallint, transmit_rate_percent smallint);
CREATE TABLE vm_daily_history (LIKE vm_hourly_history);
CREATE TABLE host_samples_history (
    history_id bigserial, history_datetime timestamptz NOT NULL, host_id uuid NOT NULL, host_status smallint NOT NULL,
    minutes_in_status numeric(7, 2), memory_usage_percent smallint, cpu_usage_percent smallint, ksm_cpu_percent smallint,
    active_vms smallint, total_vms smallint);
CREATE TABLE host_hourly_history (LIKE host_samples_history);
CREATE TABLE host_daily_history (LIKE host_samples_history);
CREATE VIEW v4_4_latest_configuration_hosts AS SELECT host_id, host_name FROM host_configuration;
CREATE FUNCTION delete_older(v_days integer) RETURNS integer LANGUAGE plpgsql AS $body$
BEGIN
    -- looks like a block:
/*
COPY public.calendar (the_datetime) FROM stdin;
\.
*/
    DELETE FROM vm_samples_history WHERE history_datetime < now() - v_days * interval '1 day';
    RETURN 1;
END; $body$;

INSERT INTO schema_version (version, script, checksum, installed_by, state, current)
    SELECT '0405' || lpad((g * 10)::text, 4, '0'), 'upgrade/' || g || '.sql', md5(g::text), 'ovirt_engine_history', 'INSTALLED', g = 9
    FROM generate_series(1, 9) g;
INSERT INTO history_configuration VALUES ('firstSync', 'false', now()), ('lastHourAggr', NULL, now()), ('lastDayAggr', NULL, now());
INSERT INTO calendar SELECT t, t::date, extract(hour FROM t)
    FROM generate_series(timestamptz '2026-01-01', timestamptz '2026-02-01', interval '1 hour') t;
INSERT INTO datacenter_configuration (datacenter_id, datacenter_name, create_date) VALUES (md5('dc1')::uuid, 'Default', now());
INSERT INTO cluster_configuration (cluster_id, cluster_name) SELECT md5('cluster' || g)::uuid, 'cluster-' || g FROM generate_series(1, 4) g;
INSERT INTO host_configuration (host_id, host_name, memory_size_mb)
    SELECT md5('host' || g)::uuid, 'host-' || g, 524288 FROM generate_series(1, 20) g;
INSERT INTO vm_configuration (vm_id, vm_name, memory_size_mb)
    SELECT md5('vm' || g)::uuid, 'vm-' || g, 4096 FROM generate_series(1, 60) g;
INSERT INTO storage_domain_configuration (storage_domain_id, storage_domain_name)
    SELECT md5('sd' || g)::uuid, 'domain-' || g FROM generate_series(1, 8) g;
INSERT INTO vm_samples_history (history_datetime, vm_id, vm_status, minutes_in_status, cpu_usage_percent, memory_usage_percent,
        user_cpu_usage_percent, vm_ip, currently_running_on_host, vm_configuration_version)
    SELECT timestamptz '2026-01-01' + g / 60 * interval '20 seconds', md5('vm' || 1 + g % 60)::uuid, 1, round((random() * 60)::numeric, 2), random() * 100,
           random() * 100, random() * 60, '10.0.' || (random() * 3)::integer || '.' || (random() * 250)::integer, md5('host' || 1 + (random() * 19)::integer)::uuid, 1 + g % 60
    FROM generate_series(1, 18000 * :scale) g;
INSERT INTO vm_hourly_history (history_datetime, vm_id, vm_status, minutes_in_status, cpu_usage_percent, max_cpu_usage,
        memory_usage_percent, max_memory_usage, uptime_seconds, receive_rate_percent, transmit_rate_percent)
    SELECT timestamptz '2026-01-01' + g / 60 * interval '1 hour', md5('vm' || 1 + g % 60)::uuid, 1, round((random() * 60)::numeric, 2), random() * 100,
           random() * 100, random() * 100, random() * 100, g * 60 + (random() * 1000000)::integer, random() * 100, random() * 100
    FROM generate_series(1, 15000 * :scale) g;
INSERT INTO vm_daily_history SELECT * FROM vm_hourly_history WHERE history_id % 24 = 0;
INSERT INTO host_samples_history (history_datetime, host_id, host_status, minutes_in_status, memory_usage_percent,
        cpu_usage_percent, ksm_cpu_percent, active_vms, total_vms)
    SELECT timestamptz '2026-01-01' + g / 20 * interval '20 seconds', md5('host' || 1 + g % 20)::uuid, 3, round((random() * 60)::numeric, 2), random() * 100,
           random() * 100, 0, 3, 3 FROM generate_series(1, 7000 * :scale) g;
INSERT INTO host_hourly_history SELECT * FROM host_samples_history WHERE history_id % 180 = 0;
CREATE INDEX idx_vm_samples_history_datetime ON vm_samples_history (history_datetime);
CREATE INDEX idx_vm_hourly_history_datetime ON vm_hourly_history (history_datetime);
CREATE INDEX idx_host_samples_history_datetime ON host_samples_history (history_datetime);
ALTER TABLE vm_samples_history ADD PRIMARY KEY (history_id);
ALTER TABLE vm_hourly_history ADD PRIMARY KEY (history_id);
GRANT USAGE ON SCHEMA public TO ovirt_engine_history_grafana;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ovirt_engine_history_grafana;
