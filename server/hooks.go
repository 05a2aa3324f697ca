package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"charthand/fhir"
	"charthand/fhir/subscription"
	"charthand/queue"
	"charthand/server/access"

	"github.com/gin-gonic/gin"
)

// Jobs is what hooks need of a queue. Add returns when a job is on disk.
type Jobs interface {
	Add(ctx context.Context, job queue.Job) error
	State(ctx context.Context, name string) (string, error)
	Keep(ctx context.Context, name, value string) error
}

// Hooks take the notifications of a FHIR server.
type Hooks struct {
	Jobs Jobs
	// Secret is what notifications have to carry in subscription.SecretHeader; without one they are taken from this machine alone.
	Secret string
}

// taken is the answer that both HAPI and Inferno take as delivered.
var taken = []byte(`{"resourceType":"Bundle","type":"transaction-response"}`)

// hookName is what hooks may be called.
var hookName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// retryHooks is after how many seconds a notification that could not be stored is to be sent again.
const retryHooks = "5"

// hook is PUT /hooks/{name}/{type}/{id} and POST /hooks/{name}. A notification is acknowledged when what it asks for is stored.
func (s *Server) hook(c *gin.Context) {
	if !hookName.MatchString(c.Param("name")) {
		s.fail(c, http.StatusNotFound, fhir.CodeNotFound, "a hook's name has letters, digits, dashes and underscores")
		return
	}
	if !s.knows(c.Request) {
		s.logger(c).Warn("hook refused", "hook", c.Param("name"), "reason", "secret", "refused", s.refusedHooks.Add(1))
		s.fail(c, http.StatusUnauthorized, fhir.CodeSecurity, "the notification does not carry the secret of this hook")
		return
	}
	body, whole := s.body(c)
	if !whole {
		return
	}
	jobs, after, err := s.notified(c, body)
	if err != nil {
		s.fail(c, http.StatusBadRequest, fhir.CodeStructure, err.Error())
		return
	}
	for _, job := range jobs {
		job.Source = c.Param("name")
		if err := s.config.Hooks.Jobs.Add(c.Request.Context(), job); err != nil {
			s.logger(c).Error("hook not stored", "hook", job.Source, "type", fmt.Sprintf("%T", err), "full", errors.Is(err, queue.ErrFull))
			c.Header("Retry-After", retryHooks)
			s.fail(c, http.StatusServiceUnavailable, fhir.CodeTransient, "the notification could not be stored")
			return
		}
	}
	if after != nil {
		after()
	}
	c.Data(http.StatusOK, fhirJSON, taken)
}

// knows reports whether a notification carries the secret; where there is none, whether it comes from this machine.
func (s *Server) knows(r *http.Request) bool {
	secret := s.config.Hooks.Secret
	if secret == "" {
		return access.IsThisMachine(r) && r.Header.Get("Origin") == "" // no web page in a browser of this machine
	}
	// Of one length, so that the time of the comparison tells nothing.
	want, got := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(r.Header.Get(subscription.SecretHeader)))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// notified gives the jobs that a notification asks for, and what to do when they are stored.
func (s *Server) notified(c *gin.Context, body []byte) (jobs []queue.Job, after func(), err error) {
	if resourceType := c.Param("type"); resourceType != "" {
		name := resourceType + "/" + c.Param("id")
		version := strings.TrimSuffix(strings.TrimPrefix(c.GetHeader("If-Match"), `W/"`), `"`)
		if named := nameAndVersion(body); named.Version != "" {
			version = named.Version
		}
		return documents(queue.Job{Document: fhir.LocalReference(name), Version: version}), nil, nil
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return []queue.Job{{CatchUp: true}}, nil, nil
	}
	if job := nameAndVersion(body); job.Document != "" && !strings.HasPrefix(job.Document, "Bundle/") {
		return documents(job), nil, nil
	}
	notification, err := subscription.Read(body)
	if err != nil {
		return nil, nil, err
	}
	for _, focus := range notification.Focus {
		name, version, _ := strings.Cut(focus, "/_history/")
		jobs = append(jobs, documents(queue.Job{Document: name, Version: version})...)
	}
	missed, some := s.counted(c, notification)
	if some || notification.Kind == subscription.Event && len(notification.Focus) == 0 {
		jobs = append(jobs, missed)
	}
	return jobs, func() { s.count(c, notification) }, nil
}

// documents gives a job, if it is of a document that may hold a note.
func documents(job queue.Job) []queue.Job {
	if !fhir.IsDocument(job.Document) {
		return nil
	}
	return []queue.Job{job}
}

func nameAndVersion(body []byte) queue.Job {
	head, _ := fhir.ReadHead(body) // what is no resource has no version
	return queue.Job{Document: fhir.NameOf(body), Version: head.Meta.VersionID}
}

// eventsKey names the count of a subscription's events.
func eventsKey(c *gin.Context, n *subscription.Notification) string {
	return "events." + c.Param("name") + "." + strings.ReplaceAll(n.Subscription, "/", "_")
}

// counted reports whether events were missed before this notification, and gives the job that finds them: the server has counted more than have
// come. A count that begins anew, as after a restart of the server, may hide some.
func (s *Server) counted(c *gin.Context, n *subscription.Notification) (missed queue.Job, some bool) {
	missed = queue.Job{CatchUp: true}
	if n.Events < 0 || !hookName.MatchString(strings.ReplaceAll(n.Subscription, "/", "_")) {
		return missed, false
	}
	kept, err := s.config.Hooks.Jobs.State(c.Request.Context(), eventsKey(c, n))
	if err != nil {
		return missed, true // what is not known may have been missed
	}
	var last int64
	if _, err := fmt.Sscan(kept, &last); err != nil {
		return missed, n.Events > 1 // nothing was kept
	}
	here := int64(0)
	if n.Kind == subscription.Event && len(n.Focus) > 0 {
		here = max(1, int64(len(n.Numbers)))
	}
	if n.Events > last+here {
		missed.Subscription, missed.First, missed.Last = n.Subscription, last+1, n.Events-here
	}
	return missed, n.Events > last+here || n.Events < last
}

// count keeps the count. Where that fails, the next notification looks like a gap, and is caught up.
func (s *Server) count(c *gin.Context, n *subscription.Notification) {
	if n.Events >= 0 && hookName.MatchString(strings.ReplaceAll(n.Subscription, "/", "_")) {
		_ = s.config.Hooks.Jobs.Keep(c.Request.Context(), eventsKey(c, n), fmt.Sprint(n.Events))
	}
}
