#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD: what a container writes, shown on a real terminal (tmux): nothing of it may reach the
# terminal as a command; colours are kept and undone; the pager, following and Ctrl-C work.
set -euo pipefail
build=$(cd "$1" && pwd)
[ "$(id -u)" = 0 ] || { echo "running containers needs root" >&2; exit 69; }
command -v tmux >/dev/null || { echo "tmux is missing: apt-get install tmux" >&2; exit 69; }
work=$(mktemp -d "${TMPDIR:-/tmp}/ullage-terminal-XXXXXX")
terminal() { tmux -L "ullage-$$" -f /dev/null "$@"; }
end() {
    terminal kill-server 2>/dev/null || :
    "$build/ullage" rm -f --data-dir "$work/data" $("$build/ullage" ps -aq --data-dir "$work/data") >/dev/null 2>&1 || :
    rm -rf "$work"
}
trap end EXIT
fail() {
    echo "FAILED: $*" >&2
    screen >&2
    exit 1
}
screen() { terminal capture-pane -p -t t; }
coloured() { terminal capture-pane -p -e -t t; }
# Waits until the screen has a text.
shows() {
    for _ in $(seq 100); do
        ! screen | grep -qF -- "$1" || return 0
        sleep 0.1
    done
    fail "never on the screen: $1"
}
shows_not() { ! screen | grep -qF -- "$1" || fail "on the screen: $1"; }
type() { terminal send-keys -t t "$@"; }

mkdir -p "$work/rootfs/bin"
cp "$(command -v busybox)" "$work/rootfs/bin/busybox"
for name in sh printf seq usleep echo; do ln -s busybox "$work/rootfs/bin/$name"; done
export ULLAGE_DATA_DIR=$work/data PATH=$build:$PATH PAGER= ULLAGE_PAGER=
# The title, the clipboard, the screen, the cursor, an answer typed back, an alternate screen, a
# character set, C1 controls, backspaces over what stands there, a bell and a bidirectional override.
"$build/ullage" run -d --name evil --rootfs "$work/rootfs" -- /bin/sh -c '
printf "first line stays\n"
printf "\033]0;OWNED\007title\n"
printf "\033]52;c;T1dORUQ=\007clipboard\n"
printf "\033[2J\033[Hclear\n"
printf "\033[6n\033[c\033Zreport\n"
printf "\033[?1049h\033(0\033cswitch\n"
printf "\302\2332Jc1\n"
printf "secret\010\010\010\010\010\010shown!\rreturn\007\n"
printf "\033[31mred\033[0m and \033[1;32mgreen without an end\n"
printf "\342\200\256override\n"
printf "last line\n"' >/dev/null
"$build/ullage" wait evil >/dev/null 2>&1 || sleep 1

terminal new-session -d -s t -x 100 -y 40 "bash --norc --noprofile"
terminal set-option -g allow-rename on
terminal set-option -g set-clipboard on
type "PS1='$ '; clear; tmux() { :; }" Enter
type 'ullage logs evil; echo "shown $?"' Enter
shows 'shown 0'
for text in 'first line stays' title clipboard clear report switch c1 'red and green without an end' 'last line'; do
    shows "$text"
done
[ "$(terminal display-message -p -t t '#{alternate_on}')" = 0 ] || fail "the alternate screen"
case "$(terminal display-message -p -t t '#{pane_title} #{window_name}')" in *OWNED*) fail "the title" ;; esac
! terminal show-buffer 2>/dev/null | grep -q OWNED || fail "the clipboard"
shows '\u{1b}'
screen | grep -qF 'secret' || fail "backspaces hid what was written"
# What asks the terminal for an answer would have typed it into the shell.
shows_not ';1R'
coloured | grep -F red | grep -qF $'\033[31m' || fail "the colour of the program is gone"
coloured | grep -F 'last line' | grep -q $'\033\\[[0-9;]*32m' && fail "a colour went on into the next line"
echo "nothing a container writes reaches the terminal"

type 'clear; ullage logs --no-color evil | tail -n 1; echo "piped $?"' Enter
shows 'piped 0'
echo "pipes"

"$build/ullage" run -d --name long --rootfs "$work/rootfs" -- /bin/sh -c 'busybox seq 1 500; while :; do echo tick; busybox usleep 200000; done' >/dev/null
type "clear; ULLAGE_PAGER='less -FRSXMK' ullage logs -n 400 long; echo \"paged \$?\"" Enter
# The pager asks for a key at the end of its first page.
shows 'lines 1-'
type q
shows 'paged 0'
echo "pager"

type 'clear; ullage logs -f -n 2 long' Enter
shows tick
type C-c
for _ in $(seq 100); do
    ! screen | grep -qx '\$ *' || break
    sleep 0.1
done
type 'clear; echo the shell is ba""ck' Enter
shows 'the shell is back'
shows_not tick
echo "follow and Ctrl-C"
