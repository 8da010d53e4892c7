package main

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/fileset"
	"github.com/sitefence/sitefence/internal/manifests"
)

// format is what the command makes: objects for one of the operator's
// platforms, or plain files.
const formatPrometheus = "prometheus"

var formats = []string{string(manifests.OpenShift), string(manifests.Operator), formatPrometheus}

type manifestsFlags struct {
	config, deployment, site, format string
	all, force                       bool
	outputDir                        string
	namespace, runbookURL            string
	labels                           map[string]string
	ingestURL, stack                 string
	passwordFromStack, passwordStdin bool
	passwordSecret, passwordFile     string
	set                              func(name string) bool // whether the flag was given
	stdin                            io.Reader
}

const manifestsLong = `Print what a site's cluster needs to tell Sitefence that it cannot see another
site: the alert's rule, Alertmanager's route to the ingest URL, its credentials.

--format openshift is for user workload monitoring, operator for a plain
Prometheus operator, prometheus for plain alertmanager.yml and rules.yml.

The password is never an argument. It is read from the deployed stack's secret,
from a secret that is named, or from standard input; otherwise the Secret holds
a placeholder that you replace. AWS is asked as by its own command line: profile,
AWS_REGION and AWS_ENDPOINT_URL are honoured.`

const manifestsExample = `  sitefence manifests --site site-a --stack sitefence --password-from-stack | kubectl apply -f -
  sitefence manifests --all --output-dir manifests --stack sitefence --password-from-stack`

func newManifests() *cobra.Command {
	var f manifestsFlags
	cmd := &cobra.Command{
		Use:   "manifests (--site SITE | --all --output-dir DIR) (--ingest-url URL | --stack NAME)",
		Short: "Print what a site's cluster needs to report a lost site.",
		Long:  manifestsLong, Example: manifestsExample,
		Args: cobra.NoArgs,
		// Apart from the run, so that the documents' test checks flags and runs nothing.
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			f.set, f.stdin = cmd.Flags().Changed, cmd.InOrStdin()
			return f.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "sitefence.yaml", "The configuration file.")
	flags.StringVar(&f.deployment, "deployment", "", "The deployment, when the configuration has several (with --all: only this one).")
	flags.StringVar(&f.site, "site", "", "The site whose cluster it is for.")
	flags.BoolVar(&f.all, "all", false, "Every site, each into files of its own below --output-dir.")
	flags.StringVar(&f.outputDir, "output-dir", "", "Write files below this folder instead of printing: all of them or none.")
	flags.BoolVar(&f.force, "force", false, "Replace files that are there already.")
	flags.StringVar(&f.format, "format", formats[0], "One of "+strings.Join(formats, ", ")+".")
	flags.StringVar(&f.namespace, "namespace", "", "The namespace of Keycloak and Infinispan (default "+manifests.DefaultNamespace+"; with --format prometheus: any).")
	flags.StringToStringVar(&f.labels, "label", nil, "Labels for every object, key=value, where the operator selects by them.")
	flags.StringVar(&f.runbookURL, "runbook-url", manifests.DefaultRunbookURL, "The runbook that the alert points to.")
	flags.StringVar(&f.ingestURL, "ingest-url", "", "Where Alertmanager posts: the stack's output IngestUrl.")
	flags.StringVar(&f.stack, "stack", "", "Read the ingest URL from the outputs of this deployed stack.")
	flags.BoolVar(&f.passwordFromStack, "password-from-stack", false, "Read the password from the secret that --stack names in its outputs.")
	flags.StringVar(&f.passwordSecret, "password-secret", "", "Read the password from this secret of AWS Secrets Manager, a name or an ARN.")
	flags.BoolVar(&f.passwordStdin, "password-stdin", false, "Read the password from standard input.")
	flags.StringVar(&f.passwordFile, "password-file", manifests.DefaultPasswordFile, "Where Alertmanager finds the password (--format prometheus).")
	if err := cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// check refuses flags that contradict each other, or would be ignored.
func (f *manifestsFlags) check() error {
	given := func(names ...string) (which []string) {
		for _, name := range names {
			if f.set(name) {
				which = append(which, "--"+name)
			}
		}
		return which
	}
	switch {
	case !slices.Contains(formats, f.format):
		return usagef("--format: got %.60q, want one of %s", f.format, strings.Join(formats, ", "))
	case len(given("site", "all")) != 1:
		return usagef("--site: got %s, want one of --site and --all", either(given("site", "all")))
	case len(given("ingest-url", "stack")) != 1:
		return usagef("--ingest-url: got %s, want one of --ingest-url and --stack", either(given("ingest-url", "stack")))
	case len(given("password-from-stack", "password-secret", "password-stdin")) > 1:
		return usagef("the password: got %s, want one of them", either(given("password-from-stack", "password-secret", "password-stdin")))
	case f.all && f.outputDir == "":
		return usagef("--all: got no --output-dir, want the folder to write into")
	case f.force && f.outputDir == "":
		return usagef("--force: want it with --output-dir only")
	case f.passwordFromStack && f.stack == "":
		return usagef("--password-from-stack: want it with --stack only")
	}
	ignored, only := given("password-file"), "--format "+formatPrometheus
	if f.format == formatPrometheus {
		// Alertmanager reads the password from a file that somebody else makes.
		ignored, only = given("password-from-stack", "password-secret", "password-stdin", "label"), "the formats of the operator"
	}
	if len(ignored) > 0 {
		return usagef("%s: want it with %s only", strings.Join(ignored, " and "), only)
	}
	return nil
}

func either(given []string) string {
	if len(given) == 0 {
		return "neither"
	}
	return strings.Join(given, " and ")
}

// run makes everything before it shows or writes anything.
func (f *manifestsFlags) run(cmd *cobra.Command) error {
	c, err := config.Load(f.config)
	if err != nil {
		return err
	}
	input, err := f.input(cmd.Context(), c)
	if err != nil {
		return err
	}
	input.Timing = manifests.Defaults()
	input.Timing.For = c.Tuning.ConfirmAfter
	files := map[string]fileset.File{}
	for _, in := range f.inputs(input) {
		if err := f.render(in, files); err != nil {
			return err
		}
	}
	if f.format != formatPrometheus && input.Password.Expose() == "" {
		cmd.PrintErrln("sitefence: note: the Secret holds a placeholder; put the webhook's password there, or no alert gets in")
	}
	if f.outputDir == "" {
		return f.print(cmd.OutOrStdout(), files)
	}
	existing := fileset.Keep
	if f.force {
		existing = fileset.Replace
	}
	paths, err := fileset.Write(f.outputDir, files, existing)
	if err != nil {
		return fmt.Errorf("output-dir: %w", err)
	}
	return show(cmd.OutOrStdout(), []byte(strings.Join(paths, "\n")+"\n"))
}

func show(out io.Writer, text []byte) error {
	if _, err := out.Write(text); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

// inputs is one for each site that is asked for.
func (f *manifestsFlags) inputs(in manifests.Input) (all []manifests.Input) {
	in.Deployment, in.Site = f.deployment, contract.Site(f.site)
	if !f.all {
		return []manifests.Input{in}
	}
	for _, d := range in.Config.Deployments {
		if f.deployment != "" && d.Name != f.deployment {
			continue
		}
		for _, s := range d.Sites {
			in.Deployment, in.Site = d.Name, s.Name
			all = append(all, in)
		}
	}
	if len(all) == 0 {
		return []manifests.Input{in} // it says that there is no such deployment
	}
	return all
}

// render adds the files of one site.
func (f *manifestsFlags) render(in manifests.Input, files map[string]fileset.File) error {
	deployment := in.Deployment
	if deployment == "" {
		deployment = in.Config.Deployments[0].Name
	}
	base := deployment + "/" + string(in.Site)
	if f.format != formatPrometheus {
		text, err := manifests.Kubernetes(in)
		if err != nil {
			return err
		}
		// It may hold the password.
		files[base+".yaml"] = fileset.File{Content: text, Mode: 0o600}
		return nil
	}
	made, err := manifests.Prometheus(in)
	if err != nil {
		return err
	}
	for name, text := range made {
		// Prometheus and Alertmanager run as users of their own.
		files[base+"/"+name] = fileset.File{Content: text, Mode: 0o644}
	}
	return nil
}

// print shows what there is of one site, in one write.
func (f *manifestsFlags) print(out io.Writer, files map[string]fileset.File) error {
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if f.format == formatPrometheus {
			text = append(text, "# The file "+path.Base(name)+":\n"...)
		}
		text = append(text, files[name].Content...)
	}
	return show(out, text)
}
