#!/bin/sh
# Start a node from its saved configuration, frr.conf and nftables.conf in /var/lib/pcg.
# The first start takes both from /run/pcg/startup. Used by every lab backend. Whatever goes wrong
# is one or more lines "PART: its own words" on standard error, and exit 1.
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

mkdir -p "$saved"
for file in frr.conf nftables.conf; do
    if [ ! -e "$saved/$file" ]; then
        cp "$startup/$file" "$saved/$file" 2>/dev/null || fail start "no $file in $startup"
    fi
done
ln -sf "$saved/frr.conf" /etc/frr/frr.conf
[ -e /etc/frr/vtysh.conf ] || echo 'service integrated-vtysh-config' >/etc/frr/vtysh.conf

echo 1 >/proc/sys/net/ipv4/ip_forward
# The filter comes before any interface carries a routed packet.
words=$(nft -f "$saved/nftables.conf" 2>&1) || fail nft "$words"
daemon zebra
daemon bfdd
daemon bgpd
words=$(vtysh -b 2>&1) || fail vtysh "$words"
