-- What no engine has and engine-cleanup cannot drop, or does not: names that want quotes, a large object.
CREATE SCHEMA "Odd Schema.1";
CREATE TABLE "Odd Schema.1"."Table with ""quotes"", dots. and spaces" (id integer PRIMARY KEY, "Column.1" text, "Select" jsonb);
CREATE TABLE "Odd Schema.1"."two
lines" (id integer, note text);
CREATE TABLE "Odd Schema.1"."COPY x FROM stdin;" (v text);
CREATE TABLE "UPPER" (id serial, v text);
INSERT INTO "Odd Schema.1"."Table with ""quotes"", dots. and spaces"
    SELECT g, E'\\.\n\\.', '{"k": "COPY a FROM stdin;\n\\."}' FROM generate_series(1, 7) g;
INSERT INTO "Odd Schema.1"."two
lines" SELECT g, 'n' FROM generate_series(1, 3) g;
INSERT INTO "Odd Schema.1"."COPY x FROM stdin;" VALUES ('COPY public.x (y) FROM stdin;'), (E'\\.'), ('');
INSERT INTO "UPPER" (v) SELECT 'v' FROM generate_series(1, 11);
SELECT lo_from_bytea(0, decode(repeat('deadbeef00', 2000), 'hex')) > 0 AS large_object;
GRANT SELECT ON "UPPER" TO engine_reporting;
