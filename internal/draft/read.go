package draft

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/accelerator"
	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

// What the configuration takes (internal/config).
const (
	minSites = 2
	maxSites = 4
	maxPages = 100 // of any list
	maxNamed = 5   // in an error
)

// Read looks at the accelerator of that ARN or DNS name, at the load balancers
// in it, and at the names of the secrets in their Regions and in the account's.
// It changes nothing. An error says what to mend.
func Read(ctx context.Context, account aws.Config, nameOrARN string) (Facts, error) {
	control := ga.NewFromConfig(account, func(o *ga.Options) { o.Region = accelerator.Region })
	found, err := find(ctx, control, nameOrARN)
	if err != nil {
		return Facts{}, err
	}
	facts := Facts{Accelerator: Accelerator{ARN: aws.ToString(found.AcceleratorArn), Name: aws.ToString(found.Name)}, Region: account.Region}
	for _, name := range []*string{found.DnsName, found.DualStackDnsName} {
		if aws.ToString(name) != "" {
			facts.Accelerator.DNSNames = append(facts.Accelerator.DNSNames, *name)
		}
	}
	balancers := elb.NewFromConfig(account)
	// No site is known yet, so every load balancer that exists is unattributed.
	state, err := accelerator.Reader{Accelerator: control, Balancers: balancers, Deployment: config.Deployment{
		Accelerator: config.Accelerator{ARN: facts.Accelerator.ARN}}}.Read(ctx)
	if err != nil {
		return Facts{}, errors.New(awserr.Plain(err.Error()))
	}
	if facts.Sites, err = sites(ctx, balancers, state); err != nil {
		return Facts{}, err
	}
	facts.Secrets, err = secrets(ctx, account, facts.Sites)
	return facts, err
}

var arnPattern = regexp.MustCompile(`^arn:aws:globalaccelerator::[0-9]{12}:accelerator/[0-9A-Za-z-]{1,64}$`)

// find describes the accelerator, or names those that there are.
func find(ctx context.Context, client *ga.Client, nameOrARN string) (gatypes.Accelerator, error) {
	if arnPattern.MatchString(nameOrARN) {
		out, err := client.DescribeAccelerator(ctx, &ga.DescribeAcceleratorInput{AcceleratorArn: &nameOrARN})
		if _, missing := errors.AsType[*gatypes.AcceleratorNotFoundException](err); missing {
			return gatypes.Accelerator{}, fmt.Errorf("there is no accelerator %s in this account", nameOrARN)
		}
		if err != nil {
			return gatypes.Accelerator{}, fmt.Errorf("describing the accelerator: %w", err)
		}
		return *out.Accelerator, nil
	}
	if strings.HasPrefix(nameOrARN, "arn:") {
		return gatypes.Accelerator{}, fmt.Errorf("%.200q is no ARN of an accelerator, arn:aws:globalaccelerator::<account>:accelerator/<id>", nameOrARN)
	}
	wanted := strings.ToLower(strings.TrimSuffix(nameOrARN, "."))
	var there []string
	pages := ga.NewListAcceleratorsPaginator(client, &ga.ListAcceleratorsInput{MaxResults: aws.Int32(100)})
	for n := 0; pages.HasMorePages() && n < maxPages; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return gatypes.Accelerator{}, fmt.Errorf("listing the accelerators: %w", err)
		}
		for _, a := range page.Accelerators {
			if wanted == aws.ToString(a.DnsName) || wanted == aws.ToString(a.DualStackDnsName) {
				return a, nil
			}
			there = append(there, aws.ToString(a.DnsName))
		}
	}
	if len(there) == 0 {
		return gatypes.Accelerator{}, fmt.Errorf("no accelerator is called %.200q: this account has none", nameOrARN)
	}
	if more := len(there) - maxNamed; more > 0 {
		there = append(there[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return gatypes.Accelerator{}, fmt.Errorf("no accelerator is called %.200q; there are %s", nameOrARN, strings.Join(there, ", "))
}

// sites groups the load balancers by their tags.
func sites(ctx context.Context, client accelerator.Tags, state accelerator.State) ([]Site, error) {
	balancers := state.Unattributed()
	if len(balancers) == 0 {
		return nil, errors.New("the accelerator holds no load balancer: put each site's into an endpoint group of a listener first")
	}
	tags := make([]string, len(balancers))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, arn := range balancers {
		group.Go(func() (err error) {
			tags[i], err = tag(gctx, client, arn)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var problems []error
	var found []Site
	for i, arn := range balancers {
		name := contract.Site(tags[i])
		if !contract.NamePattern.MatchString(tags[i]) {
			problems = append(problems, untagged(arn, tags[i]))
			continue
		}
		at := slices.IndexFunc(found, func(s Site) bool { return s.Name == name })
		if at < 0 {
			at, found = len(found), append(found, Site{Name: name})
		}
		found[at].Balancers = append(found[at].Balancers, arn)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	var names []string
	for _, s := range found {
		names = append(names, string(s.Name))
	}
	slices.Sort(names)
	if len(found) < minSites || len(found) > maxSites {
		return nil, fmt.Errorf("the accelerator's load balancers are of %d sites (%s), want %d to %d: put every site's into it, each tagged site=<name>",
			len(found), strings.Join(names, ", "), minSites, maxSites)
	}
	return found, nil
}

// untagged says how to tag a load balancer.
func untagged(arn, got string) error {
	region := strings.Split(arn, ":")[3]
	why := "has no tag " + accelerator.SiteTag
	if got != "" {
		why = fmt.Sprintf("has the tag %s=%.60q, want lower-case letters, digits and inner hyphens, at most 32", accelerator.SiteTag, got)
	}
	return fmt.Errorf("load balancer %s %s; tag it: aws elbv2 add-tags --region %s --resource-arns %s --tags Key=%s,Value=<name>",
		arn, why, region, arn, accelerator.SiteTag)
}

// tag reads a load balancer's tag `site`; "" if it has none.
func tag(ctx context.Context, client accelerator.Tags, arn string) (string, error) {
	out, err := client.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn}},
		func(o *elb.Options) { o.Region = strings.Split(arn, ":")[3] })
	if err != nil {
		return "", fmt.Errorf("reading the tags of %s: %w", arn, err)
	}
	for _, d := range out.TagDescriptions {
		for _, t := range d.Tags {
			if aws.ToString(t.Key) == accelerator.SiteTag {
				return aws.ToString(t.Value), nil
			}
		}
	}
	return "", nil
}

// secrets lists the names of the secrets in the account's Region and in the
// sites' Regions.
func secrets(ctx context.Context, account aws.Config, sites []Site) ([]Secret, error) {
	regions := []string{account.Region}
	for _, s := range sites {
		for _, b := range s.Balancers {
			regions = append(regions, strings.Split(b, ":")[3])
		}
	}
	slices.Sort(regions)
	var mu sync.Mutex
	var all []Secret
	group, gctx := errgroup.WithContext(ctx)
	for _, region := range slices.Compact(regions) {
		client := secretsmanager.NewFromConfig(account, func(o *secretsmanager.Options) { o.Region = region })
		group.Go(func() error {
			pages := secretsmanager.NewListSecretsPaginator(client, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100)})
			for n := 0; pages.HasMorePages() && n < maxPages; n++ {
				page, err := pages.NextPage(gctx)
				if err != nil {
					return fmt.Errorf("listing the secrets' names in %s: %w", region, err)
				}
				mu.Lock()
				for _, s := range page.SecretList {
					all = append(all, Secret{aws.ToString(s.Name), aws.ToString(s.ARN), region})
				}
				mu.Unlock()
			}
			return nil
		})
	}
	return all, group.Wait()
}
