// Doctor checks what a program needs to load data into Actito, and says what is wrong and which option to set. It only
// reads.
//
//	go run ./examples/doctor
//	ACTITO_API_KEY=… ACTITO_ENTITY=… go run ./examples/doctor -environment ENV-3 -tables Customers,Orders -etls 123456
//
// Without a key, it examines a fake of the service inside the program, with several mistakes in it. A program of yours
// gives Doctor the tables that it has opened, so that their structs are compared too, and its handles.
//
// It exits with 0 if no problem was found, with 1 if one was, and with 2 if it was called wrongly.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/actito-go/actito"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	switch _, wrongly := errors.AsType[usageError](err); {
	case err == nil:
	case wrongly:
		fmt.Fprintln(os.Stderr, "doctor:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "doctor:", err)
		os.Exit(1)
	}
}

// usageError says that the program was called wrongly.
type usageError struct{ error }

var errProblems = errors.New("problems were found")

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // what is wrong is said in one line, and all flags are shown on request only
	environment := flags.String("environment", "", "the `name` of the environment, ENV-0, ENV-1, ENV-3 or PREPROD; another one that takes the key is found")
	tables := flags.String("tables", "", "look at these tables, by `names` or ids with commas between them")
	etls := flags.String("etls", "", "look at these stored ETLs, by `ids` with commas between them")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "usage: doctor [flags]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return usageError{fmt.Errorf("%w (-h shows all flags)", err)}
	case flags.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q (-h shows all flags)", flags.Arg(0))}
	}
	key, entity := getenv("ACTITO_API_KEY"), getenv("ACTITO_ENTITY")
	switch {
	case key == "" && flags.NFlag() > 0:
		return usageError{errors.New("flags are for the real service: the variables ACTITO_API_KEY and ACTITO_ENTITY name a key and an entity")}
	case key == "":
		return demonstrate(ctx, stdout)
	case entity == "":
		return usageError{errors.New("the variable ACTITO_ENTITY must name the entity of the key")}
	}
	client, err := actito.New(key, entity, actito.WithEnvironment(actito.Environment(cmp.Or(*environment, string(actito.Env0)))))
	if err != nil {
		return usageError{err}
	}
	defer client.Close()
	return examine(ctx, stdout, client, actito.InspectTables(list(*tables)...), actito.InspectETLs(list(*etls)...))
}

// list splits the value of a flag.
func list(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })
}

// examine prints what Doctor finds.
func examine(ctx context.Context, stdout io.Writer, client *actito.Client, what ...actito.DoctorOption) error {
	diagnosis, err := client.Doctor(ctx, what...)
	fmt.Fprint(stdout, diagnosis)
	if err == nil && !diagnosis.OK() {
		return errProblems
	}
	return err
}
