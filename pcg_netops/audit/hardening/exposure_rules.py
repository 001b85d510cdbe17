"""Rules about what a device gives away or takes from strangers, read from its text."""

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
    every,
    forbids,
    requires,
    text_rule,
)

_CLEAR_TEXT_PORTS = {21: "ftp", 23: "telnet", 69: "tftp", 79: "finger", 80: "http", 443: "https"}
_PORT_SET = r"(?:tcp|udp|th) dport (\{[^}]*\}|\S+)"


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


_PEER = "router bgp 65001\n neighbor 10.30.1.1"

EXPOSURE_RULES: tuple[TextRule, ...] = (
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
            RULESET % ("tcp dport { 22, http } accept", "drop"),
            RULESET % (LOG_IN, "drop"),
        ),
        Spelling(
            "frr.conf",
            forbids(r"^(enable )?password "),
            "password secret\n",
            "hostname hq-border\n",
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
            RULESET % ("type filter hook input priority filter; policy accept;", "drop"),
            RULESET
            % (
                "type filter hook input priority filter; policy drop;\n"
                "\t\ticmp type echo-request limit rate 50/second accept",
                "drop",
            ),
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
            RULESET % (LOG_IN, "ip6 saddr 2001:db8::/32 accept"),
            RULESET % (LOG_IN, "drop"),
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
