# The native parts, pinned: read by build.sh. One place for every version and hash.

# libonnxruntime.so comes out of the PyPI wheel of this version. It is the version that the headers in
# github.com/yalue/onnxruntime_go (see go.mod) name, and that training/pyproject.toml pins: change the three together, and measure.
# 1.30 and 1.31 take five times as long for SkipLayerNormalization.
ONNXRUNTIME_VERSION=1.29.0
ONNXRUNTIME_WHEEL_SHA256_amd64=85f8e8406c52658735fe5c7fbfd3ebaa1ed340768324f6252e4274e374580a23
ONNXRUNTIME_WHEEL_SHA256_arm64=16925ef8497e2c07e4b5ae15b504079b3ab3f65e22c58efd10dde0f3caea969a

# libtokenizers.a is built from the Rust crate inside this Go module; go.sum holds the module's hash, and Cargo.lock beside
# this file the hashes of the crates. The crate takes tiktoken-rs from git: the released version is used instead.
TOKENIZERS_MODULE=github.com/daulet/tokenizers
TIKTOKEN_RS_VERSION=0.9
CARGO_LOCK_SHA256=b54891be6744afe9ebb105ee258935e413f64828a2dcae70b7219faf4435a5e0
