#!/bin/sh
# Start a node from its saved configuration in /var/lib/pcg: frr.conf, nftables.conf and, where IPsec
# tunnels end, swanctl.conf. Then TUNNELS has a line "interface underlay mtu if_id" for each, and ESP
# says who encrypts: kernel or daemon. The first start takes the files from /run/pcg/startup. Used by
# every lab backend. Whatever goes wrong is one or more lines "PART: its own words" on standard error,
# and exit 1.
set -eu
startup=/run/pcg/startup
saved=/var/lib/pcg
PATH=$PATH:/usr/lib/frr

fail() { # part, words
    printf '%s\n' "$2" | sed "s/^/$1: /" >&2
    exit 1
}

# A daemon returns once it serves. FRR exits with 0 also when it did not understand its
# configuration, so its words decide; the kernel without MPLS is no fault here.
daemon() {
    name=$1
    shift
    words=$("$name" -d -u root -g root -P 0 "$@" 2>&1) || fail "$name" "$words (exit $?)"
    [ -n "$words" ] || return 0
    words=$(printf '%s' "$words" | grep -v 'Disabling MPLS support') || return 0
    fail "$name" "$words"
}

# charon refuses a peer for good whose connection it has not loaded yet: nobody may ask before.
hold='table inet pcg-not-yet {
    chain input {
        type filter hook input priority filter - 1
        udp dport { 500, 4500 } drop
    }
}'

start_charon() {
    words=$(echo "$hold" | nft -f - 2>&1) || fail nft "$words"
    [ "$ESP" = daemon ] || ip xfrm state flush # what a power cut would have lost
    [ "$ESP" = daemon ] || ip xfrm policy flush
    [ "$ESP" = daemon ] || echo "$TUNNELS" | while read -r interface underlay mtu number; do
        ip link delete "$interface" 2>/dev/null || true
        words=$(ip link add "$interface" mtu "$mtu" type xfrm dev "$underlay" if_id "$number" 2>&1 &&
            ip link set "$interface" up 2>&1) || fail "$interface" "$words"
    done
    /usr/lib/ipsec/charon </dev/null >/dev/null 2>&1 &
}

load_tunnels() {
    tries=500
    until [ -S /run/charon.vici ] && swanctl --stats >/dev/null 2>&1; do
        [ $((tries -= 1)) -gt 0 ] || fail charon "$(tail -n 5 /var/log/charon.log)"
        sleep 0.01
    done
    [ "$ESP" = kernel ] || echo "$TUNNELS" | while read -r interface _ mtu _; do
        words=$(ip link set "$interface" mtu "$mtu" 2>&1) || fail "$interface" "$words"
    done
    cp "$saved/swanctl.conf" /etc/swanctl/swanctl.conf
    words=$(swanctl --load-all --noprompt 2>&1) || fail swanctl "$words"
    nft delete table inet pcg-not-yet
}

mkdir -p "$saved"
for file in frr.conf nftables.conf ${TUNNELS:+swanctl.conf}; do
    if [ ! -e "$saved/$file" ]; then
        cp "$startup/$file" "$saved/$file" 2>/dev/null || fail start "no $file in $startup"
    fi
done
ln -sf "$saved/frr.conf" /etc/frr/frr.conf
[ -e /etc/frr/vtysh.conf ] || echo 'service integrated-vtysh-config' >/etc/frr/vtysh.conf

echo 1 >/proc/sys/net/ipv4/ip_forward
# The filter comes before any interface carries a routed packet.
words=$(nft -f "$saved/nftables.conf" 2>&1) || fail nft "$words"
[ -z "${TUNNELS-}" ] || start_charon
daemon zebra
static=
if grep -q '^ip route ' "$saved/frr.conf"; then daemon staticd; else static=later; fi
daemon bfdd
daemon bgpd
words=$(vtysh -b 2>&1) || fail vtysh "$words"
[ -z "$static" ] || daemon staticd # for what is pushed: FRR's own start has it always
[ -z "${TUNNELS-}" ] || load_tunnels
