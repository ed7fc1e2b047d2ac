#!/bin/sh
# install-config.sh FILE FOLDER: puts an operator's file where it belongs, unless one
# is there already. Run by meson install.
set -eu
folder=${DESTDIR:-}$2
target=$folder/$(basename "$1")
if [ -e "$target" ]; then
	echo "Keeping $target"
	exit 0
fi
# Daemons and mail users read it, whatever root's umask; meson's own files are like that.
umask 022
mkdir -p "$folder"
install -m 0644 "$1" "$target"
echo "Installing $1 to $folder"
