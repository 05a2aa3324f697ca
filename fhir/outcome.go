package fhir

import "strings"

// Severity is an issue's severity (http://hl7.org/fhir/ValueSet/issue-severity).
type Severity string

// The severities in use here.
const (
	SeverityError       Severity = "error"
	SeverityWarning     Severity = "warning"
	SeverityInformation Severity = "information"
)

// IssueCode is the kind of an issue (http://hl7.org/fhir/ValueSet/issue-type).
type IssueCode string

// The kinds of issue in use here.
const (
	CodeStructure     IssueCode = "structure"
	CodeRequired      IssueCode = "required"
	CodeValue         IssueCode = "value"
	CodeInvalidCode   IssueCode = "code-invalid"
	CodeNotSupported  IssueCode = "not-supported"
	CodeNotFound      IssueCode = "not-found"
	CodeTooLong       IssueCode = "too-long"
	CodeThrottled     IssueCode = "throttled"
	CodeException     IssueCode = "exception"
	CodeTransient     IssueCode = "transient"
	CodeSecurity      IssueCode = "security"
	CodeLogin         IssueCode = "login"
	CodeForbidden     IssueCode = "forbidden"
	CodeBusinessRule  IssueCode = "business-rule"
	CodeConflict      IssueCode = "conflict"
	CodeInformational IssueCode = "informational"
)

// Issue is one thing to say of an input: what, how bad, and where.
type Issue struct {
	Severity    Severity
	Code        IssueCode
	Expression  string // FHIRPath of the element; empty where none is meant
	Diagnostics string // one sentence for a person; never text of a note
}

// Outcome is what is said of the processing of one document.
type Outcome struct {
	Issues []Issue
}

// Add appends an issue.
func (o *Outcome) Add(severity Severity, code IssueCode, expression, diagnostics string) {
	o.Issues = append(o.Issues, Issue{severity, code, expression, diagnostics})
}

// MarshalJSON gives the outcome as an OperationOutcome. One without issues says that all went well: R4 requires an issue.
func (o *Outcome) MarshalJSON() ([]byte, error) {
	type issue struct {
		Severity    string   `json:"severity"`
		Code        string   `json:"code"`
		Diagnostics string   `json:"diagnostics,omitempty"`
		Expression  []string `json:"expression,omitempty"`
	}
	issues := o.Issues
	if len(issues) == 0 {
		issues = []Issue{{SeverityInformation, CodeInformational, "", "nothing to report"}}
	}
	list := make([]issue, len(issues))
	for i, of := range issues {
		list[i] = issue{string(of.Severity), string(of.Code), of.Diagnostics, nil}
		if of.Expression != "" {
			list[i].Expression = []string{of.Expression}
		}
	}
	return Encode(struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}{"OperationOutcome", list})
}

// FaultKind says whose business a fault is.
type FaultKind int

const (
	// Invalid input is not FHIR R4: HTTP 400.
	Invalid FaultKind = iota
	// Unprocessable input is FHIR, but nothing that can be extracted from: HTTP 422.
	Unprocessable
)

// Fault is the error for input that is refused. It carries every reason.
type Fault struct {
	Kind   FaultKind
	Issues []Issue
}

// Refuse makes an unprocessable fault of one issue.
func Refuse(code IssueCode, expression, diagnostics string) *Fault {
	return &Fault{Unprocessable, []Issue{{SeverityError, code, expression, diagnostics}}}
}

// Error gives all issues in one line.
func (f *Fault) Error() string {
	parts := make([]string, len(f.Issues))
	for i, issue := range f.Issues {
		parts[i] = issue.Diagnostics
		if issue.Expression != "" {
			parts[i] = issue.Expression + ": " + issue.Diagnostics
		}
	}
	return strings.Join(parts, "; ")
}

// Outcome gives the fault as an outcome.
func (f *Fault) Outcome() *Outcome { return &Outcome{Issues: f.Issues} }
