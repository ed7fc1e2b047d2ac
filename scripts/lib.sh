# Shared by scripts/demo, scripts/test and scripts/bench: what they need installed,
# and the build. Sourced, not run. Installs only what is missing, so that a
# second run takes seconds.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What building and running takes.
packages_build=(
	gcc meson ninja-build pkg-config
	dovecot-core dovecot-dev dovecot-imapd dovecot-lmtpd dovecot-pop3d
	libglib2.0-dev libjson-glib-dev libnghttp2-dev libsoup-3.0-dev libsqlite3-dev libssl-dev
	libsystemd-dev glib-networking ca-certificates openssl scdoc
	python3
)
# What the tests take besides.
packages_test=(
	clang clang-format cppcheck libclang-rt-14-dev sqlite3 nghttp2-server nghttp2-client
)

say() {
	printf '\033[1m==> %s\033[0m\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# install_packages NAME...: what dpkg does not have yet.
install_packages() {
	local missing=() name
	for name in "$@"; do
		# Debian 13 names the compiler's runtime by its own version.
		if [ "$name" = libclang-rt-14-dev ] && ! apt-cache show "$name" >/dev/null 2>&1; then
			name=libclang-rt-dev
		fi
		dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' ||
			missing+=("$name")
	done
	# Any Node.js will do, not only Debian's.
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		missing+=(nodejs npm)
	fi
	[ ${#missing[@]} = 0 ] && return
	[ "$(id -u)" = 0 ] || die "these packages are missing, and installing them takes root: ${missing[*]}"
	say "installing ${#missing[@]} packages: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq || die "apt-get update failed"
	# Daemons of these packages are not wanted: the scripts start their own.
	local policy=/usr/sbin/policy-rc.d made=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=yes
	fi
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/tmp/fantail-apt.log 2>&1 || {
		[ -n "$made" ] && rm -f $policy
		tail -20 /tmp/fantail-apt.log >&2
		die "apt-get install failed; the log is /tmp/fantail-apt.log"
	}
	[ -n "$made" ] && rm -f $policy
	return 0
}

# The independent implementations that the demo and the tests decrypt with.
install_node_modules() {
	local stamp="$top/tests/node_modules/.fantail-lock"
	if ! cmp -s "$top/tests/package-lock.json" "$stamp"; then
		say "installing the npm packages of tests/"
		(cd "$top/tests" && npm ci --no-audit --no-fund --silent) || die "npm ci failed in tests/"
		cp "$top/tests/package-lock.json" "$stamp"
	fi
}

# build DIR MESON_OPTION...
build() {
	local dir=$1
	shift
	if [ ! -f "$top/$dir/build.ninja" ]; then
		meson setup "$top/$dir" "$top" "$@" >"/tmp/fantail-$dir-setup.log" 2>&1 || {
			tail -20 "/tmp/fantail-$dir-setup.log" >&2
			die "meson setup $dir failed"
		}
	fi
	ninja -C "$top/$dir" >"/tmp/fantail-$dir.log" 2>&1 || {
		grep -E -A5 'error|FAILED' "/tmp/fantail-$dir.log" | head -40 >&2
		die "the build in $dir failed; the log is /tmp/fantail-$dir.log"
	}
}
