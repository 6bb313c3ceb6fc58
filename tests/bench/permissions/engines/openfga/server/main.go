// OpenFGA's server as a peer of the benchmark: its own commands `migrate` and `run`, nothing else.
package main

import (
	"os"

	"github.com/openfga/openfga/cmd"
	"github.com/openfga/openfga/cmd/migrate"
	"github.com/openfga/openfga/cmd/run"
)

func main() {
	root := cmd.NewRootCommand()
	root.AddCommand(run.NewRunCommand(), migrate.NewMigrateCommand())
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}
