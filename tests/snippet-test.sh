#!/bin/sh
# snippet-test.sh SNIPPET: what the installed Dovecot 2.3 makes of our conf.d file,
# read after files that set mail_plugins in the ways people do. TAP.
set -eu
snippet=$1
command -v doveconf > /dev/null || { echo '1..0 # SKIP no doveconf'; exit 0; }
case $(doveconf --version 2> /dev/null || dovecot --version) in
2.3*) ;;
*) echo '1..0 # SKIP not Dovecot 2.3'; exit 0 ;;
esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat > "$scratch/dovecot.conf" <<END
base_dir = $scratch
ssl = no
mail_plugins = \$mail_plugins quota
protocol lmtp {
  mail_plugins = \$mail_plugins sieve
}
protocol lda {
  mail_plugins = \$mail_plugins sieve
}
!include $snippet
protocol imap {
  mail_plugins = \$mail_plugins imap_quota
}
END
# The second run has its settings uncommented.
sed 's/^  #fantail/  fantail/' "$snippet" > "$scratch/uncommented.conf"
sed "s|^!include .*|!include $scratch/uncommented.conf|" "$scratch/dovecot.conf" > "$scratch/2.conf"

echo 1..8
number=0
result() { # NAME GOT WANTED
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
		echo "# got:    $2"
		echo "# wanted: $3"
	fi
}
plugins() {
	doveconf -c "$scratch/dovecot.conf" -h -f protocol="$1" mail_plugins 2>&1 | sed 's/^ *//'
}
result lmtp "$(plugins lmtp)" 'quota sieve notify fantail_event'
result lda "$(plugins lda)" 'quota sieve notify fantail_event'
result imap "$(plugins imap)" 'quota notify fantail_event fantail_notify fantail_imap imap_quota'
result pop3 "$(plugins pop3)" 'quota notify fantail_event'
result doveadm "$(plugins doveadm)" 'quota notify fantail_event'
result other "$(plugins other)" quota
result 'no warning' "$(doveconf -n -c "$scratch/dovecot.conf" 2>&1 > /dev/null)" ''
result 'settings uncommented' \
	"$(doveconf -n -c "$scratch/2.conf" 2>&1 | grep -c '^ *fantail_')" \
	"$(grep -c '^ *#*fantail_' "$snippet")"
