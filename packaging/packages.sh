# Which Debian packages Carrel needs, and how to get them. Sourced by packaging/quickstart and tests/run.
# SPDX-License-Identifier: GPL-2.0-or-later

# To build.
BUILD_PACKAGES="autoconf automake libtool autoconf-archive pkg-config make gcc libc6-dev
	libglib2.0-dev libglib2.0-dev-bin libjson-glib-dev libgnutls28-dev libpam0g-dev libsqlite3-dev
	libvirt-dev libspice-server-dev libspice-protocol-dev libvncserver-dev libopus-dev libjpeg62-turbo-dev zlib1g-dev libopenh264-dev
	libwslay-dev libseccomp-dev libacl1-dev libcurl4-gnutls-dev libxcb1-dev libxcb-randr0-dev libxcb-xfixes0-dev libxcb-damage0-dev libxcb-xtest0-dev libpango1.0-dev check"
# To make the golden image.
IMAGE_PACKAGES="mmdebstrap debian-archive-keyring e2fsprogs zstd xz-utils cpio binutils qemu-utils"
# To run an instance. qemu-system-modules-opengl brings QEMU's D-Bus display since QEMU 8. libvirt wants systemd-container: named
# here it comes from the stable release, else from where libvirt comes from, and raises systemd with it. iptables brings ebtables, by
# which libvirt's network filters (libvirt-daemon-system brings their driver) keep desktops from pretending to be others; iproute2
# brings tc, for RateUp= and RateDown=.
RUN_PACKAGES="systemd-container libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients qemu-utils dnsmasq-base
	iproute2 iptables libpam-pwdfile openssl acl util-linux python3-minimal"
QEMU_PACKAGES="qemu-system-x86 qemu-system-modules-opengl"
# For Firmware=uefi and TPM=yes of pool files, and for nothing else: who uses neither key needs none of them.
HARDWARE_PACKAGES="ovmf swtpm swtpm-tools"

# Debian's release number (12, 13), or 0 elsewhere.
debian_release() {
	(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_ID:-99}") 2>/dev/null || echo 0
}

# Prints those of the packages named that are not installed.
missing_packages() {
	printf '%s\n' "$@" | awk '!seen[$0]++' | while read -r package; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
	done
}

# install_packages LOG PACKAGE...: installs what is missing. On Debian 12 it adds bookworm-backports for QEMU and libvirt,
# whose own 7.2 and 9.0 work but have no shared-memory display.
install_packages() {
	log=$1
	shift
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if ! command -v apt-get >/dev/null; then
		echo "These packages are missing, and there is no apt-get to install them with: $missing" >&2
		return 1
	fi
	echo "Installing $(echo "$missing" | wc -w) packages: $(echo "$missing" | fold -s -w 100 | sed '2,$s/^/  /')"
	target=
	if [ "$(debian_release)" = 12 ]; then
		target="-t bookworm-backports"
		if ! apt-cache policy 2>/dev/null | grep -q 'n=bookworm-backports'; then
			echo "This is Debian 12: adding bookworm-backports (/etc/apt/sources.list.d/carrel-backports.list) for QEMU and libvirt."
			mirror=$(bookworm_mirror)
			# apt tells nothing of its sources before it has read their lists, which small installations lack.
			[ -n "$mirror" ] || { update_lists && mirror=$(bookworm_mirror); } || return 1
			if [ -z "$mirror" ]; then
				echo "apt knows no mirror of Debian 12: add bookworm-backports to /etc/apt/sources.list, then try again" >&2
				return 1
			fi
			echo "deb $mirror bookworm-backports main" >/etc/apt/sources.list.d/carrel-backports.list
		fi
	fi
	update_lists || return 1
	backports= plain=
	for package in $missing; do
		case $target:$package in
		-t*:qemu-* | -t*:libvirt-*) backports="$backports $package" ;;
		*) plain="$plain $package" ;;
		esac
	done
	# policy-rc.d-like care is not ours: where systemd runs, libvirt's packages start libvirt, and that is wanted.
	# Backports last: QEMU's needs newer libraries (libelf1), and apt raises what came with the old ones, but takes no package
	# of the stable release beside the new ones. Where those are on the machine already, all comes from backports.
	# shellcheck disable=SC2086
	if ! { apt_install $plain || { [ -n "$target" ] && apt_install $target $plain; }; } ||
		! { [ -z "$backports" ] || apt_install $target $backports; }; then
		echo "apt-get install failed; the last lines of $log:" >&2
		tail -n 8 "$log" >&2
		return 1
	fi
}

# Where apt gets Debian 12 from; nothing when it does not know.
bookworm_mirror() {
	apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' 2>/dev/null | awk '$1 == "bookworm" {print $2; exit}'
}

update_lists() {
	DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 && return
	echo "apt-get update failed; the last lines of $log:" >&2
	tail -n 5 "$log" >&2
	return 1
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; }
