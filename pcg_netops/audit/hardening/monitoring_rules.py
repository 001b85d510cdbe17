"""Rules about what a device tells others and is told by them: SNMP, time, logs."""

from __future__ import annotations

from pcg_netops.audit.finding import Severity
from pcg_netops.audit.hardening.spelling import (
    Spelling,
    TextRule,
    each,
    every,
    forbids,
    requires,
    text_rule,
)

_NTP_IOS = (
    "ntp authenticate\nntp authentication-key 1 hmac-sha2-256 pcg_secret_ntp_\nntp trusted-key 1\n"
)

MONITORING_RULES: tuple[TextRule, ...] = (
    text_rule(
        "PCG406",
        "SNMP is older than version 3, or its packets are not encrypted",
        Severity.ERROR,
        "Versions 1 and 2c send their password, the community, in clear.",
        "RFC 3411, RFC 3414; STIG V-215841, V-215842, V-217337, V-217338",
        Spelling(
            "iosxe.conf",
            forbids(
                r"^snmp-server community ",
                r"^snmp-server group \S+ (v1|v2c|v3 (noauth|auth))\b",
                r"^snmp-server host \S+ (?!.*version 3 priv)",
            ),
            "snmp-server community public ro\n",
            "snmp-server group watch v3 priv\n",
        ),
        Spelling(
            "junos.conf",
            forbids(
                r"^snmp (community|trap-group) ",
                r"^snmp v3 .*(authentication-none|privacy-none)",
                r"^snmp v3 .*security-level (none|authentication)",
            ),
            "snmp { community public; }\n",
            "snmp { v3 { usm { local-engine { user watch { privacy-aes128; } } } } }\n",
        ),
        Spelling(
            "snmpd.conf",
            forbids(
                r"^(rocommunity|rwcommunity|com2sec|trapsink|trap2sink|trapcommunity)",
                r"^(rouser|rwuser)\s+\S+(?!.*\b(authPriv|priv)\b)",
            ),
            "rocommunity public\n",
            "rouser watch priv\n",
        ),
    ),
    text_rule(
        "PCG407",
        "The time comes from servers that are not authenticated",
        Severity.WARNING,
        "Whoever can set a device's clock can make its certificates fail and its logs lie.",
        "RFC 8633 section 4.1; STIG V-215843, V-217339",
        Spelling(
            "iosxe.conf",
            every(
                requires("ntp server", r"^ntp server "),
                requires("ntp authenticate", r"^ntp authenticate$"),
                requires("ntp trusted-key", r"^ntp trusted-key "),
                forbids(r"^ntp server (?!.* key \d+)"),
            ),
            f"{_NTP_IOS}ntp server 198.18.7.1\n",
            f"{_NTP_IOS}ntp server 198.18.7.1 key 1\n",
        ),
        Spelling(
            "junos.conf",
            every(
                requires("system ntp server", r"^system ntp server "),
                requires("system ntp trusted-key", r"^system ntp trusted-key "),
                each(r"^system ntp server [\d.]+", "key", r" key \d+$"),
            ),
            "system { ntp { trusted-key 1; server 198.18.7.1; } }\n",
            "system { ntp { trusted-key 1; server 198.18.7.1 key 1; } }\n",
        ),
        Spelling(
            "chrony.conf",
            every(
                requires("server", r"^(server|pool)\s"),
                forbids(r"^(server|pool|peer)\s(?!.*\s(key \d+|nts)\b)"),
            ),
            "server 198.18.7.1 iburst\n",
            "server 198.18.7.1 iburst key 1\n",
        ),
    ),
    text_rule(
        "PCG408",
        "Events are not sent to another machine with a time that has a zone",
        Severity.WARNING,
        "A log that stays on the device goes with it. Times without a zone cannot be laid beside"
        " those of others, least of all in the night in which the clocks change.",
        "RFC 5424 section 6.2.3; STIG V-220139, V-220141, V-217335",
        Spelling(
            "iosxe.conf",
            every(
                requires("logging host", r"^logging (host )?[\d.]+|^logging host "),
                requires(
                    "service timestamps log datetime show-timezone",
                    r"^service timestamps log datetime .*show-timezone",
                ),
            ),
            "service timestamps log datetime\nlogging host 198.18.7.1\n",
            "service timestamps log datetime msec show-timezone\nlogging host 198.18.7.1\n",
        ),
        Spelling(
            "junos.conf",
            every(
                requires("system syslog host", r"^system syslog host "),
                requires("structured-data", r"^system syslog host \S+ structured-data"),
            ),
            "system { syslog { host 198.18.7.1 { any notice; } } }\n",
            "system { syslog { host 198.18.7.1 { any notice; structured-data; } } }\n",
        ),
        Spelling(
            "rsyslog.conf",
            every(
                requires("omfwd", r'type="omfwd"|\s@@?[\w.]'),
                requires("RSYSLOG_SyslogProtocol23Format", r"RSYSLOG_SyslogProtocol23Format"),
            ),
            "*.* @198.18.7.1\n",
            "*.* @198.18.7.1;RSYSLOG_SyslogProtocol23Format\n",
        ),
    ),
)
