// Package models holds the default model, so that nothing is fetched at run time.
package models

import (
	"embed"
	"io/fs"
)

//go:embed default/config.json default/tokenizer.json default/model.onnx default/charthand.json
var files embed.FS

// Default gives the folder of the default model; models/default/README.md is its card.
func Default() fs.FS {
	folder, err := fs.Sub(files, "default")
	if err != nil {
		panic(err) // the path is valid
	}
	return folder
}
