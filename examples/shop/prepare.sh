#!/bin/sh
# Creates the folders of the shop on its disk. Run it once, as root, on the node where the disk is
# mounted at /mnt/shop.
set -eu
here=$(dirname "$0")
mountpoint -q /mnt/shop || { echo "mount the shop's disk at /mnt/shop first" >&2; exit 1; }
install -d -o postgres -g postgres -m 700 /mnt/shop/pg
install -d -o redis -g redis -m 750 /mnt/shop/redis
install -m 644 "$here/nginx.conf" /mnt/shop/nginx.conf
[ -e /mnt/shop/pg/PG_VERSION ] ||
	setpriv --reuid=postgres --regid=postgres --clear-groups \
		/usr/lib/postgresql/15/bin/initdb -D /mnt/shop/pg -A scram-sha-256 --pwprompt
