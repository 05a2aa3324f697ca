#!/usr/bin/env bash
# Puts the two native libraries into lib/ beside this script, for the machine that it runs on:
#   lib/libtokenizers.a      linked into the binary
#   lib/libonnxruntime.so    embedded in the binary
# Versions and hashes are in pins.sh. Results are cached under $XDG_CACHE_HOME/charthand/native.
# To use libraries of your own, set CHARTHAND_LIBTOKENIZERS or CHARTHAND_LIBONNXRUNTIME to the files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source ./pins.sh

fail() { echo "native: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is needed to $2; install it and run make native again"; }

[ "$(uname -s)" = Linux ] || fail "Linux is the only system so far, this is $(uname -s)"
case "$(uname -m)" in
  x86_64)  arch=amd64; wheel_arch=x86_64 ;;
  aarch64) arch=arm64; wheel_arch=aarch64 ;;
  *) fail "linux/amd64 and linux/arm64 are supported, this is $(uname -m)" ;;
esac
echo "$CARGO_LOCK_SHA256  Cargo.lock" | sha256sum --check --quiet || fail "Cargo.lock is not the one that pins.sh names"

need go "find the tokenizers module"
go mod download "$TOKENIZERS_MODULE"
module_dir=$(go list -m -f '{{.Dir}}' "$TOKENIZERS_MODULE")
module_version=$(go list -m -f '{{.Version}}' "$TOKENIZERS_MODULE")
key=$(cat pins.sh build.sh Cargo.lock <(echo "$module_version") | sha256sum | cut -c1-16)-$arch
cache=${XDG_CACHE_HOME:-$HOME/.cache}/charthand/native/$key
mkdir -p "$cache" lib

# Makes cache/NAME by calling a function that leaves it in a scratch folder; a build that fails leaves nothing half done.
scratch=
trap '[ -z "$scratch" ] || { rm -rf "$scratch"; echo "native: not done, see above" >&2; }' EXIT
cached() {
  local name=$1 make=$2
  [ -f "$cache/$name" ] && return
  scratch=$(mktemp -d "$cache/build.XXXXXX")
  "$make" "$scratch"
  mv "$scratch/$name" "$cache/$name"
  rm -rf "$scratch"
  scratch=
}

make_tokenizers() {
  need cargo "build libtokenizers.a (about two minutes, once)"
  need cc "build libtokenizers.a"
  echo "native: building libtokenizers.a from $TOKENIZERS_MODULE $module_version" >&2
  cp -r "$module_dir/Cargo.toml" "$module_dir/crates" "$1/"
  chmod -R u+w "$1"
  rm -rf "$1/crates/tokenizers-wasm"
  sed -i '/tokenizers-wasm/d' "$1/Cargo.toml"
  sed -i -e "s#^tiktoken-rs = .*#tiktoken-rs = \"$TIKTOKEN_RS_VERSION\"#" \
    -e '/^criterion/d' -e '/^rand = /d' -e '/^\[\[bench\]\]/,$d' "$1/crates/tokenizers/Cargo.toml"
  cp Cargo.lock "$1/"
  # Paths of the machine that builds stay out of the library.
  RUSTFLAGS="--remap-path-prefix=$1=/src --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
    cargo build --quiet --release --locked --package tokenizers-ffi --manifest-path "$1/Cargo.toml" --target-dir "$1/target"
  cp "$1/target/release/libtokenizers_ffi.a" "$1/libtokenizers.a"
}

make_onnxruntime() {
  need python3 "fetch libonnxruntime.so"
  python3 -m pip --version >/dev/null 2>&1 || fail "pip is needed to fetch libonnxruntime.so (Debian: python3-pip); install it and run make native again"
  local hash=ONNXRUNTIME_WHEEL_SHA256_$arch
  echo "native: fetching libonnxruntime.so $ONNXRUNTIME_VERSION" >&2
  echo "onnxruntime==$ONNXRUNTIME_VERSION --hash=sha256:${!hash}" > "$1/requirements.txt"
  # The wheel of CPython 3.11 whatever Python runs here: only the library inside it is wanted.
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --implementation cp --python-version 3.11 --platform "manylinux_2_28_$wheel_arch" --platform "manylinux_2_27_$wheel_arch" \
    --dest "$1" --requirement "$1/requirements.txt"
  python3 - "$1" "$ONNXRUNTIME_VERSION" <<'PYTHON'
import pathlib, sys, zipfile
folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
(wheel,) = folder.glob("onnxruntime-*.whl")
with zipfile.ZipFile(wheel) as archive:
    (folder / "libonnxruntime.so").write_bytes(archive.read(f"onnxruntime/capi/libonnxruntime.so.{version}"))
PYTHON
}

# Installs the user's own file if there is one, else the cached one.
install_library() {
  local name=$1 own=$2 make=$3 source
  if [ -n "$own" ]; then
    [ -f "$own" ] || fail "$own does not exist: the environment names it as $name"
    source=$own
  else
    cached "$name" "$make"
    source=$cache/$name
  fi
  cmp --silent "$source" "lib/$name" || cp "$source" "lib/$name"
}

install_library libtokenizers.a "${CHARTHAND_LIBTOKENIZERS:-}" make_tokenizers
install_library libonnxruntime.so "${CHARTHAND_LIBONNXRUNTIME:-}" make_onnxruntime
