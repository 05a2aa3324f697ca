// Command serve starts the authorisation server on a free port of this machine, prints "ready BASE", and ends when its standard input does.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"charthand/partners/smart"
)

func main() {
	fhir := flag.String("fhir", "", "the base of the FHIR server behind it")
	flag.Parse()
	if err := run(*fhir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(fhir string) error {
	handler, err := smart.New(fhir, smart.Settings{Approve: true, Banner: true})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // until it is closed
	}()
	fmt.Printf("ready http://%s/fhir\n", listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // it ends with who has started it
	_ = server.Close()
	<-ended
	return nil
}
