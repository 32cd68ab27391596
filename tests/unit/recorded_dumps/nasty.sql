-- A database made to mislead whoever counts rows in its dump. Needs PostgreSQL 14 or newer.
-- Every table says its number of rows in a comment "rows=<n>"; tests ask the server, too.
CREATE SCHEMA aaa_jdbc;
CREATE SCHEMA "Odd.Schema";
CREATE SCHEMA empty_schema;
SET check_function_bodies = off;

CREATE TABLE public.plain_rows (id integer PRIMARY KEY, note text);
INSERT INTO public.plain_rows SELECT n, 'row ' || n FROM generate_series(1, 1000) AS n;

CREATE TABLE public.no_rows (id integer, note text DEFAULT 'COPY public.plain_rows (id) FROM stdin;
1
\.
');

CREATE TABLE public.no_columns ();
INSERT INTO public.no_columns DEFAULT VALUES;
INSERT INTO public.no_columns DEFAULT VALUES;
INSERT INTO public.no_columns DEFAULT VALUES;

CREATE TABLE public.only_generated (twice integer GENERATED ALWAYS AS (2 * 3) STORED);
INSERT INTO public.only_generated DEFAULT VALUES;
INSERT INTO public.only_generated DEFAULT VALUES;

CREATE TABLE public.generated (base integer, twice integer GENERATED ALWAYS AS (base * 2) STORED, id bigint GENERATED ALWAYS AS IDENTITY);
INSERT INTO public.generated (base) SELECT generate_series(1, 7);

CREATE TABLE public.odd_values (id serial, note text, raw bytea, doc jsonb, words text[]);
INSERT INTO public.odd_values (note, raw, doc, words) VALUES
  (E'\\.', E'\\\\.\\012'::bytea, '{"a": "\\."}', ARRAY[E'\\.', E'a\nb']),
  (E'tab\there, newline\nthere, return\rtoo', NULL, NULL, NULL),
  (E'a\n\\.\nb', decode('5c2e0a5c2e0a00ff', 'hex'), 'null', '{}'),
  (E'\n\\.\n', ''::bytea, '[]', ARRAY[NULL, '']),
  ('', NULL, '"COPY public.x FROM stdin;"', NULL),
  (E'COPY public.plain_rows (id, note) FROM stdin;\n1\tx\n\\.\n', NULL, NULL, NULL),
  (E'-- PostgreSQL database dump complete\n--\n', NULL, NULL, NULL),
  (E'\\', NULL, NULL, NULL),
  (E'\\\\', NULL, NULL, NULL),
  ('grüße 你好 🐘 $$ /* -- '' "', NULL, NULL, NULL),
  (E'\b\f\v\x1b', NULL, NULL, NULL);

CREATE TABLE public.one_text (note text);
INSERT INTO public.one_text VALUES (''), (E'\\.'), (E'\n'), (NULL), ('.'), (E'\\N');

CREATE TABLE "Odd.Schema"."Table with space" ("Select" integer, "from stdin;" text);
INSERT INTO "Odd.Schema"."Table with space" VALUES (1, 'a'), (2, 'b');
CREATE TABLE "Odd.Schema"."quote""d" ("x""y" integer);
INSERT INTO "Odd.Schema"."quote""d" VALUES (1);
CREATE TABLE "Odd.Schema"."new
line" (id integer);
INSERT INTO "Odd.Schema"."new
line" VALUES (1), (2), (3);
CREATE TABLE "Odd.Schema"."COPY public.plain_rows FROM stdin;" (id integer);
INSERT INTO "Odd.Schema"."COPY public.plain_rows FROM stdin;" VALUES (1), (2);
CREATE TABLE "Odd.Schema"."-- PostgreSQL database dump complete" (id integer);
CREATE TABLE "Odd.Schema"."it's; $$ /* \." (id integer);
INSERT INTO "Odd.Schema"."it's; $$ /* \." VALUES (1);
CREATE TABLE aaa_jdbc."größe" (id integer);
INSERT INTO aaa_jdbc."größe" VALUES (1), (2), (3), (4);
CREATE TABLE aaa_jdbc.users (id integer PRIMARY KEY, "order" text CHECK ("order" <> E'\\.\n'), "end" integer);
INSERT INTO aaa_jdbc.users SELECT n, 'u', n FROM generate_series(1, 12) AS n;
CREATE UNLOGGED TABLE aaa_jdbc.unlogged (id integer);
INSERT INTO aaa_jdbc.unlogged VALUES (1);

CREATE TABLE public.parts (id integer, note text) PARTITION BY RANGE (id);
CREATE TABLE public.parts_low PARTITION OF public.parts FOR VALUES FROM (0) TO (100);
CREATE TABLE aaa_jdbc.parts_high PARTITION OF public.parts FOR VALUES FROM (100) TO (200);
INSERT INTO public.parts SELECT n, 'p' FROM generate_series(90, 119) AS n;
CREATE TABLE public.parent (id integer);
CREATE TABLE public.child (extra text) INHERITS (public.parent);
INSERT INTO public.parent VALUES (1), (2);
INSERT INTO public.child VALUES (3, 'c');

CREATE VIEW public.looks_like_copy AS
  SELECT id, note || E'\nCOPY public.plain_rows (id) FROM stdin;\n1\n\\.\n' AS "COPY x FROM stdin;" FROM public.plain_rows;
CREATE MATERIALIZED VIEW public.stored AS SELECT id, CASE WHEN id > 5 THEN 'big;' ELSE 'small' END AS size FROM public.plain_rows;

CREATE FUNCTION public.quoted_body() RETURNS integer LANGUAGE plpgsql AS $body$
BEGIN
  -- it's a trap; "
  /* not closed
  PERFORM $$ COPY public.plain_rows (id, note) FROM stdin;
1	x
\.
$$;
COPY public.plain_rows (id, note) FROM stdin;
1	x
2	y
\.
  RETURN 1;
END
$body$;
CREATE FUNCTION public.atomic_body(x integer, "begin" integer DEFAULT 1) RETURNS integer LANGUAGE sql
BEGIN ATOMIC
  SELECT CASE WHEN x > 1 THEN 1 ELSE CASE WHEN x = 0 THEN 2 ELSE 3 END END;
  SELECT count(*)::integer FROM public.plain_rows WHERE note <> E'COPY x FROM stdin;\n\\.\n';
END;
CREATE FUNCTION public.empty_atomic_body() RETURNS void LANGUAGE sql BEGIN ATOMIC END;
CREATE PROCEDURE public.atomic_procedure(IN x integer) LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO public.plain_rows VALUES (x, 'p');
  UPDATE public.plain_rows SET note = 'q' WHERE id = x;
END;
CREATE RULE two_actions AS ON DELETE TO public.plain_rows
  DO ALSO (INSERT INTO public.one_text VALUES ('a;'); INSERT INTO public.one_text VALUES ('b'));

COMMENT ON TABLE public.plain_rows IS 'COPY public.plain_rows (id, note) FROM stdin;
1	x
\.
--
-- PostgreSQL database dump complete
--

';
COMMENT ON TABLE public.no_rows IS E'back\\slash '' quote \\'' /* -- $$ ;';
COMMENT ON COLUMN public.plain_rows.id IS '\.';
COMMENT ON FUNCTION public.quoted_body() IS '\restrict x
\connect y';

SELECT lo_from_bytea(0, decode(repeat('5c2e0a', 7000), 'hex'));
SELECT lo_from_bytea(0, 'COPY public.plain_rows FROM stdin;');
SELECT lo_create(0);
