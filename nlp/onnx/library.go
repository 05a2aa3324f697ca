// Package onnx runs token-classification models: text to tokens with offsets, tokens to logits. It is the only package
// with cgo, over daulet/tokenizers and onnxruntime_go, and owns all native memory.
package onnx

import (
	"crypto/sha256"
	_ "embed" // the library
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/unix"
)

// library is libonnxruntime.so for the machine that this binary was built for (native/build.sh puts it there).
//
//go:embed native/lib/libonnxruntime.so
var library []byte

// LibraryVariable names the environment variable with the path of an ONNX Runtime library to use instead of the one inside.
const LibraryVariable = "CHARTHAND_ONNXRUNTIME"

// openLibrary opens ONNX Runtime once for the process.
var openLibrary = sync.OnceValue(func() error {
	if own := os.Getenv(LibraryVariable); own != "" {
		if err := initialise(own); err != nil {
			return fmt.Errorf("cannot open the ONNX Runtime library %s that %s names (%w): point it to a libonnxruntime.so of version 1.29 or newer, or unset it to use the one inside", own, LibraryVariable, err)
		}
		return nil
	}
	inMemory := openFromMemory()
	if inMemory == nil {
		return nil
	}
	// Some systems forbid running code from memory files; a file in the cache folder does there.
	if err := openFromCache(); err != nil {
		return fmt.Errorf("cannot open the ONNX Runtime library inside (%w): set %s to the path of a libonnxruntime.so of version 1.29 or newer", errors.Join(inMemory, err), LibraryVariable)
	}
	return nil
})

// noTelemetry are the variables by which versions of ONNX Runtime are told, before they are opened, to collect nothing. Its
// published builds otherwise write a device id and a database of events into the user's cache folder, run a shell command to
// name the machine, and send what they have to their maker.
var noTelemetry = []string{"ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"}

func initialise(path string) error {
	for _, variable := range noTelemetry {
		// With cgo this sets the variable of the C library too, which is where native code reads it.
		if err := os.Setenv(variable, "1"); err != nil {
			return err
		}
	}
	ort.SetSharedLibraryPath(path)
	return ort.InitializeEnvironment(ort.WithLogLevelError())
}

func openFromMemory() error {
	fd, err := unix.MemfdCreate("libonnxruntime.so", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "libonnxruntime.so")
	// Once opened the library stays mapped without the descriptor.
	defer file.Close()
	if _, err := file.Write(library); err != nil {
		return err
	}
	return initialise(fmt.Sprintf("/proc/self/fd/%d", fd))
}

func openFromCache() error {
	base, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(library)
	folder := filepath.Join(base, "charthand", "lib", hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	path := filepath.Join(folder, "libonnxruntime.so")
	// Written whole under another name each time, so that neither a half-written nor a changed file is opened.
	file, err := os.CreateTemp(folder, "new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(library)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return initialise(path)
}
