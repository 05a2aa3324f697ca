package interop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"charthand/fhir/subscription"
)

// Times of subscriptions.
const (
	notifyTime = 20 * time.Second
	// lifeTime is when a Subscription ends by itself, should it stay.
	lifeTime = 10 * time.Minute
	// activeTime is how long a server may take to make one active.
	activeTime = 20 * time.Second
)

// nowhere is where notifications go that nobody waits for: a name that never means anything (RFC 2606).
const nowhere = "https://charthand.invalid"

// notice is a notification that came.
type notice struct {
	secret string
	body   []byte
}

// listener takes notifications on this machine.
type listener struct {
	address string
	secret  string
	notices map[subscription.Type]chan notice // by the path that they come to
	server  *http.Server
	done    chan struct{}
}

// maxNotice bounds what is read of a notification, in bytes; maxNotices how many are kept that nobody has looked at.
const (
	maxNotice  = 1 << 20
	maxNotices = 64
)

// listen starts a listener on a free port.
func listen(ctx context.Context, host string) (*listener, error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	l := &listener{address: "http://" + socket.Addr().String(), secret: rand.Text(), done: make(chan struct{})}
	l.notices = map[subscription.Type]chan notice{subscription.R4: make(chan notice, maxNotices), subscription.Topic: make(chan notice, maxNotices)}
	l.server = &http.Server{Handler: l, ReadTimeout: 10 * time.Second}
	go func() {
		defer close(l.done)
		_ = l.server.Serve(socket) // it ends when it is closed
	}()
	return l, nil
}

// ServeHTTP implements http.Handler. The answer is one that servers take as delivered.
func (l *listener) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxNotice))
	if err != nil {
		return
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, "/"), "/")
	select {
	case l.notices[subscription.Type(kind)] <- notice{request.Header.Get(subscription.SecretHeader), body}:
	default: // enough came, or it is of no kind
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response"}`) // who does not wait for it does not matter
}

// close ends the listener, nil or not.
func (l *listener) close() {
	if l == nil {
		return
	}
	_ = l.server.Close()
	<-l.done
}

func (r *run) subscribeR4(ctx context.Context) finding {
	return r.subscribe(ctx, subscription.Request{Type: subscription.R4, Payload: subscription.Empty})
}

func (r *run) subscribeTopic(ctx context.Context) finding {
	topic := r.config.Topic
	if topics := r.claims.topics(); topic == "" && len(topics) > 0 {
		topic = topics[0]
	}
	if topic == "" && r.claims.ResourceType != "" {
		return unsupported("the CapabilityStatement names no topic; --topic CANONICAL tries one")
	}
	return r.subscribe(ctx, subscription.Request{Type: subscription.Topic, Payload: subscription.ID, TopicURL: topic})
}

// subscribe creates a Subscription to what happens to the test patient's documents, and waits until it is active.
func (r *run) subscribe(ctx context.Context, request subscription.Request) finding {
	switch {
	case r.document == nil:
		return skipped("there is no test DocumentReference")
	case !r.claims.does("Subscription", "create", "read", "delete"):
		return unsupported("the server does not claim to create, read and delete Subscription")
	}
	request.Criteria = "DocumentReference?subject=" + r.patient.name
	request.Name = "interop " + r.config.Run
	request.Endpoint = nowhere + "/" + string(request.Type)
	isWaited := IsLocal(r.config.Base)
	if isWaited {
		if err := r.listen(ctx); err != nil {
			return failed("this machine cannot listen for notifications: %s", reason(err))
		}
		request.Endpoint, request.Secret = r.listener.address+"/"+string(request.Type), r.listener.secret
	}
	sent, err := treeOf(request.Resource())
	if err != nil {
		return failed("%s", reason(err))
	}
	mark(sent, r.config.Run)
	sent["end"] = time.Now().UTC().Add(lifeTime).Format("2006-01-02T15:04:05.000Z07:00")
	answer, err := r.server.Create(ctx, "Subscription", "", sent)
	if err != nil {
		return failed("%s", reason(err))
	}
	name := nameIn(answer)
	if name == "" {
		return failed("the answer does not say where the Subscription is")
	}
	now, err := r.awaitActive(ctx, name)
	if err != nil {
		return failed("%s: %s", name, reason(err))
	}
	if isWaited {
		if now.Status != "active" {
			return failed("%s is %s %s", name, now.Status, shorten(now.Error))
		}
		r.subscribed[string(request.Type)] = name
		return ok("%s is active", name)
	}
	// The server is not to try the address that means nothing.
	if err := r.server.Delete(ctx, name); err != nil {
		return failed("%s was accepted, and is %s; it cannot be deleted: %s", name, now.Status, reason(err))
	}
	f := ok("%s was accepted, was %s, and is deleted", name, now.Status)
	if now.Error != "" {
		f.details = []string{"the server says: " + now.Error}
	}
	return f
}

// listen starts the listener, once.
func (r *run) listen(ctx context.Context) (err error) {
	if r.listener != nil {
		return nil
	}
	host := "127.0.0.1"
	if at, err := url.Parse(r.config.Base); err == nil && at.Hostname() == "::1" {
		host = "::1"
	}
	r.listener, err = listen(ctx, host)
	return err
}

// awaitActive waits until a Subscription is not requested any more, for as long as the server may take.
func (r *run) awaitActive(ctx context.Context, name string) (now subscription.Resource, err error) {
	ctx, cancel := context.WithTimeout(ctx, activeTime)
	defer cancel()
	for {
		raw, err := r.server.Read(ctx, name)
		if err != nil {
			return now, err
		}
		if json.Unmarshal(raw, &now) != nil {
			return now, fmt.Errorf("the server's Subscription cannot be read")
		}
		if now.Status != "requested" || !IsLocal(r.config.Base) || !sleep(ctx) {
			return now, nil
		}
	}
}

func (r *run) notificationR4(ctx context.Context) finding {
	return r.await(ctx, subscription.R4, func(notice) string { return "" }) // it is empty
}

func (r *run) notificationTopic(ctx context.Context) finding {
	return r.await(ctx, subscription.Topic, func(n notice) string {
		read, err := subscription.Read(n.body)
		switch {
		case err != nil:
			return reason(err)
		case read.Kind != subscription.Event:
			return "a " + string(read.Kind)
		case !slices.ContainsFunc(read.Focus, func(name string) bool { return name == r.document.name || strings.HasPrefix(name, r.document.name+"/") }):
			return "an event of something else"
		}
		return ""
	})
}

// await waits for a notification of a kind. other says of one that it is not what is waited for, and what it is.
func (r *run) await(ctx context.Context, kind subscription.Type, other func(notice) string) finding {
	name := r.subscribed[string(kind)]
	switch {
	case name == "" && !IsLocal(r.config.Base) && r.claims.ResourceType != "":
		return skipped("delivery was not tried: the server is not on this machine, and could not reach it")
	case name == "":
		return skipped("there is no active Subscription")
	case !r.hasHappened("update"):
		return skipped("there was no update")
	}
	end := time.NewTimer(r.config.Notify)
	defer end.Stop()
	var others []string
	for {
		select {
		case <-ctx.Done():
			return skipped("interrupted")
		case <-end.C:
			f := failed("none came to %s within %s; from inside a container, or through a tunnel, that cannot be reached", r.listener.address, r.config.Notify)
			f.details = others
			return f
		case came := <-r.listener.notices[kind]:
			if why := other(came); why != "" {
				others = append(others, "another came: "+why)
				continue
			}
			if came.secret != r.listener.secret {
				return failed("it came without the header that the Subscription has")
			}
			return ok("it came")
		}
	}
}
