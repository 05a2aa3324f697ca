package server

import (
	"math"
	"runtime"
	"sync"
	"time"
)

// gate decides who is let in to the model. As long as the places for extractions suffice, everybody is: a burst waits, and is answered in the order in
// which it came. Once they have not sufficed, the server is overloaded, and whoever waits behind others would wait for nothing but more of them: then a
// request is let in only while next to nobody waits for the model, and no more are inside than there are processors, so that what is let in takes hardly
// longer than alone, and the model is busy all the same. That ends when no more requests come than can be answered.
type gate struct {
	few, most int // how many may wait, and be inside, while overloaded

	mutex      sync.Mutex
	waiting    int // extractions that the model has not begun with
	inside     int // those that are not over
	overloaded bool
	refused    int // since the overload began
	// In the span of time that began at since: how many requests came, and how many were answered.
	since             time.Time
	offered, answered int
	// capacity is the most that was answered in a span since the overload began, per second.
	capacity float64
}

const (
	// span is how long requests are counted until the gate judges anew.
	span = 5 * time.Second
	// maxRetry is the longest that a caller is asked to wait, in seconds.
	maxRetry = 30
)

// newGate makes a gate: a text that waits is the next to be read, and with many processors several are read at once.
func newGate() *gate {
	processors := runtime.GOMAXPROCS(0)
	return &gate{few: max(1, processors/4), most: max(2, processors)}
}

// arrive counts a request, and reports whether it may go on.
func (g *gate) arrive() bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.overloaded {
		g.judge(time.Now())
	}
	g.offered++
	return g.open()
}

func (g *gate) open() bool { return !g.overloaded || g.waiting < g.few && g.inside < g.most }

// judge ends a span, and the overload where it is over.
func (g *gate) judge(now time.Time) {
	took := now.Sub(g.since)
	if took < span {
		return
	}
	g.capacity = max(g.capacity, float64(g.answered)/took.Seconds())
	if took >= 2*span || float64(g.offered)/took.Seconds() <= g.capacity { // nobody came for a whole span, or few enough
		g.overloaded = false
	}
	g.since, g.offered, g.answered = now, 0, 0
}

// overflow says that the places have not sufficed.
func (g *gate) overflow() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if !g.overloaded {
		g.overloaded, g.refused, g.capacity = true, 0, 0
		g.since, g.offered, g.answered = time.Now(), 0, 0
	}
}

// enter lets an extraction in, if one more may, and gives its visit; nil if not.
func (g *gate) enter() *visit {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if !g.open() {
		return nil
	}
	return g.in()
}

// join is enter for what cannot be refused any more.
func (g *gate) join() *visit {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.in()
}

func (g *gate) in() *visit {
	g.waiting++
	g.inside++
	return &visit{gate: g, waits: true}
}

// visit is an extraction inside the gate.
type visit struct {
	gate  *gate
	waits bool
}

// begin says that the model begins with it; it may be called again.
func (v *visit) begin() {
	v.gate.mutex.Lock()
	defer v.gate.mutex.Unlock()
	v.begun()
}

// end says that it is over.
func (v *visit) end() {
	v.gate.mutex.Lock()
	defer v.gate.mutex.Unlock()
	v.begun()
	v.gate.inside--
}

func (v *visit) begun() {
	if v.waits {
		v.waits = false
		v.gate.waiting--
	}
}

// leave counts an answer, whatever it says but to come again.
func (g *gate) leave() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.answered++
}

// refuse counts a refusal, and says after how many seconds it is worth while to ask again: when those who were refused before could have been answered.
func (g *gate) refuse() (seconds int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if !g.overloaded {
		return 1
	}
	g.refused++
	rate := max(g.capacity, float64(g.answered)/max(span/2, time.Since(g.since)).Seconds())
	return int(min(maxRetry, max(1, math.Ceil(float64(g.refused)/max(1, rate)))))
}
