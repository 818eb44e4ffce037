# What check and demo share: packages, builds.  Sourced, with `root` set to the source folder.
# shellcheck shell=bash
: "${root:?}"

say() {
        printf '%s\n' "$*" >&2
}

# packages_need GROUP…: install what scripts/packages lists for these groups and is missing.
packages_need() {
        local group name missing=()
        if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
                say "not a Debian: the packages that have to be there are listed in scripts/packages"
                return 0
        fi
        while read -r group name; do
                case " $* " in *" $group "*) ;; *) continue ;; esac
                [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
                        missing+=("$name")
        done < <(grep -v '^#' "$root/scripts/packages")
        [ ${#missing[@]} -gt 0 ] || return 0

        local as_root=()
        if [ "$(id -u)" != 0 ]; then
                if ! command -v sudo >/dev/null; then
                        say "these packages are missing, and only root can install them: ${missing[*]}"
                        return 1
                fi
                as_root=(sudo)
        fi
        say "installing ${#missing[@]} packages: ${missing[*]}"
        mkdir -p "$root/build"
        if ! { "${as_root[@]}" apt-get update -q &&
                "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
                        --no-install-recommends "${missing[@]}"; } \
                >"$root/build/packages.log" 2>&1 </dev/null; then
                tail -n 20 "$root/build/packages.log" >&2
                say "the packages could not be installed (build/packages.log)"
                return 1
        fi
}

# build_tree FOLDER TARGETS -- CONFIGURE-OPTIONS…: build out of tree, in build/FOLDER.
build_tree() {
        local folder=$root/build/$1 targets=$2
        shift 3
        mkdir -p "$folder"
        if [ -f "$root/config.status" ]; then
                say "the source folder itself is configured: run 'make distclean' in it first"
                return 1
        fi
        if [ ! -x "$root/configure" ] || [ "$root/configure.ac" -nt "$root/configure" ] ||
                [ "$root/Makefile.am" -nt "$root/Makefile.in" ]; then
                "$root/autogen.sh" >"$root/build/autogen.log" 2>&1 || {
                        tail -n 20 "$root/build/autogen.log" >&2
                        say "autogen.sh failed (build/autogen.log)"
                        return 1
                }
        fi
        # shellcheck disable=SC2086
        (cd "$folder" && { [ Makefile -nt "$root/configure" ] ||
                "$root/configure" --quiet "$@"; } && make -j2 $targets) \
                >"$folder.log" 2>&1 </dev/null || {
                grep -E 'error|Error|warning' "$folder.log" | head -n 20 >&2
                say "the build in ${folder#"$root"/} failed (${folder#"$root"/}.log)"
                return 1
        }
}
