package hub

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name that git gives a file
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// partial ends the name of a file that is not whole yet.
const partial = ".part"

// fetch gets a file unless it is there. A connection that breaks is taken up again as long as every attempt brings something.
func (c *Client) fetch(ctx context.Context, source string, f file, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil // only whole files have this name
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	part, err := os.OpenFile(path+partial, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer part.Close()
	if err := unix.Flock(int(part.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("another pull is getting it (%w)", err)
	}
	for {
		before, err := part.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if before > 0 && before >= f.Size {
			break
		}
		if err = c.attempt(ctx, source, f, part, before); err == nil {
			break
		}
		after, seekErr := part.Seek(0, io.SeekEnd)
		if ctx.Err() != nil || seekErr != nil || after <= before || errors.As(err, new(refused)) {
			return errors.Join(err, seekErr)
		}
	}
	if err := verify(part, f); err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}

// stall is how long nothing may come before a connection is given up.
func (c *Client) stall() time.Duration {
	if c.Stall > 0 {
		return c.Stall
	}
	return time.Minute
}

// refused is an answer of the hub that asking again does not change.
type refused struct{ error }

// attempt appends to a file what is missing of it; without an error that is all of it.
func (c *Client) attempt(ctx context.Context, source string, f file, part *os.File, from int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stalled := time.AfterFunc(c.stall(), cancel)
	defer stalled.Stop()
	response, err := c.get(ctx, source, from)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusPartialContent && from > 0:
	case response.StatusCode == http.StatusOK && from == 0:
	case response.StatusCode == http.StatusOK, response.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		// The server gives no parts, or has less than is there already: what was begun is of no use.
		return refused{errors.Join(errors.New("the hub does not go on where it stopped: pull again to begin anew"), part.Truncate(0))}
	default:
		return refused{refusal(response.StatusCode)}
	}
	counter := &counted{Writer: part, done: from, tell: func(done int64) {
		stalled.Reset(c.stall())
		if c.Progress != nil {
			c.Progress(f.Name, done, f.Size)
		}
	}}
	// No more than the hub has announced: what lies beyond cannot be right.
	written, err := io.Copy(counter, io.LimitReader(response.Body, f.Size-from+1))
	if err == nil && written < f.Size-from {
		err = fmt.Errorf("it ended after %d of %d bytes", from+written, f.Size)
	}
	return err
}

// counted tells how many bytes have been written.
type counted struct {
	io.Writer
	done int64
	tell func(done int64)
}

// Write implements io.Writer.
func (c *counted) Write(data []byte) (int, error) {
	n, err := c.Writer.Write(data)
	c.done += int64(n)
	c.tell(c.done)
	return n, err
}

// verify compares a file with the size and the checksum that the hub announced.
func verify(part *os.File, f file) error {
	size, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size != f.Size {
		return fmt.Errorf("%d bytes came, the hub announced %d", size, f.Size)
	}
	var sum hash.Hash
	want := f.Blob
	if f.LFS != nil {
		sum, want = sha256.New(), f.LFS.SHA256
	} else {
		sum = sha1.New() //nolint:gosec // the name that git gives a file
		fmt.Fprintf(sum, "blob %d\x00", size)
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(sum, part); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("its checksum is %s, the hub announced %s: what came is removed", got, want)
	}
	return nil
}
