package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"charthand/nlp"
)

// input is a file, or standard input for "-", without the byte order mark that it may begin with.
type input struct {
	*bufio.Reader
	file *os.File // nil for standard input
}

func openInput(name string, s streams) (*input, error) {
	in := &input{}
	source := s.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		in.file, source = file, file
	}
	in.Reader = bufio.NewReaderSize(source, 1<<16)
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// Close closes the file; standard input stays open.
func (in *input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

// maxValue bounds one JSON value of the input, in bytes: the largest attachment in base64, with what stands around it.
const maxValue = 34 << 20

// errTooLarge is the error for a value that is over the bound.
var errTooLarge = fmt.Errorf("larger than %d MiB", maxValue>>20)

// line reads to the next line end, which is part of it. What is over maxValue is passed over, with errTooLarge.
func (in *input) line() (line []byte, err error) {
	tooLarge := false
	for {
		piece, err := in.ReadSlice('\n')
		if len(line)+len(piece) > maxValue {
			line, tooLarge = nil, true
		}
		if !tooLarge {
			line = append(line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil && tooLarge:
			return nil, errTooLarge
		case errors.Is(err, io.EOF) && tooLarge:
			return nil, errors.Join(errTooLarge, io.EOF)
		}
		return line, err
	}
}

// rest reads to the end.
func (in *input) rest() ([]byte, error) {
	rest, err := io.ReadAll(io.LimitReader(in, maxValue+1))
	if err == nil && len(rest) > maxValue {
		return nil, errTooLarge
	}
	return rest, err
}

// values calls a function with each JSON value of the input and the number of the line that it begins at: each line of an
// NDJSON file, else the whole input as one value. NDJSON is known by its name, or by a first line that is a value already. A value that is
// too large comes as its error.
func (in *input) values(name string, each func(line int, value []byte, err error) error) error {
	extension := strings.ToLower(filepath.Ext(name))
	lines := extension == ".ndjson" || extension == ".jsonl"
	for number := 1; ; number++ {
		line, err := in.line()
		last := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, errTooLarge):
			if err := each(number, nil, errTooLarge); err != nil {
				return err
			}
			lines = true
		case err != nil && !last:
			return err
		case len(bytes.TrimSpace(line)) > 0:
			if !lines && !json.Valid(line) {
				rest, err := in.rest()
				if err != nil {
					return err
				}
				whole := append(line, rest...)
				if json.Valid(whole) || !anyObject(rest) {
					return each(number, whole, nil)
				}
				// The first line is broken, but the others are lines of their own.
				in.Reader, last = bufio.NewReader(bytes.NewReader(rest)), false
				line = whole[:len(whole)-len(rest)]
			}
			lines = true
			if err := each(number, line, nil); err != nil {
				return err
			}
		}
		if last {
			if !lines {
				return each(1, nil, nil) // an empty input is refused like any other that is no document
			}
			return nil
		}
	}
}

// anyObject reports whether a line of the data is a JSON object by itself.
func anyObject(data []byte) bool {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 2 && line[0] == '{' && json.Valid(line) {
			return true
		}
	}
	return false
}

// maxLine bounds a line of NDJSON, in bytes.
const maxLine = 64 << 20

// noteLine is a line of NDJSON: a note, and with --given its mentions.
type noteLine struct {
	ID       string       `json:"id"`
	Text     *string      `json:"text"`
	Date     string       `json:"date"` // when the note was written, as FHIR has it
	Entities *[]nlp.Given `json:"entities"`
}

// lineError is a fault of one line of input: it is named, and the others go on.
type lineError struct{ error }

// eachLine works on the lines of NDJSON, several at once, and writes what comes of each as a line of JSON, in the same order. A
// line that cannot be read is named and the others go on.
func eachLine(ctx context.Context, in io.Reader, s streams, work func(ctx context.Context, line noteLine) (any, error)) (err error) {
	out := newEncoder(s.out)
	failed := false
	order, ctx := newInOrder(ctx)
	defer func() {
		if err = order.wait(err); err == nil && failed {
			err = errInput
		}
	}()
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, maxLine)
	for number := 1; scanner.Scan(); number++ {
		if strings.TrimSpace(scanner.Text()) == "" {
			continue
		}
		data := bytes.Clone(scanner.Bytes())
		err := order.add(func() func() error {
			var line noteLine
			var answer any
			err := json.Unmarshal(data, &line)
			var kind *json.UnmarshalTypeError
			switch {
			case errors.As(err, &kind) && kind.Field != "":
				err = lineError{fmt.Errorf("%s: not a %s", kind.Field, kind.Type)}
			case err != nil || line.Text == nil:
				err = lineError{errors.New("expected an object with \"id\" and \"text\", both strings")}
			default:
				answer, err = work(ctx, line)
			}
			return func() error {
				var fault lineError
				if errors.As(err, &fault) {
					fmt.Fprintf(s.err, "charthand: line %d: %v\n", number, fault)
					failed = true
					return nil
				}
				if err != nil {
					return err
				}
				return out.Encode(answer)
			}
		})
		if err != nil {
			return err
		}
	}
	return scanner.Err()
}
