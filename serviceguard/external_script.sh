#!/bin/sh
# The external_script for packages that name their site by the variable pev_siteward_site.
# A link with the site's name needs no script: see README.md.
if [ -z "$SG_UTILS" ] && [ -r /etc/cmcluster.conf ]; then
	. /etc/cmcluster.conf
	SG_UTILS=$SGCONF/scripts/mscripts/utils.sh
fi
if [ -r "$SG_UTILS" ]; then
	. "$SG_UTILS"
	sg_source_pkg_env "${SG_PACKAGE_NAME:-$SG_PACKAGE}"
fi
export PEV_SITEWARD_SITE
exec "${SITEWARD:-/usr/sbin/siteward}" "$@"
