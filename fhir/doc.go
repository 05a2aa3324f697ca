// Package fhir is charthand's edge to FHIR R4 (4.0.1): JSON to and from the google/fhir protocol buffers, the reading of
// DocumentReferences, Bundles and Parameters, and OperationOutcomes. It knows nothing of how a note is understood.
//
// Nothing here puts the value of an element into an error: a note may stand in any of them.
package fhir
