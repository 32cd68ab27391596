-- The database behind the recorded dumps; README.md says how they were made.
CREATE SCHEMA aaa_jdbc;
CREATE TABLE public.vm_static (vm_guid integer PRIMARY KEY, description text);
INSERT INTO public.vm_static SELECT n, 'vm ' || n FROM generate_series(1, 20) AS n;
CREATE TABLE public.no_rows (id integer DEFAULT 1);
CREATE TABLE public.no_columns ();
INSERT INTO public.no_columns DEFAULT VALUES;
INSERT INTO public.no_columns DEFAULT VALUES;
CREATE TABLE aaa_jdbc."Odd name" (note text);
INSERT INTO aaa_jdbc."Odd name" VALUES (E'\\.'), (E'a\n\\.\nb'), ('COPY public.no_rows (id) FROM stdin;');
CREATE FUNCTION public.trap() RETURNS text LANGUAGE sql AS E'SELECT $$\nCOPY public.no_rows (id) FROM stdin;\n1\n\\.\n$$';
SELECT lo_from_bytea(20001, 'large object');
SELECT lo_create(20002);
CREATE ROLE engine;
CREATE ROLE grafana_reader;
ALTER TABLE public.vm_static OWNER TO engine;
GRANT SELECT ON public.vm_static TO grafana_reader;
