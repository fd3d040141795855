# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by build-image: which mirror to install from: the one that this machine's own apt uses.

# The first http(s) repository of apt's whose release is $1. Prints nothing when there is none.
apt_uri()
{
	command -v apt-get >/dev/null || return 0
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		awk -v release="$1" '$1 == release && $2 == "main" && $3 ~ /^https?:/ {print $3; exit}'
}

find_mirror()
{
	local host

	host=$(host_suite)
	mirror=$(apt_uri "$suite")
	[ -n "$mirror" ] || mirror=$(apt_uri "$host")
	[ -n "$mirror" ] || die "apt on this machine knows no Debian mirror: name one in /etc/apt/sources.list, then apt-get update"
	security_mirror=$(apt_uri "$suite-security")
	[ -n "$security_mirror" ] || security_mirror=$(apt_uri "$host-security")
	# Debian's own mirrors have it beside the other.
	security_mirror=${security_mirror:-${mirror%/}-security}
}
