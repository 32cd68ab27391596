-- Cinderlib (4.5.7) or Managed Block (4.5.8): the same few tables.
SET client_min_messages = warning;

CREATE TABLE volumes (id varchar(36) PRIMARY KEY, host varchar(255), size integer, status varchar(255), deleted boolean DEFAULT false);
CREATE TABLE snapshots (id varchar(36) PRIMARY KEY, volume_id varchar(36) REFERENCES volumes (id), volume_size integer);
INSERT INTO volumes SELECT md5('volume' || g)::uuid::text, 'host@backend#pool', g, 'available' FROM generate_series(1, 15) g;
INSERT INTO snapshots SELECT md5('snapshot' || g)::uuid::text, md5('volume' || g)::uuid::text, g FROM generate_series(1, 5) g;
