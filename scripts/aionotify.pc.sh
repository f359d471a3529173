#!/bin/sh
# aionotify.pc.sh PREFIX LIBDIR INCLUDEDIR VERSION: prints aionotify.pc.
#
# The headers embed a GSource, so users need GLib's include flags; nothing needs GLib's library.
# pkg-config has no word for that (a private requirement adds the library to --static), so the
# flags themselves go in, in variables that a packager can override.
set -eu
prefix=$1 libdir=$2 includedir=$3 version=$4

# Below the prefix, so that the tree can be moved (pkg-config --define-prefix).
below() {
	case $1 in
	"$prefix"/*) printf "\${prefix}%s" "${1#"$prefix"}" ;;
	*) printf '%s' "$1" ;;
	esac
}

# The sysroot of a cross build is added by pkg-config when the file is used, not here.
glib_cflags=$(PKG_CONFIG_SYSROOT_DIR='' ${PKG_CONFIG:-pkg-config} --cflags glib-2.0)

cat <<EOF
prefix=$prefix
libdir=$(below "$libdir")
includedir=$(below "$includedir")
glib_cflags=$glib_cflags

Name: aionotify
Description: The wakeup protocol of QEMU's AioContext (aio_notify, EventNotifier)
Version: $version
Libs: -L\${libdir} -laionotify
Cflags: -I\${includedir}/aionotify \${glib_cflags}
EOF
