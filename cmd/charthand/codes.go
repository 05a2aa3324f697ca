package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"charthand/fhir/client"
	"charthand/nlp"
	"charthand/terminology"
	"charthand/terminology/match"
	"charthand/terminology/remote"
)

// terminologySettings say how mentions get their codes.
type terminologySettings struct {
	// Systems are the imported code systems that are used, as charthand terminology list names them; all by default.
	Systems []string `yaml:"systems"`
	// Threshold is the probability from which on a code is written; 0 leaves it to the calibration.
	Threshold float64 `yaml:"threshold"`
	// Maps are the systems that cross-maps lead to beside those that are imported, by URL.
	Maps []string `yaml:"maps"`
	// Server is a FHIR terminology server that is asked instead.
	Server *terminologyServer `yaml:"server"`
}

// terminologyServer is a FHIR terminology server.
type terminologyServer struct {
	Base string       `yaml:"base"`
	Auth authSettings `yaml:"auth"`
	// ValueSets are what mentions are looked up in, by kind: problem, drug, procedure, test.
	ValueSets map[string]string `yaml:"valueSets"`
	// Keep is how long its answers are used.
	Keep string `yaml:"keep"`
}

// kindNames are the kinds of mention as users write them.
var kindNames = map[string]nlp.Kind{"problem": nlp.KindProblem, "drug": nlp.KindDrug, "procedure": nlp.KindProcedure, "test": nlp.KindTest}

// fill puts the defaults where nothing is set.
func (t *terminologySettings) fill() error {
	calibration, err := match.DefaultCalibration()
	if err != nil {
		return err
	}
	if t.Threshold == 0 {
		t.Threshold = calibration.Threshold
	}
	return nil
}

// check says what is wrong with the settings.
func (t terminologySettings) check() error {
	var faults []error
	if t.Threshold < 0 || t.Threshold > 1 {
		faults = append(faults, fmt.Errorf("terminology.threshold: %g is not between 0 and 1", t.Threshold))
	}
	for _, system := range t.Maps {
		if !strings.Contains(system, ":") {
			faults = append(faults, fmt.Errorf("terminology.maps: %q is no URL of a code system", system))
		}
	}
	if t.Server == nil {
		return errors.Join(faults...)
	}
	if len(t.Systems) > 0 {
		faults = append(faults, errors.New("terminology.systems: the server is asked instead of what was imported; name one or the other"))
	}
	if len(t.Server.ValueSets) == 0 {
		faults = append(faults, errors.New("terminology.server.valueSets: name at least one, such as problem: http://snomed.info/sct?fhir_vs=ecl/<404684003"))
	}
	for kind := range t.Server.ValueSets {
		if _, known := kindNames[kind]; !known {
			faults = append(faults, fmt.Errorf("terminology.server.valueSets: %q is none of problem, drug, procedure, test", kind))
		}
	}
	if _, err := t.Server.keep(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (t *terminologyServer) keep() (time.Duration, error) {
	if t.Keep == "" {
		return 0, nil
	}
	keep, err := time.ParseDuration(t.Keep)
	if err != nil || keep <= 0 {
		return 0, fmt.Errorf("terminology.server.keep: %q is no time such as 1h", t.Keep)
	}
	return keep, nil
}

// open gives the settings in force with what gives mentions their codes opened, and gives what closes all of it.
func (f siteFlags) open(codes folderFlag) (in *settings, closing func(), err error) {
	if in, err = f.read(); err != nil {
		return nil, nil, err
	}
	closeCodes, err := in.openCodes(codes)
	if err != nil {
		in.fetcher.Close()
		return nil, nil, err
	}
	return in, func() { closeCodes(); in.fetcher.Close() }, nil
}

// openCodes opens what gives mentions their codes, and gives what closes it.
func (in *settings) openCodes(f folderFlag) (closing func(), err error) {
	if in.Terminology.Server != nil {
		return in.openServer()
	}
	local, err := in.openLocal(f)
	if err != nil {
		return nil, err
	}
	in.codes = local
	return func() { local.Close() }, nil
}

// openLocal opens what was imported.
func (in *settings) openLocal(f folderFlag) (*terminology.Local, error) {
	store, err := f.store()
	if err != nil {
		return nil, err
	}
	config := terminology.Config{Systems: in.Terminology.Systems, Threshold: in.Terminology.Threshold, Maps: in.Terminology.Maps}
	if config.Inside, err = codesInside(in.Mapping); err != nil {
		return nil, err
	}
	local, err := store.Open(config)
	if err != nil {
		return nil, usageError{fmt.Errorf("terminology: %w", err)}
	}
	return local, nil
}

// openServer makes what asks the terminology server.
func (in *settings) openServer() (closing func(), err error) {
	server := in.Terminology.Server
	config := client.Config{Base: server.Base}
	if config.Auth, config.TLS, err = server.Auth.authorizer(server.Base); err != nil {
		return nil, usageError{fmt.Errorf("terminology.server.auth.%w", err)}
	}
	if server.Base == "" {
		return nil, usageError{errors.New("terminology.server.base: no address is named")}
	}
	asking, err := client.New(config)
	if err != nil {
		return nil, usageError{fmt.Errorf("terminology.server.base: %w", err)}
	}
	sets := map[nlp.Kind]string{}
	for kind, set := range server.ValueSets {
		sets[kindNames[kind]] = set
	}
	sets[nlp.KindFamily] = sets[nlp.KindProblem]
	keep, err := server.keep()
	if err != nil {
		return nil, usageError{err}
	}
	coder, err := remote.New(remote.Config{Server: asking, ValueSets: sets, Targets: in.Terminology.Maps, Threshold: in.Terminology.Threshold, Keep: keep})
	if err != nil {
		asking.Close()
		return nil, usageError{fmt.Errorf("terminology.server: %w", err)}
	}
	in.codes = coder
	return asking.Close, nil
}

// store gives the store of code systems in the data folder.
func (f folderFlag) store() (*terminology.Store, error) {
	folder, err := f.folder()
	if err != nil {
		return nil, err
	}
	return terminology.NewStore(filepath.Join(folder, "terminology"))
}

// withCodes adds the stage that gives codes, where there is anything to give.
func (in *settings) withCodes(stages nlp.Pipeline) nlp.Pipeline {
	if in.codes == nil {
		return stages
	}
	return append(slices.Clip(stages), nlp.Code{Coder: in.codes})
}

// shownKind is a kind of mention as users write it; problem by default.
func shownKind(name string) nlp.Kind { return kindNames[cmp.Or(name, "problem")] }
