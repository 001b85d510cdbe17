"""Rules about who logs in to a device, by what way and for how long, read from its text."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.audit.finding import Severity
from pcg_netops.audit.hardening.configuration import Configuration
from pcg_netops.audit.hardening.spelling import (
    LOG_IN,
    RULESET,
    Fault,
    Spelling,
    TextRule,
    each,
    every,
    forbids,
    requires,
    text_rule,
)

_LONGEST_IDLE_S = 600
_VTY = r"^line vty [^/]*$"
# What a zone of Junos may take for the device itself: nothing that one can log in to.
_HARMLESS = r"(?:ping|traceroute|ike|ntp|bgp|bfd)"


def _long_sessions(configuration: Configuration) -> Iterator[Fault]:
    """IOS: 10 minutes are the default, so that no line is needed for them."""
    for statement, match in configuration.matching(r"exec-timeout (\d+)(?: (\d+))?$"):
        seconds = int(match[1]) * 60 + int(match[2] or 0)
        if not 0 < seconds <= _LONGEST_IDLE_S:
            yield Fault(statement.line, f"has '{statement.text}'", "write: exec-timeout 10 0")
    for statement, _ in configuration.matching(r"no exec-timeout$"):
        yield Fault(statement.line, f"has '{statement.text}'", "write: exec-timeout 10 0")


def _idle_classes(configuration: Configuration) -> Iterator[Fault]:
    """Junos: each class of users, and no user in a class that comes with the system."""
    for statement, match in configuration.matching(
        r"^system login class (\S+) idle-timeout (\d+)$"
    ):
        if not 0 < int(match[2]) * 60 <= _LONGEST_IDLE_S:
            yield Fault(statement.line, f"has '{statement.text}'", "write: idle-timeout 10")
    for statement, match in configuration.matching(r"^system login user (\S+) class (\S+)$"):
        if not configuration.has(rf"^system login (class {match[2]} )?idle-timeout "):
            message = f"class '{match[2]}' of user '{match[1]}' has no 'idle-timeout'"
            yield Fault(statement.line, message, "give the user a class that has one")


def _idle_channels(configuration: Configuration) -> Iterator[Fault]:
    """OpenSSH 9.2 and later: what an idle channel may last."""
    found = False
    for statement, match in configuration.matching(
        r"^(?i:channeltimeout)\s.*?(?:session:\*|session:shell|\*)=(\d+)([smh]?)\b"
    ):
        found = True
        if not 0 < int(match[1]) * {"m": 60, "h": 3600}.get(match[2], 1) <= _LONGEST_IDLE_S:
            yield Fault(statement.line, f"has '{statement.text}'", "write: session:*=10m")
    if not found:
        yield Fault(None, "has no 'ChannelTimeout session:*=10m'", "add it")


def _login_ways(configuration: Configuration) -> Iterator[Fault]:
    """nftables: log-in by one interface, which nothing is forwarded through."""
    for statement, match in configuration.matching(
        r" chain input / (.*dport (?:22|ssh)\b.*accept.*)"
    ):
        words = match[1]
        interface = next(iter(words.split('iifname "')[1:]), "").partition('"')[0]
        if not interface or "ip saddr " not in words:
            message = f"takes log-ins by any interface or from any source: '{words}'"
            yield Fault(statement.line, message, "name the management interface and network")
        elif not all(
            configuration.has(rf' chain forward / {way} "{interface}" drop')
            for way in ("iifname", "oifname")
        ):
            message = f"forwards between the management interface '{interface}' and others"
            yield Fault(statement.line, message, "drop what comes in or goes out by it")


def _open_lists(configuration: Configuration) -> Iterator[Fault]:
    """IOS: the list of those who may log in, if it lets in anybody or does not exist."""
    for statement, match in configuration.matching(r" / access-class (\S+) in"):
        listed = rf"^ip access-list (?:standard|extended) {match[1]} / "
        if not configuration.has(listed):
            yield Fault(statement.line, f"'{match[1]}' is not defined", "define it")
        for line, _ in configuration.matching(rf"{listed}(?:\d+ )?permit (?:any|ip any any)"):
            yield Fault(line.line, f"has '{line.text}'", "name the management network")


LOGIN_RULES: tuple[TextRule, ...] = (
    text_rule(
        "PCG401",
        "Log-in is not by SSH version 2 alone",
        Severity.ERROR,
        "Version 1 can be broken, and other protocols send passwords in clear.",
        "STIG V-215844, V-215845; RFC 4253",
        Spelling(
            "iosxe.conf",
            every(
                requires("ip ssh version 2", r"^ip ssh version 2$"),
                each(_VTY, "transport input ssh", r" / transport input (ssh|none)$"),
            ),
            "ip ssh version 2\nline vty 0 15\n transport input ssh telnet\n",
            "ip ssh version 2\nline vty 0 15\n transport input ssh\n",
        ),
        Spelling(
            "junos.conf",
            every(
                requires(
                    "system services ssh protocol-version v2",
                    r"^system services ssh protocol-version v2$",
                ),
                forbids(r"^system services ssh protocol-version v1$"),
            ),
            "system { services { ssh; } }\n",
            "system { services { ssh { protocol-version v2; } } }\n",
        ),
        Spelling(
            "sshd.conf",
            every(
                requires("PermitRootLogin no", r"^(?i:permitrootlogin)\s+no$"),
                requires("PasswordAuthentication no", r"^(?i:passwordauthentication)\s+no$"),
                forbids(r"^(?i:protocol)\s+.*1", r"^(?i:permitemptypasswords)\s+yes"),
            ),
            "PermitRootLogin yes\nPasswordAuthentication no\n",
            "PermitRootLogin no\nPasswordAuthentication no\n",
        ),
    ),
    text_rule(
        "PCG403",
        "Log-ins are not checked and recorded by a server",
        Severity.WARNING,
        "Accounts on each device outlive the people that they were for, and nobody sees who was"
        " there. A server knows who may log in; an account on the device is the last resort.",
        "STIG V-215854, V-215815; RFC 8907, RFC 2865",
        Spelling(
            "iosxe.conf",
            every(
                requires("aaa new-model", r"^aaa new-model$"),
                requires(
                    "aaa authentication login default group tacacs+ local",
                    r"^aaa authentication login \S+ group \S+ (.*)?local",
                ),
                requires("aaa accounting exec", r"^aaa accounting exec "),
            ),
            "aaa new-model\naaa authentication login default local\n",
            "aaa new-model\naaa authentication login default group tacacs+ local\n"
            "aaa accounting exec default start-stop group tacacs+\n",
        ),
        Spelling(
            "junos.conf",
            every(
                requires(
                    "system authentication-order [ tacplus password ]",
                    r"^system authentication-order (radius|tacplus)$",
                ),
                requires(
                    "system syslog host ... interactive-commands",
                    r"^system (accounting|syslog host \S+ interactive-commands) ",
                ),
            ),
            "system { authentication-order password; }\n",
            "system { authentication-order [ tacplus password ];\n"
            "syslog { host 198.18.7.1 { interactive-commands any; } } }\n",
        ),
        Spelling(
            "pam-sshd",
            requires(
                "auth ... pam_radius_auth.so", r"^auth\s.*\bpam_(radius_auth|tacplus|sss)\.so"
            ),
            "auth required pam_unix.so\n",
            "auth sufficient pam_radius_auth.so\nauth required pam_unix.so\n",
        ),
    ),
    text_rule(
        "PCG404",
        "An idle session stays open for more than ten minutes",
        Severity.WARNING,
        "A terminal that was left is a log-in for whoever comes by.",
        "STIG V-215833, V-223231",
        Spelling(
            "iosxe.conf",
            _long_sessions,
            "line vty 0 15\n exec-timeout 0 0\n",
            "line vty 0 15\n exec-timeout 10 0\n",
        ),
        Spelling(
            "junos.conf",
            _idle_classes,
            "system { login { user anne { class super-user; } } }\n",
            "system { login { class staff { idle-timeout 10; permissions all; }\n"
            "user anne { class staff; } } }\n",
        ),
        Spelling(
            "sshd.conf",
            _idle_channels,
            "ChannelTimeout session:*=1h\n",
            "ChannelTimeout session:*=10m\n",
        ),
    ),
    text_rule(
        "PCG405",
        "No banner is shown before log-in",
        Severity.NOTE,
        "The banner tells whoever connects that this is a private system and that use is recorded:"
        " without notice, prosecution is harder.",
        "STIG V-215814, V-217312; Computer Misuse Act 1990",
        Spelling(
            "iosxe.conf",
            requires("banner login", r"^banner (login|motd)"),
            "hostname hq-border\n",
            "banner login ^C\nAuthorised use only.\n^C\n",
        ),
        Spelling(
            "junos.conf",
            requires("system login message", r"^system login message "),
            "system { host-name hq-border; }\n",
            'system { login { message "Authorised use only."; } }\n',
        ),
        Spelling(
            "sshd.conf",
            requires("Banner /etc/issue.net", r"^(?i:banner)\s+/"),
            "PermitRootLogin no\n",
            "Banner /etc/issue.net\n",
        ),
        Spelling(
            "issue.net",
            requires("a text to show", r"\w"),
            "\n",
            "Authorised use only.\n",
        ),
    ),
    text_rule(
        "PCG410",
        "Somebody outside the management network can log in",
        Severity.ERROR,
        "Log-in is taken on the management interface, from the management network, and nothing is"
        " forwarded into that network: never from PSN, PSN(P) or any other domain.",
        "STIG V-216683, V-217048; NCSC: secure system administration",
        Spelling(
            "iosxe.conf",
            every(
                each(_VTY, "access-class in", r" / access-class \S+ in"),
                _open_lists,
                forbids(r"^snmp-server group (?!.* access )"),
            ),
            "ip access-list standard management\n permit any\n"
            "line vty 0 15\n access-class management in vrf-also\n",
            "ip access-list standard management\n permit 198.18.7.0 0.0.0.255\n"
            "line vty 0 15\n access-class management in vrf-also\n",
        ),
        Spelling(
            "junos.conf",
            forbids(
                r"^security zones security-zone \S+ (interfaces \S+ )?host-inbound-traffic"
                rf" system-services (?!{_HARMLESS}$)",
            ),
            "security { zones { security-zone health {\n"
            "host-inbound-traffic { system-services { ssh; } } } } }\n",
            "security { zones { security-zone health {\n"
            "host-inbound-traffic { system-services { ping; } } } } }\n",
        ),
        Spelling(
            "nftables.conf",
            _login_ways,
            RULESET % ("tcp dport 22 accept", "drop"),
            RULESET % (LOG_IN, 'iifname "eth0" drop\n\t\toifname "eth0" drop'),
        ),
    ),
)
