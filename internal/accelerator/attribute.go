package accelerator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/contract"
)

// SiteTag is the key of the tag that says which site a load balancer serves.
const SiteTag = "site"

// tagBatch is the most load balancers that one DescribeTags call takes
// (Elastic Load Balancing API reference, DescribeTags).
const tagBatch = 20

// Tags is the part of the Elastic Load Balancing API that Read needs. The
// Region is given with each call.
type Tags interface {
	DescribeTags(context.Context, *elb.DescribeTagsInput, ...func(*elb.Options)) (*elb.DescribeTagsOutput, error)
}

// attribute fills in the owner of every endpoint of the state. Load balancers
// that the configuration lists need no tag read.
func (r Reader) attribute(ctx context.Context, state State, asked map[string]*early) error {
	owners := map[string]Owner{}
	for _, site := range r.Deployment.Sites {
		for _, arn := range site.LoadBalancerARNs {
			owners[arn] = Owner{Site: site.Name}
		}
	}
	unknown := map[string][]string{} // by Region
	for e := range state.endpoints() {
		region, balancer := balancerRegion(e.ID)
		if _, known := owners[e.ID]; known || !balancer || slices.Contains(unknown[region], e.ID) {
			continue
		}
		// It becomes a part of the host name that is asked.
		if !regionPattern.MatchString(region) {
			return malformed("reading the accelerator", fmt.Sprintf("a load balancer is in Region %.40q", region))
		}
		unknown[region] = append(unknown[region], e.ID)
	}
	tagged, err := r.tagged(ctx, unknown, asked)
	if err != nil {
		return err
	}
	r.Seen.remember(unknown)
	for e := range state.endpoints() {
		if owner, ok := owners[e.ID]; ok {
			e.Owner = owner
		} else {
			e.Owner = tagged[e.ID]
		}
	}
	return nil
}

func (s State) endpoints() func(yield func(*Endpoint) bool) {
	return func(yield func(*Endpoint) bool) {
		for i := range s.Listeners {
			for j := range s.Listeners[i].Groups {
				endpoints := s.Listeners[i].Groups[j].Endpoints
				for k := range endpoints {
					if !yield(&endpoints[k]) {
						return
					}
				}
			}
		}
	}
}

// tagged returns the owners of the load balancers that exist; one that is missing in
// the answer is gone.
func (r Reader) tagged(ctx context.Context, byRegion map[string][]string, asked map[string]*early) (map[string]Owner, error) {
	var mu sync.Mutex
	owners := map[string]Owner{}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(readLimit)
	for region, arns := range byRegion {
		group.Go(func() error {
			found, err := r.owned(gctx, asked[region], region, arns)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(owners, found)
			return err
		})
	}
	return owners, group.Wait()
}

// readTags is tagged for load balancers of one Region.
func (r Reader) readTags(ctx context.Context, region string, arns []string) (map[string]Owner, error) {
	var mu sync.Mutex
	owners := map[string]Owner{}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(readLimit)
	for batch := range slices.Chunk(arns, tagBatch) {
		group.Go(func() error {
			found, err := r.readBatch(gctx, region, batch)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(owners, found)
			return err
		})
	}
	return owners, group.Wait()
}

// readBatch halves a batch that fails because one of its load balancers is
// gone: DescribeTags fails as a whole then.
func (r Reader) readBatch(ctx context.Context, region string, arns []string) (map[string]Owner, error) {
	out, err := r.Balancers.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: arns},
		func(o *elb.Options) { o.Region = region })
	if gone(err) {
		if len(arns) == 1 {
			return nil, nil
		}
		left, err := r.readBatch(ctx, region, arns[:len(arns)/2])
		if err != nil {
			return nil, err
		}
		right, err := r.readBatch(ctx, region, arns[len(arns)/2:])
		if right == nil {
			right = map[string]Owner{}
		}
		maps.Copy(right, left)
		return right, err
	}
	if err != nil {
		return nil, awserr.Sort(err, "reading load balancer tags in "+region)
	}
	return r.owners(out, arns)
}

// gone reports AWS's answer that a load balancer does not exist: with the status
// that goes with it (API reference), since its endpoints count for nothing then.
func gone(err error) bool {
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() == http.StatusBadRequest && awserr.Code(err) == "LoadBalancerNotFound"
}

// owners reads whose each of the load balancers is. AWS describes every one that
// was asked for, also one without tags; one that is left out would read as
// nobody's or as somebody else's.
func (r Reader) owners(out *elb.DescribeTagsOutput, arns []string) (map[string]Owner, error) {
	const what = "reading load balancer tags"
	owners := map[string]Owner{}
	for _, d := range out.TagDescriptions {
		arn := aws.ToString(d.ResourceArn)
		if _, twice := owners[arn]; twice || !slices.Contains(arns, arn) {
			return nil, malformed(what, fmt.Sprintf("%.300q is there that was not asked for", arn))
		}
		// Existing, but of no site unless a tag below says so.
		owner, tagged := Owner{Unattributed: true}, 0
		for _, tag := range d.Tags {
			if aws.ToString(tag.Key) != SiteTag {
				continue
			}
			tagged++
			if site := contract.Site(aws.ToString(tag.Value)); r.has(site) {
				owner = Owner{Site: site}
			}
		}
		if tagged > 1 {
			return nil, malformed(what, fmt.Sprintf("%s has the tag %s twice", arn, SiteTag))
		}
		owners[arn] = owner
	}
	if len(owners) != len(arns) {
		return nil, malformed(what, fmt.Sprintf("%d of %d load balancers are missing", len(arns)-len(owners), len(arns)))
	}
	return owners, nil
}

func (r Reader) has(site contract.Site) bool {
	_, ok := r.Deployment.Find(site)
	return ok
}

var regionPattern = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$`)

// balancerRegion reads the Region from a load balancer's ARN; it is false for
// every other kind of endpoint (Elastic IP allocations, EC2 instances).
func balancerRegion(endpoint string) (string, bool) {
	part := strings.SplitN(endpoint, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[2] != "elasticloadbalancing" ||
		part[3] == "" || !strings.HasPrefix(part[5], "loadbalancer/") {
		return "", false
	}
	return part[3], true
}
