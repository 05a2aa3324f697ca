package onnx

// #cgo LDFLAGS: -L${SRCDIR}/native/lib
import "C" // tells the linker where native/build.sh puts libtokenizers.a
