"""Rules about what a device forwards and what it keeps of it, and about tunnels, read from text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcg_netops.audit.finding import Severity
from pcg_netops.audit.hardening.configuration import Configuration
from pcg_netops.audit.hardening.spelling import (
    Fault,
    Spelling,
    TextRule,
    every,
    forbids,
    requires,
    text_rule,
)
from pcg_netops.model.device import Role

# A core carries everybody's traffic, whatever it is: what may pass is decided beside it.
_DECIDING = frozenset({Role.EDGE, Role.GATEWAY, Role.PARTNER})
_GATEWAY = frozenset({Role.GATEWAY})


def _accepts_anything(configuration: Configuration) -> Iterator[Fault]:
    """nftables: what is accepted although it asks for no address, no port and no state."""
    for statement, match in configuration.matching(r" chain forward / (.*\baccept\b.*)"):
        words = match[1]
        asked = re.search(r"ip6? [sd]addr (?!0\.0\.0\.0/0)|\bdport\b|\bsport\b|\bct state\b", words)
        if not asked and "hook forward" not in words:
            yield Fault(statement.line, f"accepts anything: '{words}'", "name who may reach what")


def _junos_any(configuration: Configuration) -> Iterator[Fault]:
    start = r"^security policies (?:from-zone \S+ to-zone \S+|global) policy \S+"
    for statement, match in configuration.matching(rf"({start}) then permit"):
        policy = match[1]
        if all(
            configuration.has(rf"^{re.escape(policy)} match {word} any$")
            for word in ("source-address", "destination-address", "application")
        ):
            yield Fault(statement.line, f"permits anything: '{policy}'", "name who may reach what")
    term = r"^(firewall family inet filter (\S+) term \S+) then accept$"
    for statement, match in configuration.matching(term):
        used = rf"^interfaces (?!lo0)\S+ unit \d+ family inet filter (input|output) {match[2]}$"
        if configuration.has(used) and not configuration.has(f"^{re.escape(match[1])} from "):
            yield Fault(statement.line, f"accepts anything: '{match[1]}'", "name what may pass")


def _ios_open(configuration: Configuration) -> Iterator[Fault]:
    """IOS: a firewall between zones, or a list in and out of every interface that routes."""
    if configuration.has(r"^zone-pair security "):
        for statement, match in configuration.matching(r"^interface (\S+) / ip address "):
            header = rf"^interface {re.escape(match[1])} / "
            apart = configuration.has(f"{header}vrf forwarding ") or match[1].startswith("Loopback")
            if not apart and not configuration.has(f"{header}zone-member security "):
                message = f"'{match[1]}' is in no zone"
                yield Fault(statement.line, message, "put it into one")
        return
    for statement, match in configuration.matching(r"^interface (\S+) / ip address "):
        header = rf"^interface {re.escape(match[1])} / "
        if configuration.has(f"{header}vrf forwarding ") or match[1].startswith("Loopback"):
            continue
        for way in ("in", "out"):
            if not configuration.has(rf"{header}ip access-group \S+ {way}$"):
                message = f"'{match[1]}' filters nothing that goes {way}"
                yield Fault(statement.line, message, f"add 'ip access-group NAME {way}'")


def _junos_open(configuration: Configuration) -> Iterator[Fault]:
    if configuration.has(r"^security policies default-policy permit-all$"):
        yield Fault(None, "has 'default-policy permit-all'", "write: default-policy deny-all")
    if not configuration.has(r" mode packet-based$"):
        return
    for statement, match in configuration.matching(
        r"^interfaces ((?!lo0|fxp0)\S+) unit 0 family inet address "
    ):
        for way in ("input", "output"):
            used = rf"^interfaces {re.escape(match[1])} unit 0 family inet filter {way} "
            if not configuration.has(used):
                message = f"'{match[1]}' has no filter '{way}'"
                yield Fault(statement.line, message, "add one")


def _unowned_lines(configuration: Configuration) -> Iterator[Fault]:
    """nftables: what is forwarded or translated without a comment that says for whom."""
    patterns = (
        r" chain (?:forward|prerouting|postrouting) / (.* (?:accept|[sd]nat ip to .*))$",
        r" (?:set|map) \S+ / elements = / (.*)$",
    )
    for pattern in patterns:
        for statement, match in configuration.matching(pattern):
            what = match[1]
            if not re.search(r'comment "[^"]|, # \S', what) and "ct state" not in what:
                yield Fault(statement.line, f"nobody owns '{what}'", "add a comment with its owner")


def _unowned_entries(configuration: Configuration) -> Iterator[Fault]:
    """IOS: entries of a list that comes without a remark before them."""
    owned: set[str] = set()
    pattern = r"^ip access-list extended (\S+) / (?:\d+ )?(remark|permit|deny) (.*)$"
    for statement, match in configuration.matching(pattern):
        name, kind, words = match.groups()
        if kind == "remark":
            owned.add(name)
        elif name not in owned and not name.startswith("control-plane"):
            yield Fault(statement.line, f"nobody owns '{name}: {kind} {words}'", "add a remark")


def _unowned_policies(configuration: Configuration) -> Iterator[Fault]:
    kinds = (
        r"^(security policies from-zone \S+ to-zone \S+ policy \S+) then ",
        r"^(security nat (?:source|destination|static) rule-set \S+ rule \S+) then ",
    )
    for pattern in kinds:
        for statement, match in configuration.matching(pattern):
            if not configuration.has(rf"^{re.escape(match[1])} description "):
                yield Fault(statement.line, f"nobody owns '{match[1]}'", "add a description")


_FORWARD = (
    "table inet pcg {\n\tchain forward {\n"
    "\t\ttype filter hook forward priority filter; policy %s;\n\t\t%s\n\t}\n}\n"
)
_OWNED = 'ip saddr 10.1.0.0/24 ip daddr 10.2.0.16/28 tcp dport 8443 accept comment "dispatch"'
_POLICY = (
    "security { policies { from-zone inside to-zone health { policy dispatch-1 {\n"
    "%s match { source-address any; destination-address %s; application any; }\n"
    "then { permit; } } } } }\n"
)
_PORT = "interface GigabitEthernet2\n ip address 10.1.0.254 255.255.255.0\n"
_CONNECTION = "connections {\n\thub {\n\t\tversion = %s\n\t\tproposals = %s\n\t}\n}\n"

FILTER_RULES: tuple[TextRule, ...] = (
    text_rule(
        "PCG505",
        "What no rule names is forwarded",
        Severity.ERROR,
        "A filter that denies by default fails closed: a rule that was forgotten is noticed by"
        " those who miss it, not by those who should never have passed.",
        "STIG V-216662, V-217029, V-214535; NCSC Cyber Assessment Framework B4.a",
        Spelling(
            "nftables.conf",
            requires(
                "policy drop in chain forward", r" chain forward / .*hook forward .*policy drop;"
            ),
            _FORWARD % ("accept", _OWNED),
            _FORWARD % ("drop", _OWNED),
        ),
        Spelling(
            "iosxe.conf",
            every(
                _ios_open,
                forbids(r"^policy-map type inspect \S+ / class class-default / (pass|inspect)$"),
            ),
            f"{_PORT} ip access-group in-2 in\n",
            f"{_PORT} ip access-group in-2 in\n ip access-group out-2 out\n",
        ),
        Spelling(
            "junos.conf",
            _junos_open,
            "security { policies { default-policy permit-all; } }\n",
            "security { policies { default-policy deny-all; } }\n",
        ),
        roles=_DECIDING,
    ),
    text_rule(
        "PCG506",
        "A line of the filter lets anything pass",
        Severity.ERROR,
        "A line like that makes all others pointless. It is how a filter is switched off in a hurry"
        " and stays off. It is looked for in the text, whatever the design says.",
        "STIG V-216662; RFC 2979 section 2",
        Spelling(
            "nftables.conf",
            _accepts_anything,
            _FORWARD % ("drop", 'iifname "eth1" oifname "eth2" accept comment "dispatch"'),
            _FORWARD % ("drop", _OWNED),
        ),
        Spelling(
            "iosxe.conf",
            forbids(r"^ip access-list extended \S+ / (\d+ )?permit ip any any"),
            "ip access-list extended in-2\n remark dispatch\n permit ip any any\n",
            "ip access-list extended in-2\n remark dispatch\n permit ip any 10.1.0.0 0.0.0.255\n",
        ),
        Spelling(
            "junos.conf",
            _junos_any,
            _POLICY % ("", "any"),
            _POLICY % ("", "net-10.2.0.16_28"),
        ),
        roles=_DECIDING,
    ),
    text_rule(
        "PCG507",
        "Nobody owns a rule",
        Severity.WARNING,
        "A rule whose purpose nobody knows is never removed. Each says in the syntax's own remark"
        " for which service, or for what else, it is there.",
        "NIST SP 800-41 revision 1 section 4.1; STIG V-216663",
        Spelling(
            "nftables.conf",
            _unowned_lines,
            _FORWARD % ("drop", _OWNED.partition(" comment")[0]),
            _FORWARD % ("drop", _OWNED),
        ),
        Spelling(
            "iosxe.conf",
            _unowned_entries,
            "ip access-list extended in-2\n permit ip any 10.1.0.0 0.0.0.255\n",
            "ip access-list extended in-2\n remark dispatch\n permit ip any 10.1.0.0 0.0.0.255\n",
        ),
        Spelling(
            "junos.conf",
            _unowned_policies,
            _POLICY % ("", "net-10.2.0.16_28"),
            _POLICY % ('description "dispatch";', "net-10.2.0.16_28"),
        ),
    ),
    text_rule(
        "PCG511",
        "The gateway keeps or looks into what people send through it",
        Severity.ERROR,
        "The gateway stores and processes no personal data: no capture and no mirror of packets, no"
        " inspection or cache of content, no debugging that writes packets down. Counters and lines"
        " that log addresses and ports of what was refused are no content and are allowed.",
        "MOPAC PCD 658; UK GDPR article 5(1)(c)",
        Spelling(
            "nftables.conf",
            forbids(
                r"\blog\b.*\b(group|snaplen|queue-threshold)\b",
                r"\bqueue\b",
                r"\b(dup|fwd|tproxy)( ip6?)? to\b",
                r"\bnftrace set 1\b",
            ),
            _FORWARD % ("drop", f"log group 2 snaplen 1500 {_OWNED}"),
            _FORWARD % ("drop", 'log prefix "refused " level info drop'),
        ),
        Spelling(
            "frr.conf",
            forbids(r"^debug .*\b(packet|packets|pkt|detail)\b"),
            "debug zebra packet detail\n",
            "log syslog informational\n",
        ),
        Spelling(
            "iosxe.conf",
            forbids(
                r"^monitor (session|capture) ",
                r"^ip (wccp|traffic-export) |^ip nbar http-services",
                r" / (match|collect) (ipv4|ipv6|datalink) section ",
                r" / collect application http ",
                r"^(policy|class)-map type inspect (http|smtp|imap|pop3|im|p2p|sip|h323) ",
                r"^utd |^app-hosting |^parameter-map type (urlf|regex|umbrella)",
            ),
            "monitor session 1 source interface GigabitEthernet2\n",
            "ip access-list extended in-2\n deny ip any any log\n",
        ),
        Spelling(
            "junos.conf",
            forbids(
                r"^forwarding-options (packet-capture|port-mirroring|analyzer|sampling)\b",
                r"\btraceoptions\b",
                r"^security (datapath-debug|utm|idp|advanced-anti-malware|flow packet-log)\b",
                r"^services (ssl|web-proxy|security-intelligence|security-metadata-streaming|"
                r"web-filter|icap-redirect)\b",
                r" then (permit application-services|port-mirror|sample|packet-capture)\b",
            ),
            "forwarding-options { packet-capture { file { filename pcap; } } }\n",
            "security { log { mode stream; } }\n",
        ),
        roles=_GATEWAY,
    ),
    text_rule(
        "PCG521",
        "A tunnel uses an older IPsec profile",
        Severity.WARNING,
        "The legacy profile (IKE version 1, CBC, group 14, RSA) is accepted for peers that know no"
        " other. What can, uses the recommended one: IKE version 2, AES-128-GCM, group 19, ECDSA.",
        "NCSC: using IPsec to protect data; RFC 8221, RFC 8247",
        Spelling(
            "swanctl.conf",
            every(
                forbids(r" / version = [01]$", r"proposals = .*(aes\d+-|cbc|3des|sha1|md5|modp)"),
                requires("version = 2", r" / version = 2$", where=r"^connections / "),
                forbids(r"proposals = .*(default|null)", r" / auth = (psk|xauth|eap)"),
            ),
            _CONNECTION % (1, "aes128-sha256-modp2048"),
            _CONNECTION % (2, "aes128gcm16-prfsha256-ecp256"),
        ),
        Spelling(
            "iosxe.conf",
            forbids(
                r"^crypto isakmp ",
                r"^crypto ikev2 proposal \S+ / (encryption .*(cbc|3des)|group .*\b([125]|14)\b)",
                r"^crypto ipsec transform-set \S+ (?!esp-gcm)",
                r"^crypto ikev2 profile \S+ / authentication \S+ (pre-share|rsa-sig)",
            ),
            "crypto ikev2 proposal legacy\n encryption aes-cbc-128\n group 14\n",
            "crypto ikev2 proposal prime\n encryption aes-gcm-128\n group 19\n",
        ),
        Spelling(
            "junos.conf",
            every(
                forbids(
                    r"^security (ike|ipsec) proposal \S+ encryption-algorithm (?!aes-\d+-gcm)",
                    r"^security ike proposal \S+ dh-group group([125]|14)$",
                    r"^security ike proposal \S+ authentication-method (?!ecdsa)",
                    r"^security ike gateway \S+ version v1-only$",
                ),
                requires(
                    "version v2-only",
                    r"^security ike gateway \S+ version v2-only$",
                    where=r"^security ike gateway ",
                ),
            ),
            "security { ike { proposal legacy { encryption-algorithm aes-128-cbc;\n"
            "dh-group group14; } } }\n",
            "security { ike { proposal prime { encryption-algorithm aes-128-gcm;\n"
            "dh-group group19; } } }\n",
        ),
    ),
)
