package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"charthand/queue"
)

type queueCommand struct {
	List  queueListCommand  `cmd:"" help:"List the jobs that wait, and those that came to nothing with their reasons."`
	Retry queueRetryCommand `cmd:"" help:"Put jobs that came to nothing back into the queue."`
	Drop  queueDropCommand  `cmd:"" help:"Forget jobs that came to nothing."`
}

type queueListCommand struct{ dataFlags }

// Run implements the command.
func (c *queueListCommand) Run(ctx context.Context, s streams) error {
	q, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer q.Close()
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STATE\tNUMBER\tDOCUMENT\tVERSION\tSOURCE\tADDED\tREASON")
	line := func(state string) func(queue.Item) error {
		return func(item queue.Item) error {
			document := item.Document
			if item.CatchUp {
				document = "(search for what is new)"
			}
			_, err := fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", state, item.Number, document, item.Version, item.Source, item.Added.Format(time.RFC3339), item.Reason)
			return err
		}
	}
	if err := q.Waiting(ctx, line("waiting")); err != nil {
		return err
	}
	if err := q.DeadLetters(ctx, line("dead")); err != nil {
		return err
	}
	return table.Flush()
}

// numberFlags choose dead letters.
type numberFlags struct {
	dataFlags
	Numbers []uint64 `arg:"" optional:"" help:"Their numbers, as queue list shows them."`
	All     bool     `help:"All of them."`
}

// each does something with the letters that are chosen.
func (f numberFlags) each(ctx context.Context, s streams, done string, do func(*queue.Queue, uint64) error) error {
	if f.All == (len(f.Numbers) > 0) {
		return usageError{fmt.Errorf("which ones? name their numbers, or --all")}
	}
	q, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer q.Close()
	numbers := f.Numbers
	if f.All {
		if err := q.DeadLetters(ctx, func(item queue.Item) error { numbers = append(numbers, item.Number); return nil }); err != nil {
			return err
		}
	}
	failed := false
	for _, number := range numbers {
		if err := do(q, number); err != nil {
			fmt.Fprintln(s.err, "charthand:", err)
			failed = true
			continue
		}
		fmt.Fprintf(s.out, "%d %s\n", number, done)
	}
	if failed {
		return errInput
	}
	return nil
}

type queueRetryCommand struct{ numberFlags }

// Run implements the command.
func (c *queueRetryCommand) Run(ctx context.Context, s streams) error {
	return c.each(ctx, s, "put back", func(q *queue.Queue, number uint64) error { return q.Retry(ctx, number) })
}

type queueDropCommand struct{ numberFlags }

// Run implements the command.
func (c *queueDropCommand) Run(ctx context.Context, s streams) error {
	return c.each(ctx, s, "dropped", func(q *queue.Queue, number uint64) error { return q.Drop(ctx, number) })
}
