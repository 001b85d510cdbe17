"""Wrong renderings: one edit each, as a slip in a template or a design would make it.

`find` is a regular expression of which the first match is replaced; `^` and `$` are at lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Slip:
    """One way in which a file of a device is wrong."""

    what: str
    device: str
    file: str
    find: str
    put: str

    def made_in(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files with the slip. Raises AssertionError if there is nothing to get wrong."""
        text, made = re.subn(self.find, self.put, files[self.file], count=1, flags=re.M)
        assert made, self.find
        assert text != files[self.file], self.find
        return {**files, self.file: text}


def _slips(device: str, file: str, *edits: tuple[str, str, str]) -> list[Slip]:
    return [Slip(what, device, file, find, put) for what, find, put in edits]


_ROUTE_MAPS = (
    ("local preference", r"set local-preference 400", "set local-preference 300"),
    ("no local preference", r"^ set local-preference 400\n", ""),
    ("MED", r"set metric 10$", "set metric 0"),
    ("no MED", r"^ set metric 100\n", ""),
    ("one prepending less", r"(set as-path prepend 64496) 64496", r"\1"),
    ("prepending another's number", r"set as-path prepend 64496", "set as-path prepend 64497"),
    ("permit for deny", r"^(route-map from-pcg-a) permit 20", r"\1 deny 20"),
    ("entries in another order", r"^(route-map from-pcg-a permit) 10$", r"\1 45"),
    ("another prefix list", r"prefix-list service-nat-records$", "prefix-list service-intel-db"),
    ("everything matched", r"^ match ip address prefix-list published-secure-mail\n", ""),
    ("nobody's policy entry", r"^ description nat-records\n", ""),
    ("widened prefix", r"permit 198\.51\.100\.128/29", "permit 198.51.100.128/28"),
    ("more-specifics too", r"permit 198\.51\.100\.128/29", "permit 198.51.100.128/29 le 32"),
    ("dropped prefix", r"^ip prefix-list pool-pcg-a seq 10 .*\n", ""),
    ("another's prefix list", r"description translation at pcg-a", "description translation"),
)
_COMMUNITIES = (
    ("tag of another exchange", r"set community 64496:2001$", "set community 64496:2002"),
    ("untagged", r"^ set community 64496:2001\n", ""),
    ("transit between exchanges", r"^(route-map to-pcg-a) deny 10", r"\1 permit 10"),
    ("one exchange forgotten", r"^\S+ community-list standard from-exchanges .*:2002\n", ""),
    ("graceful shutdown not obeyed", r"^ set local-preference 0\n", ""),
    ("everybody's last resort", r"^ match community graceful-shutdown\n", ""),
    ("another community", r"(graceful-shutdown .*permit) \S+", r"\1 no-export"),
)
_NEIGHBOURS = (
    ("session comes up too early", r"^ neighbor 203\.0\.113\.135 shutdown\n", ""),
    ("peer of another system", r"remote-as 64498", "remote-as 64497"),
    ("another peer", r"neighbor 203\.0\.113\.131 remote-as", "neighbor 203.0.113.132 remote-as"),
    ("policies swapped", r"route-map from-cjx-r1 in", "route-map to-cjx-r1 in"),
    ("no export policy", r"^  neighbor \S+ route-map to-pcg-a out\n", ""),
    ("no limit on prefixes", r"^  neighbor 203\.0\.113\.131 maximum-prefix .*\n", ""),
    ("no next hop self", r"^  neighbor 203\.0\.113\.129 next-hop-self\n", ""),
    ("no TTL security", r"^ neighbor 203\.0\.113\.131 ttl-security hops 1\n", ""),
    ("TTL security over hops", r"ttl-security hops 1", "ttl-security hops 2"),
    ("no authentication", r"^ neighbor 203\.0\.113\.131 password .*\n", ""),
    ("another secret", r"password pcg_secret_bgp-inside_", "password pcg_secret_bgp-psn_"),
    ("a secret in clear", r"password pcg_secret_bgp-inside_", "password bgp-inside"),
    ("another router id", r"router-id 192\.0\.2\.224", "router-id 192.0.2.225"),
    ("another system", r"^router bgp 64496", "router bgp 64497"),
)

_CORE = _slips(
    "psn-core",
    "nftables.conf",
    ("nobody is refused", r"^\t\tiifname \"eth5\" drop.*\n", ""),
    ("another's pool", r"ip saddr \{ 192\.0\.2\.24/30", "ip saddr { 192.0.2.168/29, 192.0.2.24/30"),
    ("partner as anybody", r"203\.0\.113\.0/26, ", "0.0.0.0/0, "),
)

LINUX = [
    *_CORE,
    *_slips("dc1-edge1", "frr.conf", *_ROUTE_MAPS, *_COMMUNITIES, *_NEIGHBOURS),
    *_slips(
        "dc1-edge1",
        "frr.conf",
        ("slower BFD", r"transmit-interval 100", "transmit-interval 300"),
        ("no BFD", r"^ neighbor 203\.0\.113\.131 bfd\n", ""),
        ("prefix not announced", r"^  network 192\.0\.2\.0/26\n", ""),
        ("another address", r"ip address 203\.0\.113\.130/31", "ip address 203.0.113.130/30"),
    ),
    *_slips(
        "dc1-edge1",
        "nftables.conf",
        ("forwards by default", r"(forward priority filter; policy) drop", r"\1 accept"),
        ("no anti-spoofing", r"^.*anti-spoofing.*\n", ""),
        ("bogons come in", r"^.*bogons.*\n", ""),
        ("a bogon forgotten", r"169\.254\.0\.0/16, ", ""),
        ("permit for deny", r'drop (comment "anti-spoofing")', r"accept \1"),
        ("transit", r'oifname \{ "eth1", "eth2" \}', 'oifname { "eth1", "eth2", "eth3" }'),
    ),
    *_slips(
        "pcg-a",
        "nftables.conf",
        ("dropped rule", r'^.*accept comment "psn-ntp"\n', ""),
        ("widened source", r"saddr 192\.0\.2\.0/26", "saddr 192.0.2.0/25"),
        ("widened destination", r"daddr 198\.51\.100\.136/29", "daddr 198.51.100.128/28"),
        ("other port", r"tcp dport 102 accept", "tcp dport 103 accept"),
        ("longer range", r"16384-32767 accept", "16384-32768 accept"),
        ("other protocol", r"udp dport 123 accept", "tcp dport 123 accept"),
        ("any destination", r"ip daddr 198\.51\.100\.136/29 (tcp dport 443 accept)", r"\1"),
        ("other domain", r'oifname "eth4" (.*accept comment "intel-db")', r'oifname "eth3" \1'),
        ("nobody's rule", r'(accept comment) "intel-db"', r'\1 ""'),
        ("stateless", r"^.*ct state established.*\n", ""),
        ("no reset", r"^.*reject with tcp reset.*\n", ""),
        ("swapped pool", r"snat ip to 192\.0\.2\.168/29", "snat ip to 192.0.2.160/29"),
        ("untranslated service", r"^.*snat ip to .*anpr-feed.*\n", ""),
        ("other server", r"dnat ip to 192\.0\.2\.34", "dnat ip to 192.0.2.35"),
        ("unpublished service", r"^.*dnat ip to .*mps-published.*\n", ""),
        ("log-in from everywhere", r'iifname "eth0" (ip saddr \S+ tcp dport 22 accept)', r"\1"),
        ("open control plane", r"(hook input .*policy) drop", r"\1 accept"),
        ("BGP from nobody", r'^.*tcp dport 179 accept comment "bgp dc1-edge1"\n', ""),
        ("BFD from afar", r"ip ttl 255 (udp dport \{ 3784-3785, 4784)", r"\1"),
        ("BFD of peers with TTL security left out", r"3784-3785, 4784", "3784-3785"),
    ),
]

_PCG_A_PLANE = [
    *_slips(
        "pcg-a",
        "nftables.conf",
        ("log-in from more", r"(saddr 198\.18\.0)\.0/24 (tcp dport 22 accept)", r"\1.0/23 \2"),
        ("log-ins without limit", r"^.*limit rate over .*\n", ""),
        ("time from anybody", r"ip saddr \{ 198\.18\.0\.211, 198\.18\.0\.212 \} (udp)", r"\1"),
        ("no answers from RADIUS", r"^.*udp sport 1812 accept.*\n", ""),
        ("SNMP for another manager", r"saddr 198\.18\.0\.231", "saddr 198.18.0.232"),
    ),
    *_slips(
        "pcg-a",
        "sshd.conf",
        ("idle for an hour", r"session:\*=10m", "session:*=60m"),
        ("no banner", r"^Banner .*\n", ""),
    ),
    *_slips("pcg-a", "issue.net", ("another banner", r"Authorised", "Welcome")),
    *_slips("pcg-a", "tmpfiles.conf", ("another key", r"ssh-rsa AAAAB3N", "ssh-rsa AAAAB3M")),
    *_slips("pcg-a", "sysusers.conf", ("key without an account", r"^u netops", "u nobody")),
    *_slips("pcg-a", "pam-sshd", ("RADIUS not asked", r"^auth .*\n", "")),
    *_slips(
        "pcg-a",
        "pam_radius_auth.conf",
        ("another RADIUS server", r"198\.18\.0\.201", "198.18.0.203"),
        ("another RADIUS secret", r"pcg_secret_radius_ 3\n(.*)_radius_", r"x 3\n\1x"),
    ),
    *_slips(
        "pcg-a",
        "chrony.conf",
        ("any time will do", r"^authselectmode .*\n", ""),
        ("one server of time", r"^server 198\.18\.0\.212 .*\n", ""),
        ("another key of time", r"key 1$", "key 2"),
    ),
    *_slips("pcg-a", "chrony.keys", ("weak key of time", r"SHA256", "MD5")),
    *_slips(
        "pcg-a", "rsyslog.conf", ("no time zone", r"SyslogProtocol23Format", "TraditionalFormat")
    ),
    *_slips(
        "pcg-a",
        "snmpd.conf",
        ("SNMP in clear", r"^rouser monitor authPriv", "rouser monitor authNoPriv"),
        ("a community", r"^rouser", "rocommunity public\nrouser"),
        ("secrets swapped", r"snmp-auth(.*)snmp-priv", r"snmp-priv\1snmp-auth"),
    ),
]

IOSXE = [
    *_slips("dc1-edge1", "iosxe.conf", *_ROUTE_MAPS, *_COMMUNITIES, *_NEIGHBOURS),
    *_slips(
        "dc1-edge1",
        "iosxe.conf",
        ("slower BFD", r"interval 100 min_rx 100", "interval 300 min_rx 300"),
        ("uneven BFD", r"interval 100 min_rx 100", "interval 100 min_rx 300"),
        ("no BFD", r"^ neighbor 203\.0\.113\.131 fall-over .*\n", ""),
        ("communities kept back", r"^  neighbor 203\.0\.113\.131 send-community\n", ""),
        ("session without routes", r"^  neighbor 203\.0\.113\.131 activate\n", ""),
        ("prefix not announced", r"^  network 192\.0\.2\.0 mask 255\.255\.255\.192\n", ""),
        ("no route for a prefix", r"^ip route 192\.0\.2\.16 .*\n", ""),
        ("route that swallows", r"^(ip route 192\.0\.2\.16 \S+) \S+", r"\1 Null0"),
        ("another mask", r"203\.0\.113\.130 255\.255\.255\.254", "203.0.113.130 255.255.255.252"),
        ("another MTU", r"^ ip mtu 1500", " ip mtu 1400"),
        ("anti-spoofing permits", r"^ deny ip 192\.0\.2\.0 0\.0\.0\.63 any", " permit ip any any"),
        ("bogons come in", r"^ deny ip 169\.254\.0\.0 0\.0\.255\.255 any\n", ""),
        ("wildcard too wide", r"permit ip any 192\.0\.2\.0 0\.0\.0\.63", "permit ip any any"),
        ("no filter out", r"^ ip access-group out-GigabitEthernet4 out\n", ""),
        (
            "filters swapped",
            r"access-group in-GigabitEthernet4 in",
            "access-group in-GigabitEthernet2 in",
        ),
        (
            "interface left down",
            r"^ no shutdown\n!\ninterface GigabitEthernet5",
            "!\ninterface GigabitEthernet5",
        ),
        ("rule of another", r"^ remark anti-spoofing\n", ""),
        ("BGP filtered away", r"^ permit ip any host 203\.0\.113\.130\n", ""),
        ("unlimited ICMP", r"exceed-action drop", "exceed-action transmit"),
        ("telnet", r"transport input ssh", "transport input all"),
        ("idle for an hour", r"exec-timeout 10 0", "exec-timeout 60 0"),
        ("another banner", r"\^CAuthorised", "^CWelcome"),
        ("another key", r"key-hash ssh-rsa \w", "key-hash ssh-rsa X"),
        ("no local fallback", r"(login default group management) local", r"\1"),
        ("another RADIUS server", r"address ipv4 198\.18\.0\.201", "address ipv4 198.18.0.203"),
        ("RADIUS by the main table", r"^ ip vrf forwarding Mgmt-intf\n", ""),
        ("any time will do", r"^ntp authenticate\n", ""),
        ("weak key of time", r"hmac-sha2-256", "md5"),
        ("one server of time", r"^ntp server vrf Mgmt-intf 198\.18\.0\.212.*\n", ""),
        ("no time zone", r"show-timezone year\nclock", "year\nclock"),
        ("log to another", r"^logging host 198\.18\.0\.221", "logging host 198.18.0.222"),
        ("SNMP for everybody", r"^ permit 198\.18\.0\.231\n", ""),
        ("a community", r"^snmp-server view", "snmp-server community public\nsnmp-server view"),
        ("SSH version 1", r"^ip ssh version 2\n", ""),
        ("log-in from everywhere", r"^ access-class .*\n", ""),
        ("log-in from more", r"permit 198\.18\.0\.0 0\.0\.0\.255", "permit 198.18.0.0 0.0.255.255"),
        ("management in the main table", r"^ vrf forwarding Mgmt-intf\n", ""),
        ("web server", r"^no ip http server\n", ""),
        ("open control plane", r"^control-plane\n service-policy .*\n", ""),
        ("open address", r"^ permit ip any host 192\.0\.2\.224\n!", "!"),
        ("BGP from nobody", r"^ deny tcp host 203\.0\.113\.131 eq 179 .*\n", ""),
        ("BFD from afar", r" ttl eq 255", ""),
    ),
    *_slips(
        "force-a",
        "iosxe.conf",
        ("dropped rule", r"^ permit tcp 192\.0\.2\.168 \S+ \S+ \S+ eq 443\n", ""),
        (
            "widened source",
            r"permit tcp 192\.0\.2\.168 0\.0\.0\.7",
            "permit tcp 192.0.2.160 0.0.0.15",
        ),
        ("any destination", r"198\.51\.100\.0 0\.0\.0\.15 eq 443", "any eq 443"),
        ("other port", r"eq 5061", "eq 5060"),
        ("longer range", r"range 16384 32767", "range 16384 32768"),
        ("any port", r" range 16384 32767", ""),
        ("other protocol", r"permit udp 192", "permit tcp 192"),
        ("deny for permit", r"^ permit udp 192", " deny udp 192"),
        ("nobody's rule", r"^ remark force-a-interop\n", ""),
        ("all passes by default", r"^ class class-default\n  drop", " class class-default\n  pass"),
        ("not inspected", r"^  inspect\n", "  pass\n"),
        (
            "interface in another zone",
            r"zone-member security psnp",
            "zone-member security site-force-a",
        ),
        (
            "pair turned round",
            r"source psnp destination site-force-a$",
            "source site-force-a destination psnp",
        ),
        ("no firewall at all", r"^ zone-member security \S+\n", ""),
    ),
]

JUNOS = [
    *_slips(
        "dc1-edge1",
        "junos.conf",
        ("local preference", r"local-preference 400;", "local-preference 300;"),
        ("no local preference", r"^ *local-preference 400;\n", ""),
        ("MED", r"metric 10;", "metric 0;"),
        ("one prepending less", r'as-path-prepend "64496 64496"', 'as-path-prepend "64496"'),
        (
            "reject for accept",
            r"(metric 10;\n *local-preference \d+;\n *community .*\n *)accept;",
            r"\1reject;",
        ),
        (
            "another list",
            r"list service-nat-records;",
            "list service-intel-db;",
        ),
        ("widened prefix", r"198\.51\.100\.128/29 exact", "198.51.100.128/28 exact"),
        ("more-specifics too", r"198\.51\.100\.128/29 exact", "198.51.100.128/29 upto /32"),
        ("nobody's policy entry", r"^ *(/\* nat-records \*/)\n( *term 20)", r"\2"),
        ("another's prefix list", r"/\* translation at pcg-a \*/", "/* translation */"),
        ("all of the device's routes", r"export \[ originated to-pcg-a \]", "export to-pcg-a"),
        ("direct routes told on", r"^( *from) protocol bgp;", r"\1 protocol [ bgp direct ];"),
        ("session comes up too early", r"inactive: group pcg-a", "group pcg-a"),
        ("peer of another system", r"peer-as 64498", "peer-as 64497"),
        ("another peer", r"neighbor 203\.0\.113\.131", "neighbor 203.0.113.132"),
        ("import of another", r"import from-cjx-r1", "import from-pcg-a"),
        ("limit only warns", r"^ *teardown;\n", ""),
        ("no next hop self", r"originated next-hop-self ", "originated "),
        ("tag of another exchange", r"set bears-64496-2001;", "set bears-64496-2002;"),
        ("untagged", r"^ *community set bears-64496-2001;\n", ""),
        ("tag in addition", r"community set bears-64496-2001;", "community add bears-64496-2001;"),
        (
            "one exchange forgotten",
            r"community \[ bears-64496-2001 bears-64496-2002 \]",
            "community [ bears-64496-2001 ]",
        ),
        ("everybody's last resort", r"^ *community \[ bears-65535-0 \];\n", ""),
        (
            "another community",
            r"bears-65535-0 members \[ 65535:0 \]",
            "bears-65535-0 members [ 65535:1 ]",
        ),
        ("no TTL security", r"^            ttl 255;\n", ""),
        ("TTL not checked", r"^                    ttl 255;\n( *protocol tcp)", r"\1"),
        ("no authentication", r"^ *authentication-key .*\n", ""),
        ("another secret", r'-key "pcg_secret_bgp-inside_"', '-key "pcg_secret_bgp-psn_"'),
        ("slower BFD", r"minimum-interval 100", "minimum-interval 300"),
        ("BFD over several hops", r"^ *session-mode single-hop;\n", ""),
        ("prefix not announced", r"^ *192\.0\.2\.0/26 exact;\n", ""),
        ("route that swallows", r"^ *no-install;\n", ""),
        ("another router id", r"router-id 192\.0\.2\.224", "router-id 192.0.2.225"),
        ("another mask", r"address 203\.0\.113\.130/31", "address 203.0.113.130/30"),
        ("MTU without the header", r"mtu 1514", "mtu 1500"),
        ("stateful edge", r"mode packet-based", "mode flow-based"),
        (
            "anti-spoofing permits",
            r"(term anti-spoofing-1 [^;]*;\n[^t]*then) discard",
            r"\1 accept",
        ),
        ("a bogon forgotten", r"^ *169\.254\.0\.0/16;\n", ""),
        (
            "rest accepted",
            r"(filter in-(?:.*\n)*? *term everything-else \{\n *then) discard",
            r"\1 accept",
        ),
        ("no filter out", r"^ *output out-ge-0-0-2;\n", ""),
        ("SSH version 1", r"protocol-version v2", "protocol-version v1"),
        ("idle for an hour", r"idle-timeout 10;", "idle-timeout 60;"),
        ("another banner", r'message "Authorised', 'message "Welcome'),
        ("another key", r"ssh-rsa AAAAB3N", "ssh-rsa AAAAB3M"),
        ("no local fallback", r"\[ radius password \]", "[ radius ]"),
        ("another RADIUS secret", r"pcg_secret_radius_((?:.*\n)*?.*)_radius_", r"x\1x"),
        ("no answers from RADIUS", r"source-port 1812", "source-port 1813"),
        ("any time will do", r"^ *trusted-key 1;\n", ""),
        ("time from anybody", r"^ *198\.18\.0\.211/32;\n", ""),
        ("no time zone", r"^ *time-zone UTC;\n", ""),
        ("log to another", r"host 198\.18\.0\.221", "host 198.18.0.222"),
        ("SNMP in clear", r"security-level privacy", "security-level authentication"),
        ("SNMP for another manager", r"198\.18\.0\.231/32", "198.18.0.232/32"),
        ("telnet", r"^    services \{", "    services {\n        telnet;"),
        ("log-in at every port", r"^ *interface fxp0\.0;\n", ""),
        ("log-in from more", r"198\.18\.0\.0/24", "198.18.0.0/16"),
        ("open control plane", r"(term everything-else \{\n *then) discard", r"\1 accept"),
        ("BGP from nobody", r"port 179", "port 178"),
        ("unlimited ICMP", r"^ *policer diagnosis;\n", ""),
        ("all that is not ICMP", r"^ *protocol icmp;\n", ""),
        (
            "own packets filtered away",
            r"203\.0\.113\.130/31;\n( *\}\n *\}\n *then accept)",
            r"203.0.113.132/31;\n\1",
        ),
        ("BFD from afar", r"^ *ttl 255;\n( *protocol udp)", r"\1"),
    ),
    *_slips(
        "pcg-a",
        "junos.conf",
        ("widened source", r"source-address net-192\.0\.2\.0_26", "source-address any"),
        ("widened name", r"(address net-198\.51\.100\.136_29) \S+;", r"\1 198.51.100.128/28;"),
        ("other port", r"destination-port 102;\n    \}", "destination-port 103;\n    }"),
        ("longer range", r"destination-port 16384-32767", "destination-port 16384-32768"),
        (
            "other protocol",
            r"protocol udp;\n *destination-port 123;",
            "protocol tcp;\n        destination-port 123;",
        ),
        ("any application", r"application tcp-102;", "application any;"),
        ("deny for permit", r"^( *)permit;", r"\1deny;"),
        ("nobody's rule", r'(policy intel-db\S* \{\n *description) "intel-db"', r'\1 "other"'),
        ("other zone", r"from-zone inside to-zone psnp", "from-zone inside to-zone psn"),
        ("all passes by default", r"deny-all", "permit-all"),
        ("no reset", r"^ *tcp-rst;\n", ""),
        ("swapped pool", r"pool pool-192-0-2-168;", "pool pool-192-0-2-160;"),
        ("pool of another", r"^( *)192\.0\.2\.168/29;", r"\g<1>192.0.2.184/29;"),
        ("untranslated port", r"destination-port 16384 to 32767", "destination-port 16384"),
        ("other server", r"server-192-0-2-34;", "server-192-0-2-35;"),
        ("server elsewhere", r"address 192\.0\.2\.34/32;\n", "address 192.0.2.37/32;\n"),
        ("published from inside", r"from zone psnp;", "from zone inside;"),
        (
            "widened publication",
            r"destination-address 192\.0\.2\.16/30",
            "destination-address 192.0.2.16/29",
        ),
        (
            "interface in another zone",
            r"ge-0/0/3\.0;\n *\}\n *\}\n *\}\n\}",
            "ge-0/0/2.0;\n            }\n        }\n    }\n}",
        ),
    ),
]

SLIPS = {"linux": [*LINUX, *_PCG_A_PLANE], "iosxe": IOSXE, "junos": JUNOS}
