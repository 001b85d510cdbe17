"""Rules about logging in to a device, and about what it tells and is told, read from its text."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.audit.configuration import Configuration
from pcg_netops.audit.finding import Severity
from pcg_netops.audit.hardening import (
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
_CLEAR_TEXT_PORTS = {21: "ftp", 23: "telnet", 69: "tftp", 79: "finger", 80: "http", 443: "https"}
_PORT_SET = r"(?:tcp|udp|th) dport (\{[^}]*\}|\S+)"


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


def _open_ports(configuration: Configuration) -> Iterator[Fault]:
    """nftables: what the device itself takes."""
    for statement, match in configuration.matching(rf" chain input / .*{_PORT_SET}.*accept"):
        for port, name in _CLEAR_TEXT_PORTS.items():
            if _holds(match[1], port, name):
                yield Fault(statement.line, f"accepts {name}: '{statement.text}'", "remove it")


def _holds(ports: str, port: int, name: str) -> bool:
    """Whether `{ 22, http, 8000-8999 }` or `80` has the port."""
    for part in ports.strip("{} ").replace(",", " ").split():
        first, _, last = part.partition("-")
        if part == name:
            return True
        numbers = first.isdigit() and (last or first).isdigit()
        if numbers and int(first) <= port <= int(last or first):
            return True
    return False


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


_NTP_IOS = (
    "ntp authenticate\nntp authentication-key 1 hmac-sha2-256 pcg_secret_ntp_\nntp trusted-key 1\n"
)
_NFT = "table inet pcg {\n\tchain input {\n\t\t%s\n\t}\n\tchain forward {\n\t\t%s\n\t}\n}\n"
_PEER = "router bgp 65001\n neighbor 10.30.1.1"
_SSH = 'iifname "eth0" ip saddr 198.18.7.0/24 tcp dport 22 accept comment "management"'

MANAGEMENT_RULES: tuple[TextRule, ...] = (
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
        "PCG402",
        "A service in clear text, or one that nobody needs, is on",
        Severity.ERROR,
        "Telnet, HTTP, finger and the small servers give passwords away or answer strangers."
        " Platforms have some of them on unless they are told otherwise.",
        "STIG V-215823, V-217320; NCSC Cyber Assessment Framework B4.b",
        Spelling(
            "iosxe.conf",
            every(
                requires("no ip http server", r"^no ip http server$"),
                requires("no ip http secure-server", r"^no ip http secure-server$"),
                forbids(
                    r"^ip (http server|http secure-server|finger|bootp server)$",
                    r"^ip (ftp-server|rcmd) ",
                    r"^service (finger|tcp-small-servers|udp-small-servers|config|pad)$",
                    r" / transport input .*(telnet|all|rlogin)",
                    r"^tftp-server ",
                ),
            ),
            "no ip http server\nno ip http secure-server\nservice tcp-small-servers\n",
            "no ip http server\nno ip http secure-server\n",
        ),
        Spelling(
            "junos.conf",
            forbids(
                r"^system services (telnet|finger|ftp|rlogin|rsh|tftp-server)\b",
                r"^system services (xnm-clear-text|rest|web-management)\b",
            ),
            "system { services { telnet; } }\n",
            "system { services { ssh { protocol-version v2; } } }\n",
        ),
        Spelling(
            "nftables.conf",
            _open_ports,
            _NFT % ("tcp dport { 22, http } accept", "drop"),
            _NFT % (_SSH, "drop"),
        ),
        Spelling(
            "frr.conf",
            forbids(r"^(enable )?password "),
            "password secret\n",
            "hostname hq-border\n",
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
    text_rule(
        "PCG409",
        "Nothing protects the device's own processor",
        Severity.ERROR,
        "Packets for the device itself are few. A filter lets in what it needs, and limits the"
        " rate of what anybody may send, so that a flood does not stop routing.",
        "RFC 6192; STIG V-216650, V-217018",
        Spelling(
            "iosxe.conf",
            every(
                requires("service-policy input", r"^control-plane / service-policy input "),
                requires("police", r"^policy-map .* / police "),
            ),
            "control-plane\n",
            "policy-map control-plane\n class icmp\n  police 8000 conform-action transmit\n"
            "control-plane\n service-policy input control-plane\n",
        ),
        Spelling(
            "junos.conf",
            every(
                requires(
                    "filter of lo0", r"^interfaces lo0 unit 0 family inet filter input(-list)? "
                ),
                requires("policer", r"^firewall family inet filter \S+ term \S+ then policer "),
            ),
            "interfaces { lo0 { unit 0 { family inet { address 10.30.0.2/32; } } } }\n",
            "interfaces { lo0 { unit 0 { family inet { filter { input own; } } } } }\n"
            "firewall { family inet { filter own { term 1 { then policer few; } } } }\n",
        ),
        Spelling(
            "nftables.conf",
            every(
                requires(
                    "policy drop in chain input", r" chain input / .*hook input .*policy drop;"
                ),
                requires("limit rate", r" chain input / .* limit rate .* accept"),
            ),
            _NFT % ("type filter hook input priority filter; policy accept;", "drop"),
            _NFT
            % (
                "type filter hook input priority filter; policy drop;\n"
                "\t\ticmp type echo-request limit rate 50/second accept",
                "drop",
            ),
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
            _NFT % ("tcp dport 22 accept", "drop"),
            _NFT % (_SSH, 'iifname "eth0" drop\n\t\toifname "eth0" drop'),
        ),
    ),
    text_rule(
        "PCG411",
        "IPv6 is on where nobody planned it",
        Severity.ERROR,
        "Every filter and route here is for IPv4. What has IPv6 as well is reachable past all of"
        " them. PSN carried none in its published guidance.",
        "PSN guidance (2015); RFC 7123 section 3",
        Spelling(
            "iosxe.conf",
            forbids(r"^ipv6 unicast-routing$", r"^interface \S+ / ipv6 (address|enable)"),
            "interface GigabitEthernet3\n ipv6 enable\n",
            "interface GigabitEthernet3\n ip address 10.30.1.13 255.255.255.254\n",
        ),
        Spelling(
            "junos.conf",
            forbids(r"^interfaces \S+ unit \d+ family inet6\b"),
            "interfaces { ge-0/0/1 { unit 0 { family inet6; } } }\n",
            "interfaces { ge-0/0/1 { unit 0 { family inet { address 10.30.1.8/31; } } } }\n",
        ),
        Spelling(
            "frr.conf",
            every(
                requires("no ipv6 forwarding", r"^no ipv6 forwarding$"),
                forbids(r"^interface \S+ / ipv6 address"),
            ),
            "interface eth2\n ipv6 address 2001:db8::1/64\n",
            "no ipv6 forwarding\n",
        ),
        Spelling(
            "nftables.conf",
            forbids(r" chain \S+ / .*(ip6 [sd]addr|nfproto ipv6|icmpv6 type).* accept"),
            _NFT % (_SSH, "ip6 saddr 2001:db8::/32 accept"),
            _NFT % (_SSH, "drop"),
        ),
    ),
    text_rule(
        "PCG412",
        "A secret stands in the configuration",
        Severity.ERROR,
        "Renderings are read, compared and kept. They hold a marker where a secret goes; the value"
        " is put in on the way to the device.",
        "STIG V-215832; NCSC Cyber Assessment Framework B3",
        Spelling(
            "iosxe.conf",
            forbids(
                r"\b(password|secret|key-string)( [057])? (?!pcg_secret_)[^\s\d]\S*$",
                r"^ntp authentication-key \d+ \S+ (\d )?(?!pcg_secret_)\S+$",
                r"^enable password ",
                r"^(radius|tacacs) server \S+ / key (\d )?(?!pcg_secret_)\S+$",
                r"^snmp-server user .* (auth sha\S*( \d+)?|priv aes \d+) (?!pcg_secret_|\d)",
            ),
            f"{_PEER} password letmein\n",
            f"{_PEER} password pcg_secret_bgp_\n",
        ),
        Spelling(
            "frr.conf",
            forbids(r" password (?!pcg_secret_)\S+$"),
            f"{_PEER} password letmein\n",
            f"{_PEER} password pcg_secret_bgp_\n",
        ),
        Spelling(
            "junos.conf",
            forbids(
                r"\b(authentication-key|pre-shared-key ascii-text|plain-text-password-value|secret)"
                r' "?(?!pcg_secret_)[^"\s]+"?$'
            ),
            "protocols { bgp { group legacy-fw { authentication-key letmein; } } }\n",
            "protocols { bgp { group legacy-fw { authentication-key pcg_secret_bgp_; } } }\n",
        ),
        Spelling(
            "chrony.keys",
            forbids(r"^\d+ .*(ASCII|HEX):(?!pcg_secret_)"),
            "1 SHA256 ASCII:letmein\n",
            "1 SHA256 ASCII:pcg_secret_ntp_\n",
        ),
        Spelling(
            "pam_radius_auth.conf",
            forbids(r"^\S+\s+(?!pcg_secret_)\S+"),
            "198.18.7.1 letmein 3\n",
            "198.18.7.1 pcg_secret_radius_ 3\n",
        ),
        Spelling(
            "snmpd.conf",
            forbids(r'^createUser \S+ \S+ "?(?!"?pcg_secret_)', r'AES "?(?!"?pcg_secret_)'),
            "createUser watch SHA-256 letmein AES letmein\n",
            "createUser watch SHA-256 pcg_secret_auth_ AES pcg_secret_priv_\n",
        ),
    ),
)
