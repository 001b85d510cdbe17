#!/bin/sh
# Puts back what ran before a push unless the push is confirmed in time. It runs on the device, so it
# needs neither the controller nor its SSH session. Whoever renames $guard first decides: the
# confirmation, or the end of the time.
#   sh guard arm SECONDS | extend SECONDS | pending | confirm | revert
#   sh guard load-frr FILE | try-tunnels FILE
set -eu
umask 077
guard=/run/pcg/guard
reload=/usr/lib/frr/frr-reload.py
tunnels=/etc/swanctl/swanctl.conf

stop_timer() { # folder; the timer itself goes on
    timer=$(cat "$1/timer")
    [ "$timer" = $$ ] || kill -- "-$timer" 2>/dev/null || true
}

# frr-reload.py starts a vtysh for each line that goes, so a change would take longer with each of them.
# All are taken away at once first; what is left, and what is new, is its own work as ever.
load_frr() { # file
    gone=$(mktemp /run/pcg/gone.XXXXXX)
    python3 $reload --log-level error --test "$1" |
        awk '/^Lines To Add$/ { exit } inside && !/^=*$/ { print } /^Lines To Delete$/ { inside = 1 }' >"$gone"
    [ ! -s "$gone" ] || vtysh -f "$gone" >/dev/null 2>&1 || true
    rm -f "$gone"
    status=0
    python3 $reload --log-level error --reload "$1" || status=$?
    # What a route map says takes effect a second after the last of its lines. Whoever is told that the
    # change is made may rely on it: everything is told and judged anew, and no session is lost.
    vtysh -c 'clear bgp ipv4 unicast * soft' >/dev/null 2>&1 || true
    return $status
}

case $1 in
arm)
    [ ! -e "$guard" ] || { echo 'another push is under way on this device' >&2; exit 1; }
    rm -rf "$guard.new"
    mkdir -p -m 700 "$guard.new"
    { echo 'flush ruleset' && nft -s list ruleset; } >"$guard.new/nftables.conf"
    vtysh -c 'show running-config no-header' >"$guard.new/frr.conf"
    [ ! -e $tunnels ] || cp $tunnels "$guard.new/swanctl.conf"
    mv "$guard.new" "$guard"
    setsid --fork sh "$0" wait "$2" </dev/null >/run/pcg/guard.log 2>&1
    until [ -s "$guard/timer" ]; do sleep 0.01; done
    ;;
extend) # the new timer runs before the old one ends
    old=$(cat "$guard/timer" 2>/dev/null) || { echo 'the time was up: reverted' >&2; exit 1; }
    setsid --fork sh "$0" wait "$2" </dev/null >/run/pcg/guard.log 2>&1
    until [ "$(cat "$guard/timer" 2>/dev/null)" != "$old" ]; do sleep 0.01; done
    [ -e "$guard" ] || { echo 'the time was up: reverted' >&2; exit 1; }
    kill -- "-$old" 2>/dev/null || true
    ;;
pending)
    [ ! -e "$guard" ] || echo pending
    ;;
wait)
    echo $$ >"$guard/timer"
    sleep "$2"
    exec sh "$0" revert
    ;;
confirm)
    mv "$guard" "$guard.confirmed" 2>/dev/null || { echo 'the time was up: reverted' >&2; exit 1; }
    stop_timer "$guard.confirmed"
    rm -rf "$guard.confirmed"
    ;;
revert)
    mv "$guard" "$guard.reverting" 2>/dev/null || exit 0 # confirmed, or reverted already
    stop_timer "$guard.reverting"
    nft -f "$guard.reverting/nftables.conf"
    # Its status is of no use: it is 1 also where all is there (FRR 8.4, entries of community lists).
    # What runs then is compared with what ran before.
    load_frr "$guard.reverting/frr.conf" || true
    if [ -e "$guard.reverting/swanctl.conf" ] && ! cmp -s "$guard.reverting/swanctl.conf" $tunnels; then
        cp "$guard.reverting/swanctl.conf" $tunnels
        swanctl --load-all --noprompt >/dev/null
    fi
    rm -rf "$guard.reverting"
    ;;
load-frr)
    load_frr "$2"
    ;;
try-tunnels)
    # strongSwan has no dry run: a second daemon, in a network of its own, lists what the file gives.
    exec unshare --net --mount sh -eu -c '
        wanted=$(cat "$1")
        mount -t tmpfs tmpfs /run
        cd /run
        mkdir swanctl
        ln -s /etc/swanctl/* swanctl/
        rm -f swanctl/swanctl.conf
        printf "%s\n" "$wanted" >swanctl/swanctl.conf
        export STRONGSWAN_CONF=/run/strongswan.conf SWANCTL_DIR=/run/swanctl
        crypto="random nonce pem pkcs1 pkcs8 x509 pubkey openssl kdf"
        echo "charon { load = $crypto kernel-netlink socket-default vici }" >strongswan.conf
        echo "swanctl { load = $crypto }" >>strongswan.conf
        /usr/lib/ipsec/charon >charon.log 2>&1 &
        trap "kill $!" EXIT
        tries=200
        until [ -S charon.vici ] && swanctl --stats >/dev/null 2>&1; do
            [ $((tries -= 1)) -gt 0 ] || { cat charon.log >&2; exit 1; }
            sleep 0.02
        done
        swanctl --load-all --noprompt >loaded || { cat loaded >&2; exit 1; }
        swanctl --list-conns' sh "$2"
    ;;
esac
