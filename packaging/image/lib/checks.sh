# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by build-image: what must hold before anything is made. Each failure is one line that says what to do.

# The program and the Debian package that has it.
needed_tools='mmdebstrap:mmdebstrap mke2fs:e2fsprogs qemu-img:qemu-utils cpio:cpio xz:xz-utils zstd:zstd strip:binutils realpath:coreutils'

host_suite()
{
	local codename=''

	[ -r /etc/os-release ] && codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	case $codename in
	bookworm|trixie) echo "$codename" ;;
	*) echo bookworm ;;
	esac
}

check_arguments()
{
	[ -n "$output" ] || die 'where should the image go? Give --output DIR'
	[ -n "$agent_dir" ] || die 'where is carrel-agent? Give --agent-dir BUILD_DIR'
	[ -n "$suite" ] || suite=$(host_suite)
	case $suite in
	bookworm|trixie) ;;
	*) die "Debian “$suite” is not known here: --suite takes bookworm or trixie" ;;
	esac
	[[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] || die "“$name” cannot be an image's name: letters, digits, . _ - only"
	[[ $version =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] || die "“$version” cannot be a version: letters, digits, . _ - only"
	[[ $packages =~ ^([a-z0-9][a-z0-9+.-]*(,[a-z0-9][a-z0-9+.-]*)*)?$ ]] ||
		die "“$packages” cannot be packages' names: small letters, digits, + . - only, one --package each"
	[[ $disk_size =~ ^[1-9][0-9]*[MG]$ ]] || die "“$disk_size” cannot be a disk's size: a number with M or G, such as 8G"
	if [ ! -x "$agent_dir/carrel-agent" ] && [ ! -x "$agent_dir/sbin/carrel-agent" ]; then
		die "there is no carrel-agent in $agent_dir: build Carrel first (make) and name its build folder"
	fi
	[ "$(id -u)" = 0 ] || die 'must be run as root (sudo): it makes a system with files of several users'
}

check_tools()
{
	local pair tool missing=''

	for pair in $needed_tools; do
		tool=${pair%%:*}
		command -v "$tool" >/dev/null || missing="$missing ${pair#*:}"
	done
	[ -z "$missing" ] || die "these packages are needed: apt-get install$missing"
}

# In MiB: the tree, the raw disk and the image are there at the same time for a while.
check_space()
{
	local free

	free=$(df -Pm "$output" | awk 'NR == 2 {print $4}')
	[ "$free" -ge 3000 ] || die "no space: building needs about 3 GiB at $output, and $free MiB are free"
}
