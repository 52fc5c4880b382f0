#!/bin/sh
# Adds the resource type `siteward.type` to Oracle Clusterware, so that a resource names its site by an attribute and
# no link is needed. Run it once, on one server, as root; then:
#
#   crsctl add resource shop -type siteward.type -attr "SITEWARD_SITE=shop,..."
#
# `siteward generate clusterware SITE` prints the other attributes, with every timeout computed.
set -eu
type=${1:-siteward.type}
program=${SITEWARD:-/usr/sbin/siteward}
crsctl=${CRSCTL:-crsctl}
if ! command -v "$crsctl" >/dev/null; then
	echo "add-type.sh: $crsctl is not found; add the bin directory of the Grid home to PATH, or set CRSCTL" >&2
	exit 1
fi
if [ ! -x "$program" ]; then
	echo "add-type.sh: $program is not installed on this server; install siteward on every server, or set SITEWARD" >&2
	exit 1
fi
exec "$crsctl" add type "$type" -basetype cluster_resource \
	-attr "ATTRIBUTE=SITEWARD_SITE,TYPE=string,FLAGS=REQUIRED" \
	-attr "ATTRIBUTE=ACTION_SCRIPT,TYPE=string,DEFAULT_VALUE=$program"
