#!/bin/sh
# Stands for FRR's own init script in a node with an image of FRR: start, stop, restart, reload or
# status of what /etc/frr/daemons names, with that file's options, as the image's start does. What
# goes wrong is one or more lines "PART: its own words" on standard error, and exit 1.
set -u
PATH=$PATH:/usr/lib/frr
folder=/etc/frr
known='mgmtd zebra staticd bgpd ospfd ospf6d ripd ripngd isisd pimd pim6d ldpd nhrpd eigrpd babeld
    sharpd pbrd bfdd fabricd vrrpd pathd'

fail() { # part, words
    printf '%s\n' "$2" | sed "s/^/$1: /" >&2
    exit 1
}

[ -r "$folder/daemons" ] && . "$folder/daemons"

wanted() {
    for name in $known; do
        eval "enabled=\${$name:-no}"
        case $name in
            zebra | staticd) enabled=yes ;; # always, as FRR's script does
        esac
        if [ "$enabled" != no ] && [ "$enabled" != 0 ]; then echo "$name"; fi
    done
}

running() { # daemon
    process=$(cat "/run/frr/$1.pid" 2>/dev/null) && kill -0 "$process" 2>/dev/null
}

# A daemon returns once it serves. FRR exits with 0 also when it did not understand its
# configuration, so its words decide; the kernel without MPLS is no fault here, nor are buffers
# smaller than a file for the machine's own routing asks for.
daemon() {
    name=$1
    running "$name" && return
    [ -x "/usr/lib/frr/$name" ] || fail "$name" "is not among this machine's daemons (Debian package frr)"
    eval "options=\${${name}_options:-}"
    # Split into words, as FRR's script does.
    words=$("$name" -d ${frr_profile:+-F "$frr_profile"} $options \
        --log "file:/var/log/frr/$name.log" -u root -g root -P 0 2>&1) ||
        fail "$name" "$(printf '%s\n' "$words" | sed '/^Usage:/,$d') (exit $?)"
    words=$(printf '%s' "$words" | grep -vE 'Disabling MPLS support|RCVBUF|^$') || return 0
    fail "$name" "$words"
}

start() {
    mkdir -p /run/frr /var/log/frr
    [ -e "$folder/vtysh.conf" ] || echo 'service integrated-vtysh-config' >"$folder/vtysh.conf"
    for name in $(wanted); do daemon "$name"; done
    if [ -e "$folder/frr.conf" ]; then
        words=$(vtysh -b 2>&1) || fail vtysh "$words"
    fi
}

stop() {
    for file in /run/frr/*.pid; do
        [ -e "$file" ] || continue
        process=$(cat "$file")
        kill "$process" 2>/dev/null
        while kill -0 "$process" 2>/dev/null; do sleep 0.05; done
        rm -f "$file"
    done
}

case ${1-} in
    start) start ;;
    stop) stop ;;
    restart | force-reload) stop && start ;;
    reload) vtysh -b ;;
    status) for name in $(wanted); do
        if running "$name"; then echo "$name running"; else echo "$name stopped"; lacking=1; fi
    done
        [ -z "${lacking-}" ] ;;
    *) echo "usage: frrinit.sh start|stop|restart|reload|status" >&2; exit 1 ;;
esac
