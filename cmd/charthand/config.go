package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"charthand/fhir/client"
	"charthand/mapping"
	"charthand/nlp"
	"charthand/note"
	"charthand/server"
	"charthand/tracing"

	"github.com/goccy/go-yaml"
)

// fetchFlags say what attachments are fetched from.
type fetchFlags struct {
	FHIRBase string `name:"fhir-base" help:"The FHIR server that documents are from: attachments that are elsewhere are fetched from it, or from hosts that the settings allow; never from anywhere else." placeholder:"URL" env:"CHARTHAND_FHIR_BASE"`
}

// siteFlags are the flags of the commands that make resources.
type siteFlags struct {
	fetchFlags
	Config  string            `help:"The site's own settings, a YAML file; charthand config print shows what there is." placeholder:"FILE" type:"existingfile" env:"CHARTHAND_CONFIG"`
	Profile mapping.Profile   `help:"What the resources are to conform to: r4, us-core (6.1.0) or ips (1.1.0); r4 unless the settings say otherwise." placeholder:"r4|us-core|ips" enum:",r4,us-core,ips" default:"" env:"CHARTHAND_PROFILE"`
	Write   mapping.WriteMode `help:"How the Bundles ask to be written: conditional-create (never changes anything), conditional-update (writes over people's changes too), client-id or post; conditional-create unless the settings say otherwise." placeholder:"MODE" enum:",conditional-create,conditional-update,client-id,post" default:"" env:"CHARTHAND_WRITE"`
}

// settings is a site's settings file.
type settings struct {
	Profile mapping.Profile   `yaml:"profile"`
	Write   mapping.WriteMode `yaml:"write"`
	// FHIRBase is the address of the FHIR server, empty for none.
	FHIRBase    string              `yaml:"fhirBase"`
	FHIRAuth    authSettings        `yaml:"fhirAuth"`
	Sync        syncSettings        `yaml:"sync"`
	Attachments attachments         `yaml:"attachments"`
	Terminology terminologySettings `yaml:"terminology"`
	Access      accessSettings      `yaml:"access"`
	Traces      traceSettings       `yaml:"traces"`
	CDS         cdsSettings         `yaml:"cds"`
	App         appSettings         `yaml:"app"`
	Mapping     *mapping.Rules      `yaml:"mapping"`

	// fetcher is what asks the FHIR server, and fetches attachments.
	fetcher *client.Client
	// codes gives mentions their codes, nil before openCodes.
	codes nlp.Coder
	// software is the version that the Device has, charthand's own where it is empty.
	software string
}

// traceSettings say where traces go.
type traceSettings struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP.
	Endpoint string `yaml:"endpoint"`
}

// attachments say where attachments may be fetched from beside the FHIR server, and how much.
type attachments struct {
	Hosts    []string `yaml:"hosts"`
	Networks []string `yaml:"networks"`
	MaxBytes int64    `yaml:"maxBytes"`
	Timeout  string   `yaml:"timeout"`
}

// client gives the settings of what fetches attachments, and every fault in them.
func (in *settings) client() (client.Config, error) {
	a := in.Attachments
	config := client.Config{Base: in.FHIRBase, Hosts: a.Hosts, MaxBytes: a.MaxBytes}
	var faults []error
	for _, network := range a.Networks {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			faults = append(faults, fmt.Errorf("attachments.networks: %q is no network: expected something like 10.0.0.0/8", network))
		}
		config.Networks = append(config.Networks, prefix)
	}
	var err error
	if config.Timeout, err = time.ParseDuration(a.Timeout); err != nil {
		faults = append(faults, fmt.Errorf("attachments.timeout: %q is no time: expected something like 30s", a.Timeout))
	}
	return config, errors.Join(faults...)
}

// connect makes what asks the FHIR server, and fetches attachments.
func (in *settings) connect() (*client.Client, error) {
	config, err := in.client()
	if err != nil {
		return nil, err
	}
	if config.Auth, config.TLS, err = in.FHIRAuth.authorizer(in.FHIRBase); err != nil {
		return nil, fmt.Errorf("fhirAuth.%w", err)
	}
	return client.New(config)
}

// read gives the settings in force: the defaults, the file's in their place, and the flags' in theirs.
func (f siteFlags) read() (*settings, error) {
	in := &settings{}
	var data []byte
	if f.Config != "" {
		var err error
		if data, err = os.ReadFile(f.Config); err != nil {
			return nil, usageError{err}
		}
		// By itself first, so that a fault is named by its line in the file.
		if err := yaml.UnmarshalWithOptions(data, &settings{}, yaml.Strict()); err != nil {
			return nil, usageError{fmt.Errorf("%s: %s", f.Config, yaml.FormatError(err, false, false))}
		}
	}
	data, err := withEnvironment(data)
	if err != nil {
		return nil, usageError{err}
	}
	if err := yaml.UnmarshalWithOptions(data, in, yaml.Strict()); err != nil {
		return nil, usageError{fmt.Errorf("%s: %s", f.Config, yaml.FormatError(err, false, false))}
	}
	var parts struct {
		Mapping map[string]any `yaml:"mapping"`
	}
	if err := yaml.Unmarshal(data, &parts); err != nil {
		return nil, usageError{fmt.Errorf("%s: %s", f.Config, yaml.FormatError(err, false, false))}
	}
	var site []byte
	if len(parts.Mapping) > 0 {
		if site, err = yaml.Marshal(parts.Mapping); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", f.Config, err)}
		}
	}
	if in.Mapping, err = mapping.ReadRules(site); err != nil {
		return nil, usageError{errors.Join(errorIn(f.Config), err)}
	}
	in.Profile = cmp.Or(f.Profile, in.Profile, mapping.R4)
	in.Write = cmp.Or(f.Write, in.Write, mapping.ConditionalCreate)
	in.FHIRBase = cmp.Or(f.FHIRBase, in.FHIRBase)
	in.Attachments.MaxBytes = cmp.Or(in.Attachments.MaxBytes, note.MaxBytes)
	in.Attachments.Timeout = cmp.Or(in.Attachments.Timeout, client.DefaultTimeout.String())
	if in.fetcher, err = in.connect(); err != nil {
		return nil, usageError{errors.Join(errorIn(f.Config), err)}
	}
	if _, _, _, err := in.Sync.times(); err != nil {
		return nil, usageError{errors.Join(errorIn(f.Config), err)}
	}
	if err := in.Sync.check(); err != nil {
		return nil, usageError{errors.Join(errorIn(f.Config), err)}
	}
	if err := in.Terminology.fill(); err != nil {
		return nil, err
	}
	if err := in.Terminology.check(); err != nil {
		return nil, usageError{errors.Join(errorIn(f.Config), err)}
	}
	if err := mapping.Validate(in.Profile, in.Write); err != nil {
		return nil, usageError{errors.Join(errorIn(f.Config), err)}
	}
	return in, nil
}

// errorIn names the file that an error is in, nil for none.
func errorIn(file string) error {
	if file == "" {
		return nil
	}
	return fmt.Errorf("%s cannot be used", file)
}

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Say whether the settings can be used, and name what is wrong."`
	Print configPrintCommand `cmd:"" help:"Print the settings in force, with those that are not set."`
}

type configCheckCommand struct{ siteFlags }

// Run implements the command.
func (c *configCheckCommand) Run(_ context.Context, s streams) error {
	in, err := c.read()
	if err != nil {
		return err
	}
	if err := in.Access.configure(&server.Config{}); err != nil {
		return usageError{err}
	}
	if err := (tracing.Config{Endpoint: in.Traces.Endpoint}).Validate(); err != nil {
		return usageError{err}
	}
	if in.Access.AuditEvents != nil {
		_, closing, err := in.Access.AuditEvents.connect(in)
		if err != nil {
			return usageError{err}
		}
		closing()
	}
	closing, err := in.CDS.configure(&server.Config{}, in.Mapping, in.fetcher, in.FHIRBase, "")
	closing()
	if err != nil {
		return usageError{err}
	}
	if err := in.App.configure(&server.Config{}, in.Access.Tokens); err != nil {
		return usageError{err}
	}
	for _, name := range unknownVariables() {
		fmt.Fprintf(s.err, "charthand: warning: %s in the environment is no setting of charthand's\n", name)
	}
	_, err = fmt.Fprintln(s.out, "the settings can be used")
	return err
}

type configPrintCommand struct{ siteFlags }

// Run implements the command.
func (c *configPrintCommand) Run(_ context.Context, s streams) error {
	in, err := c.read()
	if err != nil {
		return err
	}
	encoded, err := yaml.Marshal(in)
	if err != nil {
		return err
	}
	_, err = s.out.Write(encoded)
	return err
}
