-- Owners and grantees for nasty.sql.
CREATE ROLE engine;
CREATE ROLE grafana_reader;
CREATE ROLE "Role with "" and TO x";
CREATE ROLE column_reader;
CREATE ROLE default_reader;
