package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"
)

// access is how other programs reach the embedded server: a file in the folder that only its owner can read.
type access struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
}

const (
	lockFile   = "queue.lock"
	accessFile = "queue.json"
	startTime  = 30 * time.Second
)

// connect connects to the cluster that is named, to the embedded server of another program, or to one of its own.
func (q *Queue) connect(ctx context.Context) error {
	options := []nats.Option{nats.Name("charthand"), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.Timeout(5 * time.Second)}
	if q.config.URL != "" {
		return q.dial(q.config.URL, options)
	}
	if err := os.MkdirAll(q.config.Dir, 0o700); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(q.config.Dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for begun := time.Now(); ; {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			lock.Close()
			return fmt.Errorf("queue: the folder cannot be locked: %w", err)
		}
		if !q.config.Own {
			if err = q.attach(options); err == nil {
				lock.Close()
				return nil
			}
		}
		if time.Since(begun) > startTime { // the owner may just be starting, or ending
			lock.Close()
			return fmt.Errorf("queue: another program works on %s: end it, or share a cluster: %w", q.config.Dir, err)
		}
		select {
		case <-ctx.Done():
			lock.Close()
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	q.unlock = func() { lock.Close() } // which unlocks it; the file stays, so that nobody locks another
	if err := q.start(options); err != nil {
		q.Close()
		return err
	}
	return nil
}

func (q *Queue) dial(url string, options []nats.Option) (err error) {
	if q.conn, err = nats.Connect(url, options...); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// attach connects to the server of the program that owns the folder.
func (q *Queue) attach(options []nats.Option) error {
	var to access
	data, err := os.ReadFile(filepath.Join(q.config.Dir, accessFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &to); err != nil {
		return err
	}
	return q.dial(to.URL, slices.Concat(options, []nats.Option{nats.UserInfo(to.User, to.Password)}))
}

// store is how the embedded server keeps what it is given.
func (q *Queue) store() *server.JetStreamConfig {
	return &server.JetStreamConfig{StoreDir: q.config.Dir, MaxMemory: 16 << 20, SyncAlways: true, Strict: true}
}

// start starts a server in this program, on a port of its own on this machine.
func (q *Queue) start(options []nats.Option) error {
	to := access{User: "charthand", Password: rand.Text()}
	// Nobody reaches the server by what an earlier one has left.
	if err := os.Remove(filepath.Join(q.config.Dir, accessFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("queue: %w", err)
	}
	embedded, err := server.NewServer(&server.Options{
		ServerName: "charthand", Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: to.User, Password: to.Password,
		JetStream: true, StoreDir: q.store().StoreDir, JetStreamMaxMemory: q.store().MaxMemory, SyncAlways: q.store().SyncAlways,
		MaxPayload: 64 << 10, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	embedded.Start()
	q.embedded = embedded
	if !embedded.ReadyForConnections(startTime) {
		return errors.New("queue: the embedded server did not start")
	}
	to.URL = embedded.ClientURL()
	encoded, err := json.Marshal(to) //nolint:gosec // into a file that only its owner can read
	if err != nil {
		return err
	}
	// Whole or not at all: others may be waiting for it.
	temporary := filepath.Join(q.config.Dir, accessFile+".new")
	if err := os.WriteFile(temporary, encoded, 0o600); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if err := os.Rename(temporary, filepath.Join(q.config.Dir, accessFile)); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return q.dial("", append(options, nats.InProcessServer(embedded), nats.UserInfo(to.User, to.Password)))
}
