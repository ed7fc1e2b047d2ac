# Shared by scripts/demo, scripts/test and scripts/bench: what they need installed,
# and the build. Sourced, not run. Installs only what is missing, so that a
# second run takes seconds.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What building and running takes.
packages_build=(
	gcc meson ninja-build pkg-config
	dovecot-core dovecot-dev dovecot-imapd dovecot-lmtpd dovecot-pop3d
	libglib2.0-dev libical-dev libjson-glib-dev libnghttp2-dev libsoup-3.0-dev libsqlite3-dev libssl-dev
	libcrypt-dev libsystemd-dev libxml2-dev zlib1g-dev glib-networking ca-certificates openssl scdoc
	python3
)
# What the tests take besides.
packages_test=(
	clang clang-format cppcheck libclang-rt-14-dev sqlite3 nghttp2-server nghttp2-client perl
	libwbxml2-dev libwbxml2-utils
	libnsl2 libsasl2-2 # for a Postfix that is not installed
	libvips-tools # pictures for small screens
	kannel kannel-extras # an SMS gateway, and the network of its own tests
)
# Source packages with live tests of IMAP servers; tests/integration/conformance_test.py
# runs them. Their binary packages leave these out.
suites=(libmail-imapclient-perl python-imapclient)
# The Debian that both come from: 12 has only one of them, and one is as good as the other.
suites_release=trixie
# A SyncML client that is not ours, and a server to be compared with.
packages_syncml=(syncevolution syncevolution-http python3-twisted dbus)

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

# The public suites, into tests/suites. Without them one test fails, and says so. apt works
# with lists of its own, for the machine's may have no sources in them.
install_suites() {
	local name missing=() archive apt status=0
	for name in "${suites[@]}"; do
		[ -d "$top/tests/suites/$name" ] || missing+=("$name")
	done
	[ ${#missing[@]} = 0 ] && return
	say "fetching public IMAP suites: ${missing[*]}"
	archive=$(debian_archive) || archive=
	if [ -z "$archive" ]; then
		say "no suites: apt-get indextargets knows no archive of Debian's"
		return
	fi
	apt=$(mktemp -d)
	mkdir -p "$apt/lists" "$apt/cache"
	printf 'deb-src [signed-by=%s] %s %s main\n' /usr/share/keyrings/debian-archive-keyring.gpg \
		"$archive" $suites_release >"$apt/sources"
	# The sandbox's user could not write there.
	local options=(-qq -o "Dir::Etc::sourcelist=$apt/sources" -o Dir::Etc::sourceparts=-
		-o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=)
	{
		apt-get "${options[@]}" update &&
			(cd "$apt" && apt-get "${options[@]}" --download-only --tar-only source "${missing[@]}")
	} >/tmp/fantail-suites.log 2>&1 || status=$?
	for name in "${missing[@]}"; do
		[ $status = 0 ] || break
		mkdir -p "$apt/$name" "$top/tests/suites"
		tar -C "$apt/$name" --strip-components=1 --no-same-owner -xf "$apt/$name"_*.orig.tar.* &&
			mv "$apt/$name" "$top/tests/suites/" || status=$?
	done 2>>/tmp/fantail-suites.log
	rm -rf "$apt"
	if [ $status != 0 ]; then
		tail -5 /tmp/fantail-suites.log >&2
		say "no suites: ${missing[*]} cannot be had; the log is /tmp/fantail-suites.log"
	fi
}

# An SMTP server for tests/integration/deliver_test.py, unpacked into tests/suites if it is not
# installed: installing it would make it this machine's mail system. Without it some rows are
# skipped, and say so.
unpack_postfix() {
	local folder status=0
	[ -e /usr/lib/postfix/sbin/master ] || [ -d "$top/tests/suites/postfix" ] && return
	say "fetching postfix"
	folder=$(mktemp -d)
	{
		apt-cache show postfix >/dev/null 2>&1 || apt-get update -qq
		(cd "$folder" && apt-get download -qq -o APT::Sandbox::User= postfix) &&
			dpkg-deb -x "$folder"/postfix_*.deb "$folder/postfix" &&
			mkdir -p "$top/tests/suites" && mv "$folder/postfix" "$top/tests/suites/"
	} >/tmp/fantail-postfix.log 2>&1 || status=$?
	rm -rf "$folder"
	if [ $status != 0 ]; then
		tail -5 /tmp/fantail-postfix.log >&2
		say "no postfix: it cannot be had; the log is /tmp/fantail-postfix.log"
	fi
}

# Where this machine gets Debian itself from.
debian_archive() {
	local release
	release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # apt's variable, not the shell's
	local query=(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages'
		'Origin: Debian' "Codename: $release")
	[ -n "$("${query[@]}")" ] || apt-get update -qq >&2
	"${query[@]}" | sed 1q
}

# build DIR MESON_OPTION...: all of it, or $build_targets.
build() {
	local dir=$1
	shift
	if [ ! -f "$top/$dir/build.ninja" ]; then
		meson setup "$top/$dir" "$top" "$@" >"/tmp/fantail-$dir-setup.log" 2>&1 || {
			tail -20 "/tmp/fantail-$dir-setup.log" >&2
			die "meson setup $dir failed"
		}
	fi
	# shellcheck disable=SC2086 # words
	ninja -C "$top/$dir" ${build_targets:-} >"/tmp/fantail-$dir.log" 2>&1 || {
		grep -E -A5 'error|FAILED' "/tmp/fantail-$dir.log" | head -40 >&2
		die "the build in $dir failed; the log is /tmp/fantail-$dir.log"
	}
}
