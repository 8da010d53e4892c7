package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/draft"
	"github.com/sitefence/sitefence/internal/fileset"
	"github.com/sitefence/sitefence/local/stack"
)

type initFlags struct {
	accelerator, outputFile, secrets string
	force, local                     bool
}

func newInit() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init --accelerator <DNS name or ARN>",
		Short: "Write a first sitefence.yaml from what AWS knows.",
		Long: `Reads the accelerator, the load balancers in it with their tag "site", and the
names of the secrets (never a secret), and writes a configuration file. What AWS
cannot know is marked with "FILL IN", and the file is refused, naming the field,
until it is filled in. AWS itself is not changed.`,
		Example: `  sitefence init --accelerator a1234567890abcdef.awsglobalaccelerator.com
  sitefence init --accelerator arn:aws:globalaccelerator::111122223333:accelerator/1234abcd \
    --output-file prod.yaml --secret-pattern 'keycloak/{site}/ispn*'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.accelerator, "accelerator", "", "The accelerator's DNS name or ARN.")
	flags.StringVar(&f.outputFile, "output-file", "sitefence.yaml", "The file to write.")
	flags.StringVar(&f.secrets, "secret-pattern", string(draft.DefaultPattern), "The name of the secret of a site's Infinispan; {site} is the site, * anything.")
	flags.BoolVar(&f.force, "force", false, "Overwrite the file if it is there.")
	flags.BoolVar(&f.local, "local", false, "The local stack that `sitefence demo --keep` keeps, instead of AWS.")
	return cmd
}

func (f *initFlags) run(cmd *cobra.Command) error {
	if f.accelerator == "" {
		return usagef("--accelerator: got nothing, want the accelerator's DNS name or ARN")
	}
	if f.outputFile == "" {
		return usagef("--output-file: got nothing, want a file's name")
	}
	if err := draft.Pattern(f.secrets).Validate(); err != nil {
		return usagef("--secret-pattern: %w", err)
	}
	facts, err := f.read(cmd.Context())
	if err != nil {
		return err
	}
	text, gaps := draft.Write(facts, draft.Pattern(f.secrets), draft.SchemaFor(f.outputFile))
	existing := fileset.Keep
	if f.force {
		existing = fileset.Replace
	}
	dir, name := filepath.Split(f.outputFile)
	_, err = fileset.Write(dir, map[string]fileset.File{name: {Content: text, Mode: 0o644}}, existing)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; --force overwrites it", f.outputFile)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s: %s and %s from AWS, %d gaps.\nNext: fill in each line marked with FILL IN, then run `npx cdk deploy -c config=%s`, then `sitefence doctor`.\n",
		f.outputFile, facts.Accelerator.DNSNames[0], plural(len(facts.Sites), "site"), gaps, f.outputFile)
	return err
}

func (f *initFlags) read(ctx context.Context) (draft.Facts, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errors.New("AWS did not answer within a minute"))
	defer cancel()
	if f.local {
		handle, err := stack.ReadHandle()
		if err == nil {
			err = handle.Export()
		}
		if err != nil {
			return draft.Facts{}, fmt.Errorf("--local: %w", err)
		}
	}
	account, err := awsAccount(ctx)
	if err != nil {
		return draft.Facts{}, err
	}
	facts, err := draft.Read(ctx, account, f.accelerator)
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	return facts, err
}
