package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const spanish = "Paciente de 54 años con dolor torácico opresivo desde hace dos horas. Antecedentes de hipertensión arterial y diabetes mellitus " +
	"tipo 2. Se inicia aspirina 300 mg. No refiere fiebre ni tos. Se decide ingreso en la planta de cardiología."

// A note in another language is skipped with its reason, unless the caller wants it all the same.
func TestExtractAnotherLanguage(t *testing.T) {
	document := fmt.Sprintf(`{"resourceType":"DocumentReference","id":"es","status":"current","subject":{"reference":"Patient/1"},
		"content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`, base64.StdEncoding.EncodeToString([]byte(spanish)))
	outcomes := filepath.Join(t.TempDir(), "outcomes.ndjson")
	out, messages, code := program(t, document, "extract", "--outcome", outcomes, "-")
	if code != exitFailed || out != "" || !strings.Contains(messages, `content[0].attachment: skipped: the text is in the language "es"`) {
		t.Errorf("exit code %d, %d bytes out: %s", code, len(out), messages)
	}
	if written, err := os.ReadFile(outcomes); err != nil || !strings.Contains(string(written), "skipped: the text is in") {
		t.Errorf("outcome %s: %v", written, err)
	}
	out, messages, code = program(t, document, "extract", "--any-language", "--outcome", outcomes, "-")
	if code != exitDone || !strings.Contains(out, `"transaction"`) {
		t.Errorf("anyway: exit code %d: %s", code, messages)
	}
	if written, err := os.ReadFile(outcomes); err != nil || !strings.Contains(string(written), `the text is in the language \"es\"`) {
		t.Errorf("anyway: outcome %s: %v", written, err)
	}
}
