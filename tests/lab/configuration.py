# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of the configuration files of an engine host, with the variable names of the real ones."""

from __future__ import annotations

from .layout import Database, Lab

Files = dict[str, tuple[int, str]]
ENGINE_CONFIG_KEYS = "DbJustRestored.type=Boolean\nDisableFenceAtStartupInSec.type=Integer\n"
ENGINE_CONF = "etc/ovirt-engine/engine.conf.d/"
# The identity that the engine's database knows the Data Warehouse by.
DWH_UUID = "3be8160f-e30b-74ee-9ca2-c935eddc1392"
DWH_CONF = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/"
# For an engine on another host: the name of this host stands in place of localhost.
DWH_EXAMPLE = "etc/ovirt-engine-dwh/examples/10-setup-dwh-database.conf"


def files(lab: Lab) -> Files:
    """Path below the prefix -> (mode, text)."""
    return {**packaged_files(lab), **setup_files(lab)}


def packaged_files(lab: Lab) -> Files:
    """What the packages bring, engine-setup or not."""
    found: Files = {
        "share/ovirt-engine/services/ovirt-engine/ovirt-engine.conf": (0o644, _defaults(lab)),
        "etc/ovirt-engine/logger.properties": (0o644, "level=INFO\n"),
        "etc/ovirt-engine/engine-config/engine-config.properties": (0o644, ENGINE_CONFIG_KEYS),
        "etc/ovirt-engine-setup.conf.d/10-packaging.conf": (0o644, "[environment:default]\n"),
        "etc/httpd/conf.d/ssl.conf": (0o644, "SSLEngine on\n"),
    }
    if "dwh" in lab.components:
        found["etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf"] = (0o644, "# Defaults of the Data Warehouse\n")
    if "grafana" in lab.components:
        found["etc/grafana/grafana.ini"] = (0o640, "[server]\nprotocol = http\n")
    return found


def constant_files(lab: Lab) -> Files:
    """What engine-setup writes without looking at a database."""
    return {
        ENGINE_CONF + "10-setup-pki.conf": (0o640, _pki(lab)),
        ENGINE_CONF + "11-setup-sso.conf": (0o640, _sso(lab)),
        ENGINE_CONF + "10-setup-java.conf": (0o644, 'ENGINE_JAVA_HOME="/usr/lib/jvm/jre-11"\n'),
        ENGINE_CONF + "10-setup-jboss.conf": (0o644, 'JBOSS_HOME="/usr/share/wildfly"\n'),
        "etc/httpd/conf.d/z-ovirt-engine-proxy.conf": (0o644, "ProxyPass /ovirt-engine ajp://127.0.0.1:8702\n"),
    }


def setup_files(lab: Lab) -> Files:
    """What engine-setup leaves behind: path below the prefix -> (mode, text)."""
    found: Files = {
        **constant_files(lab),
        ENGINE_CONF + "10-setup-database.conf": (0o640, database_block("ENGINE", lab.databases["engine"], lab.port)),
        ENGINE_CONF + "10-setup-protocols.conf": (0o644, protocols(lab)),
        "etc/ovirt-engine/aaa/internal.properties": (0o600, aaa("localhost", lab.port, *lab.databases["engine"])),
        "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf": (0o600, setup_state(lab)),
        "var/lib/ovirt-engine/setup/answers/20260101000000-setup.conf": (0o600, _answers(lab)),
    }
    if "dwh" in lab.components:
        found.update(_dwh_files(lab))
    found.update(_block_files(lab))
    found[ENGINE_CONF + "12-setup-keycloak.conf"] = (0o640, _keycloak(lab))
    if "grafana" in lab.components:
        found[ENGINE_CONF + "10-setup-grafana-access.conf"] = (0o640, 'ENGINE_GRAFANA_FQDN="{}"\n'.format(lab.fqdn))
    return found


def database_block(prefix: str, database: Database, port: int, host: str = "localhost") -> str:
    """The nine lines engine-setup writes for one database."""
    name, owner, password = database
    return (
        '{0}_DB_HOST="{5}"\n{0}_DB_PORT="{1}"\n{0}_DB_USER="{2}"\n{0}_DB_PASSWORD="{3}"\n{0}_DB_DATABASE="{4}"\n'
        '{0}_DB_SECURED="False"\n{0}_DB_SECURED_VALIDATION="False"\n{0}_DB_DRIVER="org.postgresql.Driver"\n'
        '{0}_DB_URL="jdbc:postgresql://${{{0}_DB_HOST}}:${{{0}_DB_PORT}}/${{{0}_DB_DATABASE}}'
        '?sslfactory=org.postgresql.ssl.NonValidatingFactory"\n'
    ).format(prefix, port, owner, password, name, host)


def _defaults(lab: Lab) -> str:
    users = [
        ("ENGINE", "engine", "engine"),
        ("DWH", "engine_history", "engine_history"),
        ("KEYCLOAK", "ovirt_engine_keycloak", "ovirt_engine_keycloak"),
    ]
    if is_managed_block(lab.version):
        users.append(("MANAGEDBLOCK", "ovirt_managedblock", "ovirt_managedblock"))
    else:
        users.append(("CINDERLIB", "ovirt_cinderlib", "ovirt_cinderlib"))
    text = (
        'ENGINE_ETC="{0}/etc/ovirt-engine"\nENGINE_VAR="{0}/var/lib/ovirt-engine"\nENGINE_USR="{0}/share/ovirt-engine"\n'
        'ENGINE_UP_MARK="${{ENGINE_VAR}}/engine.up"\nENGINE_FQDN=\n'
    ).format(lab.prefix)
    for prefix, user, name in users:
        text += (
            '{0}_DB_HOST="localhost"\n{0}_DB_PORT="5432"\n{0}_DB_USER="{1}"\n{0}_DB_PASSWORD=""\n{0}_DB_DATABASE="{2}"\n'
            '{0}_DB_SECURED="False"\n{0}_DB_SECURED_VALIDATION="False"\n'
        ).format(prefix, user, name)
    return text


def is_managed_block(version: str) -> bool:
    """Whether this version has the managed block database in place of cinderlib."""
    return version.startswith("4.5.8")


def protocols(lab: Lab) -> str:
    """Names and ports of the engine; plain HTTP has a port of this lab's own."""
    return (
        'ENGINE_FQDN="{}"\nENGINE_PROXY_ENABLED="true"\nENGINE_PROXY_HTTP_PORT="{}"\nENGINE_PROXY_HTTPS_PORT="443"\n'
        'ENGINE_AJP_ENABLED="true"\nENGINE_AJP_PORT="8702"\nENGINE_HTTP_ENABLED="false"\nENGINE_HTTPS_ENABLED="false"\n'
    ).format(lab.fqdn, lab.http_port)


def _pki(lab: Lab) -> str:
    pki = lab.prefix / "etc/pki/ovirt-engine"
    return (
        'ENGINE_PKI="{0}"\nENGINE_PKI_CA="{0}/ca.pem"\nENGINE_PKI_ENGINE_CERT="{0}/certs/engine.cer"\n'
        'ENGINE_PKI_TRUST_STORE="{0}/.truststore"\nENGINE_PKI_TRUST_STORE_PASSWORD="mypass"\n'
        'ENGINE_PKI_ENGINE_STORE="{0}/keys/engine.p12"\nENGINE_PKI_ENGINE_STORE_PASSWORD="mypass"\n'
        'ENGINE_PKI_ENGINE_STORE_ALIAS="1"\n'
    ).format(pki)


def _sso(lab: Lab) -> str:
    return 'ENGINE_SSO_CLIENT_ID="ovirt-engine-core"\nENGINE_SSO_CLIENT_SECRET="{}"\nENGINE_SSO_AUTH_URL="https://{}:443/ovirt-engine/sso"\n'.format(
        lab.secrets[1], lab.fqdn
    )


def aaa(host: str, port: int, name: str, owner: str, password: str) -> str:
    """The profile of the internal users: Java properties, where a colon is protected."""
    return (
        "config.datasource.jdbcurl=jdbc\\:postgresql\\://{}\\:{}/{}?sslfactory=org.postgresql.ssl.NonValidatingFactory\n"
        "config.datasource.dbuser={}\nconfig.datasource.dbpassword={}\n"
        "config.datasource.jdbcdriver=org.postgresql.Driver\nconfig.datasource.schemaname=aaa_jdbc\n"
    ).format(host, port, name, owner, password.replace("\\", "\\\\").replace(":", "\\:"))


def _dwh_files(lab: Lab) -> Files:
    engine, dwh = (database_block(p, lab.databases[k], lab.port) for p, k in (("ENGINE", "engine"), ("DWH", "dwh")))
    grafana = grafana_block(lab.secrets[0], lab.databases["dwh"].name)
    return {
        DWH_CONF + "10-setup-database.conf": (0o600, engine + dwh),
        DWH_CONF + "10-setup-uuid.conf": (0o644, "DWH_UUID={}\n".format(DWH_UUID)),
        DWH_CONF + "10-setup-scale.conf": (0o644, "DWH_TABLES_KEEP_SAMPLES=24\nDWH_TABLES_KEEP_HOURLY=720\n"),
        DWH_CONF + "10-setup-grafana-database.conf": (0o640, grafana),
        ENGINE_CONF + "10-setup-dwh-database.conf": (0o600, dwh),
        DWH_EXAMPLE: (0o600, database_block("DWH", lab.databases["dwh"], lab.port, lab.fqdn)),
    }


def grafana_block(password: str, database: str) -> str:
    """How Grafana reads the Data Warehouse."""
    return (
        'GRAFANA_DB_USER="ovirt_engine_history_grafana"\nGRAFANA_DB_PASSWORD="{}"\nGRAFANA_DB_DATABASE="{}"\n'
    ).format(password, database)


def _block_files(lab: Lab) -> Files:
    kind = "managedblock" if is_managed_block(lab.version) else "cinderlib"
    enabled = kind in lab.databases
    name = ENGINE_CONF + "10-setup-{}".format(kind)
    found: Files = {name + ".conf": (0o640, "{}_DB_ENABLE={}\n".format(kind.upper(), str(enabled).lower()))}
    if enabled:
        found[name + "-database.conf"] = (0o640, database_block(kind.upper(), lab.databases[kind], lab.port))
    return found


def _keycloak(lab: Lab) -> str:
    if "keycloak" not in lab.components:
        return "KEYCLOAK_BUNDLED=false\n"
    return keycloak(lab.fqdn, lab.secrets[2]) + database_block("KEYCLOAK", lab.databases["keycloak"], lab.port)


def keycloak(fqdn: str, secret: str) -> str:
    """Everything about Keycloak but its database."""
    return (
        "KEYCLOAK_BUNDLED=true\nENGINE_SSO_ENABLE_EXTERNAL_SSO=true\n"
        'ENGINE_SSO_EXTERNAL_SSO_LOGOUT_URI="${{ENGINE_URI}}/callback"\nEXTERNAL_OIDC_USER_INFO_END_POINT='
        '"https://{0}/ovirt-engine-auth/realms/ovirt-internal/protocol/openid-connect/userinfo"\n'
        'EXTERNAL_OIDC_CLIENT_ID="ovirt-engine-internal"\nEXTERNAL_OIDC_CLIENT_SECRET="{1}"\nKEYCLOAK_DB_MAX_CONNECTIONS=100\n'
    ).format(fqdn, secret)


def setup_state(lab: Lab) -> str:
    """What engine-setup leaves behind: which components are set up, and secrets."""
    block = "OVESETUP_MB_DB/enable" if is_managed_block(lab.version) else "OVESETUP_CL_DB/enable"
    flags = {
        "OVESETUP_ENGINE_CORE/enable": True,
        "OVESETUP_DWH_CORE/enable": "dwh" in lab.components,
        "OVESETUP_GRAFANA_CORE/enable": "grafana" in lab.components,
        "OVESETUP_CONFIG/keycloakEnable": "keycloak" in lab.components,
        block: "block" in lab.components,
        "OVESETUP_APACHE/configured": True,
        "OVESETUP_VMCONSOLE_PROXY_CONFIG/vmconsoleProxyConfig": True,
        "OVESETUP_OVN/ovirtProviderOvn": False,
        "OVESETUP_CONFIG/websocketProxyConfig": True,
    }
    text = "[environment:default]\nOVESETUP_CORE/generatedByVersion=str:{}-1.el9\n".format(lab.version)
    text += "".join("{}=bool:{}\n".format(key, value) for key, value in flags.items())
    return text + (
        "OVESETUP_CONFIG/fqdn=str:{0}\nOVESETUP_ENGINE_CONFIG/fqdn=str:{0}\nOVESETUP_CONFIG/firewallManager=str:firewalld\n"
        "OVESETUP_CONFIG/adminUser=str:admin@internal\nOVESETUP_PKI/country=str:US\nOVESETUP_PKI/organization=str:lab.test\n"
        "OVESETUP_DWH_CONFIG/scale=str:1\nOVESETUP_CONFIG/keycloakOvirtClientSecret=str:{1}\n"
    ).format(lab.fqdn, lab.secrets[2])


def _answers(lab: Lab) -> str:
    return "[environment:default]\nOVESETUP_CONFIG/adminPassword=str:{}\nOVESETUP_DB/password=str:{}\n".format(
        lab.secrets[3], lab.databases["engine"].password
    )
