package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTerminologyScale imports a generated SNOMED CT of half a million concepts and 1.5 million names with the program itself, looks 20,000
// mentions up in it, and prints the time and the most memory that either took. CHARTHAND_SCALE=1 runs it.
func TestTerminologyScale(t *testing.T) {
	if os.Getenv("CHARTHAND_SCALE") == "" {
		t.Skip("set CHARTHAND_SCALE=1, after make build: it takes a minute or two and a gigabyte of disk")
	}
	const concepts, each = 500_000, 3
	folder := t.TempDir()
	release := filepath.Join(folder, "release.zip")
	mentions := generate(t, release, concepts, each)
	began := time.Now()
	out, importMemory := measured(t, "", "terminology", "import", "snomed", release, "--data", folder)
	importTime := time.Since(began)
	t.Logf("%s", strings.TrimSpace(out))
	t.Logf("import: %.0f s (at most 300), %d MB (at most 1000)", importTime.Seconds(), importMemory)
	began = time.Now()
	out, lookupMemory := measured(t, strings.Join(mentions, "\n"), "terminology", "lookup", "--json", "-", "--data", folder)
	t.Logf("lookup: %d mentions in %.1f s with the start, %d MB (at most 300)", len(mentions), time.Since(began).Seconds(), lookupMemory)
	found := strings.Count(out, `"chosen":true`)
	t.Logf("%d of %d were found for sure", found, len(mentions))
	if importTime > 5*time.Minute || importMemory > 1000 || lookupMemory > 300 {
		t.Error("more than is allowed")
	}
	if found < len(mentions)/2 {
		t.Error("less than half was found")
	}
}

// measured runs the built program, and gives the most memory that it held, in MB.
func measured(t *testing.T, in string, args ...string) (out string, megabytes int64) {
	t.Helper()
	run := exec.CommandContext(t.Context(), filepath.Join("..", "..", "bin", "charthand"), args...)
	run.Stdin = strings.NewReader(in)
	var stdout, stderr bytes.Buffer
	run.Stdout, run.Stderr = &stdout, &stderr
	if err := run.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	usage, is := run.ProcessState.SysUsage().(*syscall.Rusage)
	if !is {
		t.Skip("this system does not say how much memory a process held")
	}
	return stdout.String(), usage.Maxrss / 1000
}

// generate writes a release of invented names, and gives some of them as mentions. Words are as frequent as words are (Zipf).
func generate(t *testing.T, path string, concepts, each int) (mentions []string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(f)
	random := rand.New(rand.NewPCG(1, 2))
	vocabulary := make([]string, 80_000)
	syllables := strings.Fields("ka ri to me lu so na vi de pa go tri sta ble cho nu fe xi mor dan sul per ost art gly hem")
	for i := range vocabulary {
		for range 2 + random.IntN(3) {
			vocabulary[i] += syllables[random.IntN(len(syllables))]
		}
	}
	zipf := rand.NewZipf(random, 1.1, 20, uint64(len(vocabulary)-1))
	write := func(name, head string, lines func(w io.Writer)) {
		member, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriterSize(member, 1<<20)
		fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
		lines(w)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	code := func(i int) int { return 1_000_000 + 17*i }
	write("Snapshot/sct2_Concept_Snapshot_XX_20300101.txt", "id effectiveTime active moduleId definitionStatusId", func(w io.Writer) {
		for i := range concepts {
			fmt.Fprintf(w, "%d\t20300101\t1\t1\t1\n", code(i))
		}
	})
	write("Snapshot/sct2_Description_Snapshot-en_XX_20300101.txt", "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId", func(w io.Writer) {
		id := 0
		for i := range concepts {
			for n := range each {
				words := make([]string, 3+random.IntN(5))
				for at := range words {
					words[at] = vocabulary[zipf.Uint64()]
				}
				name, kind := strings.Join(words, " "), "900000000000013009"
				if n == 0 {
					kind = "900000000000003001"
					if i%25 == 0 {
						mentions = append(mentions, name)
					}
					name += " (disorder)"
				}
				id++
				fmt.Fprintf(w, "%d\t20300101\t1\t1\t%d\ten\t%s\t%s\t1\n", id, code(i), kind, name)
			}
		}
	})
	write("Snapshot/der2_cRefset_LanguageSnapshot-en_XX_20300101.txt", "id effectiveTime active moduleId refsetId referencedComponentId acceptabilityId", func(w io.Writer) {
		for id := 1; id <= concepts*each; id++ {
			fmt.Fprintf(w, "x%d\t20300101\t1\t1\t900000000000509007\t%d\t900000000000548007\n", id, id)
		}
	})
	write("Snapshot/sct2_Relationship_Snapshot_XX_20300101.txt", "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId characteristicTypeId modifierId", func(w io.Writer) {
		for i := 1; i < concepts; i++ {
			fmt.Fprintf(w, "%d\t20300101\t1\t1\t%d\t%d\t0\t116680003\t1\t1\n", i, code(i), code(random.IntN(i)))
		}
	})
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return mentions
}
