package smart

import (
	"net/http"
	"time"
)

// Asked is a request that the server has answered.
type Asked struct {
	Method string `json:"method"`
	Path   string `json:"path"` // with its query
	Status int    `json:"status"`
}

// maxAsked bounds what is remembered of requests.
const maxAsked = 10_000

// watch answers as slowly as the settings say, and remembers what was asked.
func (s *Server) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(time.Duration(s.now().Delay) * time.Millisecond):
		case <-r.Context().Done():
			return
		}
		asked := Asked{Method: r.Method, Path: r.URL.RequestURI(), Status: http.StatusOK}
		next.ServeHTTP(&statusWriter{w, &asked.Status}, r)
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if len(s.asked) < maxAsked {
			s.asked = append(s.asked, asked)
		}
	})
}

// tell gives what was asked since it was last told.
func (s *Server) tell(w http.ResponseWriter, _ *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer(w, http.StatusOK, append([]Asked{}, s.asked...))
	s.asked = nil
}

// statusWriter keeps the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status *int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	*w.status = status
	w.ResponseWriter.WriteHeader(status)
}
