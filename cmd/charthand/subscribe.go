package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"time"

	"charthand/fhir/client"
	"charthand/fhir/subscription"
	besides "charthand/sync"
)

// subscriberFlags are those of the commands that speak of a Subscription.
type subscriberFlags struct {
	FHIRBase string `name:"fhir-base" help:"The FHIR server." placeholder:"URL" env:"CHARTHAND_FHIR_BASE"`
	Config   string `help:"The site's own settings, a YAML file: how to show the server who asks." placeholder:"FILE" type:"existingfile" env:"CHARTHAND_CONFIG"`
	Name     string `help:"Name of the hook: the endpoint's last segment by default." placeholder:"NAME"`
}

// connect gives the FHIR server.
func (f subscriberFlags) connect() (*client.Client, *settings, error) {
	in, err := siteFlags{fetchFlags: fetchFlags{f.FHIRBase}, Config: f.Config}.read()
	if err != nil {
		return nil, nil, err
	}
	if in.FHIRBase == "" {
		return nil, nil, usageError{errors.New("--fhir-base: which server?")}
	}
	return in.fetcher, in, nil
}

type subscribeCommand struct {
	subscriberFlags
	secretFlag
	dataFlags
	Endpoint string               `required:"" help:"Address of the hook as the server reaches it, such as https://host/hooks/main." placeholder:"URL"`
	Kind     subscription.Type    `required:"" help:"r4 (a search that the server watches) or topic (as the Subscriptions R5 Backport guide has it)." placeholder:"r4|topic" enum:"r4,topic"`
	Topic    string               `help:"Canonical of the topic, with --kind topic." placeholder:"CANONICAL"`
	Payload  subscription.Payload `required:"" help:"What a notification carries: full, id or empty." placeholder:"full|id|empty" enum:"full,id,empty"`
	Criteria string               `help:"Which documents." default:"DocumentReference?status=current" placeholder:"SEARCH"`
	Wait     bool                 `help:"Wait until the server has made the Subscription active."`
}

// waitTime is how long a server may take to make a Subscription active.
const waitTime = 2 * time.Minute

// Run implements the command.
func (c *subscribeCommand) Run(ctx context.Context, s streams) error {
	hookSecret, err := c.read()
	if err != nil {
		return err
	}
	if c.Name == "" {
		c.Name = lastSegment(c.Endpoint)
	}
	request := subscription.Request{
		Type: c.Kind, Payload: c.Payload, Criteria: c.Criteria, TopicURL: c.Topic, Endpoint: c.Endpoint, Name: c.Name, Secret: hookSecret,
	}
	if err := request.Validate(); err != nil {
		return usageError{err}
	}
	fhirServer, in, err := c.connect()
	if err != nil {
		return err
	}
	defer fhirServer.Close()
	// From now on, by the server's clock, nothing is missed, however long it takes until the first notification.
	if err := c.begin(ctx, in, fhirServer); err != nil {
		return err
	}
	held, err := find(ctx, fhirServer, c.Name, c.Endpoint)
	if err != nil {
		return err
	}
	made := request.Resource()
	var answer *client.Answer
	if len(held) > 0 {
		made.ID = held[0].ID
		answer, err = fhirServer.Update(ctx, "Subscription/"+made.ID, "", made)
	} else {
		answer, err = fhirServer.Create(ctx, "Subscription", "", made)
	}
	if err != nil {
		return refusedBy(err)
	}
	if made.ID == "" {
		made.ID = path.Base(idOf(answer))
	}
	var status string
	for begun := time.Now(); ; {
		raw, err := fhirServer.Read(ctx, "Subscription/"+made.ID)
		if err != nil {
			return refusedBy(err)
		}
		var now subscription.Resource
		if err := json.Unmarshal(raw, &now); err != nil {
			return errors.New("the server's Subscription cannot be read")
		}
		status = now.Status
		if status == "error" || status == "off" {
			return fmt.Errorf("Subscription/%s is %s: %s", made.ID, status, now.Error) //nolint:staticcheck // a resource's name
		}
		if status == "active" || !c.Wait {
			break
		}
		if time.Since(begun) > waitTime {
			return fmt.Errorf("Subscription/%s is still %s", made.ID, status) //nolint:staticcheck // a resource's name
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
	_, err = fmt.Fprintf(s.out, "Subscription/%s %s\n", made.ID, status)
	return err
}

// begin sets the watermarks from which documents are searched for.
func (c *subscribeCommand) begin(ctx context.Context, in *settings, fhirServer *client.Client) error {
	q, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer q.Close()
	worker, err := besides.New(besides.Config{Server: fhirServer, Extractor: besides.NoExtractor{}, Queue: q, Criteria: in.Sync.Criteria})
	if err != nil {
		return err
	}
	return worker.Begin(ctx)
}

// lastSegment gives the last part of an address's path.
func lastSegment(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return path.Base(parsed.Path)
}

// idOf gives where an answer says that a resource is, without its version.
func idOf(answer *client.Answer) string {
	var resource struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(answer.Body, &resource) == nil && resource.ID != "" {
		return resource.ID
	}
	location := answer.Header.Get("Location")
	for path.Base(path.Dir(location)) == "_history" {
		location = path.Dir(path.Dir(location))
	}
	return path.Base(location)
}

// refusedBy adds to a refusal what the server says of it: here that is about a Subscription, and no note.
func refusedBy(err error) error {
	var answered *client.StatusError
	if !errors.As(err, &answered) {
		return err
	}
	for _, issue := range answered.Outcome.Issue {
		err = fmt.Errorf("%w: %s %s", err, issue.Code, issue.Diagnostics)
	}
	return err
}

// find gives the Subscriptions of a name.
func find(ctx context.Context, fhirServer *client.Client, name, endpoint string) (found []subscription.Resource, err error) {
	err = fhirServer.Search(ctx, "Subscription?_count=100", func(f client.Found) error {
		var held subscription.Resource
		if json.Unmarshal(f.Resource, &held) == nil && held.Is(name, endpoint) {
			found = append(found, held)
		}
		return nil
	})
	return found, refusedBy(err)
}

type unsubscribeCommand struct{ subscriberFlags }

// Run implements the command.
func (c *unsubscribeCommand) Run(ctx context.Context, s streams) error {
	if c.Name == "" {
		return usageError{errors.New("--name: which hook's Subscription?")}
	}
	fhirServer, _, err := c.connect()
	if err != nil {
		return err
	}
	defer fhirServer.Close()
	held, err := find(ctx, fhirServer, c.Name, "")
	if err != nil {
		return err
	}
	if len(held) == 0 {
		fmt.Fprintf(s.err, "charthand: the server has no Subscription of the hook %q\n", c.Name)
		return errInput
	}
	for _, one := range held {
		if err := fhirServer.Delete(ctx, "Subscription/"+one.ID); err != nil {
			return refusedBy(err)
		}
		if _, err := fmt.Fprintf(s.out, "Subscription/%s deleted\n", one.ID); err != nil {
			return err
		}
	}
	return nil
}
