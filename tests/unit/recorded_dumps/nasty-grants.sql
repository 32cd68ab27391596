ALTER TABLE public.plain_rows OWNER TO engine;
ALTER SCHEMA aaa_jdbc OWNER TO engine;
GRANT SELECT ON public.plain_rows TO grafana_reader WITH GRANT OPTION;
GRANT SELECT ON public.odd_values TO PUBLIC, "Role with "" and TO x";
GRANT SELECT ("end"), UPDATE ("order") ON aaa_jdbc.users TO column_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE engine IN SCHEMA aaa_jdbc GRANT SELECT ON TABLES TO default_reader;
SET ROLE grafana_reader;
GRANT SELECT ON public.plain_rows TO column_reader;
RESET ROLE;
