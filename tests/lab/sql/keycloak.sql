-- A Keycloak database as small as one is: text keys, few rows, some events.
SET client_min_messages = warning;

CREATE TABLE databasechangelog (
    id varchar(255) NOT NULL, author varchar(255) NOT NULL, filename varchar(255) NOT NULL, dateexecuted timestamp NOT NULL,
    orderexecuted integer NOT NULL, md5sum varchar(35));
CREATE TABLE realm (id varchar(36) PRIMARY KEY, name varchar(255) UNIQUE, enabled boolean NOT NULL DEFAULT false, not_before integer);
CREATE TABLE realm_attribute (
    name varchar(255) NOT NULL, realm_id varchar(36) NOT NULL REFERENCES realm (id), value text, PRIMARY KEY (name, realm_id));
CREATE TABLE client (
    id varchar(36) PRIMARY KEY, client_id varchar(255), realm_id varchar(36) REFERENCES realm (id), secret varchar(255), enabled boolean);
CREATE TABLE user_entity (
    id varchar(36) PRIMARY KEY, email varchar(255), username varchar(255), realm_id varchar(255), created_timestamp bigint);
CREATE TABLE credential (
    id varchar(36) PRIMARY KEY, salt bytea, type varchar(255), user_id varchar(36) REFERENCES user_entity (id),
    secret_data text, credential_data text);
CREATE TABLE keycloak_role (id varchar(36) PRIMARY KEY, name varchar(255), realm_id varchar(255), description varchar(255));
CREATE TABLE event_entity (
    id varchar(36) PRIMARY KEY, client_id varchar(255), details_json varchar(2550), event_time bigint, type varchar(255));
CREATE TABLE offline_user_session (user_session_id varchar(36), data text);

INSERT INTO databasechangelog SELECT 'change-' || g, 'keycloak', 'META-INF/jpa-changelog-' || g || '.xml', now(), g, md5(g::text)
    FROM generate_series(1, 90) g;
INSERT INTO realm VALUES (md5('master')::uuid::text, 'master', true, 0), (md5('ovirt')::uuid::text, 'ovirt-internal', true, 0);
INSERT INTO realm_attribute SELECT 'attribute' || g, r.id, E'v\t' || g FROM realm r, generate_series(1, 20) g;
INSERT INTO client SELECT md5('client' || g)::uuid::text, 'client-' || g, md5('ovirt')::uuid::text, md5(random()::text), true
    FROM generate_series(1, 12) g;
INSERT INTO user_entity SELECT md5('kuser' || g)::uuid::text, 'k' || g || '@lab.test', 'user' || g, 'ovirt-internal', 1767225600000 + g
    FROM generate_series(1, 25) g;
INSERT INTO credential SELECT md5('cred' || g)::uuid::text, decode(md5(g::text), 'hex'), 'password', md5('kuser' || g)::uuid::text,
    '{"value":"' || md5(g::text) || '","salt":"\n"}', '{"hashIterations":27500}' FROM generate_series(1, 25) g;
INSERT INTO keycloak_role SELECT md5('krole' || g)::uuid::text, 'role' || g, 'ovirt-internal', '' FROM generate_series(1, 40) g;
INSERT INTO event_entity SELECT md5('event' || g)::uuid::text, 'ovirt-engine-internal', '{"auth_method":"openid-connect","code_id":"' || md5(random()::text)::uuid || '"}',
    1767225600000 + g * 977, 'LOGIN' FROM generate_series(1, 300 * :scale) g;
