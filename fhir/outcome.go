package fhir

import (
	"strings"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	oopb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/operation_outcome_go_proto"
)

// Severity is an issue's severity (http://hl7.org/fhir/ValueSet/issue-severity).
type Severity = codes.IssueSeverityCode_Value

// The severities in use here.
const (
	SeverityError       = codes.IssueSeverityCode_ERROR
	SeverityWarning     = codes.IssueSeverityCode_WARNING
	SeverityInformation = codes.IssueSeverityCode_INFORMATION
)

// IssueCode is the kind of an issue (http://hl7.org/fhir/ValueSet/issue-type).
type IssueCode = codes.IssueTypeCode_Value

// The kinds of issue in use here.
const (
	CodeStructure     = codes.IssueTypeCode_STRUCTURE
	CodeRequired      = codes.IssueTypeCode_REQUIRED
	CodeValue         = codes.IssueTypeCode_VALUE
	CodeInvalidCode   = codes.IssueTypeCode_CODE_INVALID
	CodeNotSupported  = codes.IssueTypeCode_NOT_SUPPORTED
	CodeNotFound      = codes.IssueTypeCode_NOT_FOUND
	CodeTooLong       = codes.IssueTypeCode_TOO_LONG
	CodeThrottled     = codes.IssueTypeCode_THROTTLED
	CodeException     = codes.IssueTypeCode_EXCEPTION
	CodeBusinessRule  = codes.IssueTypeCode_BUSINESS_RULE
	CodeInformational = codes.IssueTypeCode_INFORMATIONAL
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

// Resource gives the outcome as an OperationOutcome. One without issues says that all went well: R4 requires an issue.
func (o *Outcome) Resource() *bcrpb.ContainedResource {
	issues := o.Issues
	if len(issues) == 0 {
		issues = []Issue{{SeverityInformation, CodeInformational, "", "nothing to report"}}
	}
	outcome := &oopb.OperationOutcome{}
	for _, issue := range issues {
		entry := &oopb.OperationOutcome_Issue{
			Severity:    &oopb.OperationOutcome_Issue_SeverityCode{Value: issue.Severity},
			Code:        &oopb.OperationOutcome_Issue_CodeType{Value: issue.Code},
			Diagnostics: String(issue.Diagnostics),
		}
		if issue.Expression != "" {
			entry.Expression = []*dtpb.String{String(issue.Expression)}
		}
		outcome.Issue = append(outcome.Issue, entry)
	}
	return &bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_OperationOutcome{OperationOutcome: outcome}}
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
