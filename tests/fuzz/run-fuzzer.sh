#!/bin/sh
# run-fuzzer.sh FUZZER FUZZ_DIR NAME: 200,000 runs from the corpus and dictionary of NAME.
# New inputs go to a scratch folder: the corpus in the tree changes only by hand.
# FANTAIL_FUZZ_RUNS overrides the number; FANTAIL_FUZZ_TIMEOUT is how many seconds an input may
# take (1). FANTAIL_FUZZ_SEED is what it starts from (1): the same code gives the same answer,
# and a red run can be had again; 0 takes another each time, which is how to look for more.
set -eu
fuzzer=$1 dir=$2 name=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
dict=
[ -f "$dir/$name.dict" ] && dict="-dict=$dir/$name.dict"
# libFuzzer ends with 77 when it found something, which meson would take for a
# skipped test.
# shellcheck disable=SC2086 # $dict is one word or none
if ! "$fuzzer" -runs="${FANTAIL_FUZZ_RUNS:-200000}" -seed="${FANTAIL_FUZZ_SEED:-1}" \
	-timeout="${FANTAIL_FUZZ_TIMEOUT:-1}" -rss_limit_mb=512 -max_len="${FANTAIL_FUZZ_MAX_LEN:-8192}" \
	-print_final_stats=1 -verbosity=0 -artifact_prefix="$scratch/" $dict \
	"$scratch" "$dir/corpus/$name"; then
	for artifact in "$scratch"/crash-* "$scratch"/timeout-* "$scratch"/leak-* "$scratch"/oom-*; do
		[ -f "$artifact" ] || continue
		echo "failing input ($artifact), base64:"
		base64 "$artifact"
	done
	exit 1
fi
