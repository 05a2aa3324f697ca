package sync

import "sync"

// maxTries is how often a job is tried that fails while others succeed, or whose facts are never what they were when they were looked up.
const maxTries = 12

// tries counts how often the jobs of documents have failed. What is counted is forgotten when charthand ends, or a job succeeds.
type tries struct {
	mutex  sync.Mutex
	done   int            // jobs that succeeded
	failed map[string]try // by document
}

type try struct{ times, done int }

// maxCounted bounds the documents whose failures are counted.
const maxCounted = 100_000

// succeed forgets a document's failures.
func (t *tries) succeed(document string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.done++
	delete(t.failed, document)
}

// fail counts a failure, and reports whether there have been enough: alone says that it counts only where other jobs have succeeded since the
// last one, as where the server may be down for all.
func (t *tries) fail(document string, alone bool) (enough bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	last, counted := t.failed[document]
	switch {
	case !counted && len(t.failed) >= maxCounted:
		return false
	case alone && counted && last.done == t.done:
		return false
	case t.failed == nil:
		t.failed = map[string]try{}
	}
	last = try{last.times + 1, t.done}
	t.failed[document] = last
	if last.times < maxTries {
		return false
	}
	delete(t.failed, document)
	return true
}
