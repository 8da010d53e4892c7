package infra

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/sitefence/sitefence/internal/config"
)

// anyResource stands where AWS's Service Authorization Reference gives an
// action no resource type. Whoever uses it gives AWS's reason.
const anyResource = "*"

// reasonMetadata is the type of a role's metadata that says why a statement has
// a wildcard, as `Sid: reason`. testdata/iam.txt shows it beside the statement.
const reasonMetadata = "sitefence:wildcard"

// reasoned is a statement with a wildcard, and why it must have one.
type reasoned struct {
	awsiam.PolicyStatement
	text string // `Sid: reason`
}

// allow is one statement of a policy. The Sid is for the reader of the console.
func allow(sid, resource string, actions ...string) awsiam.PolicyStatement {
	return allowEach(sid, []string{resource}, actions...)
}

// allowEach is allow for several resources.
func allowEach(sid string, resources []string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid:       jsii.String(sid),
		Actions:   jsii.Strings(actions...),
		Resources: jsii.Strings(resources...),
	})
}

// allowAny is allow for actions that AWS gives no resource type; the reason says
// so, with AWS's own source where it is not the Service Authorization Reference.
func allowAny(sid, reason string, actions ...string) awsiam.PolicyStatement {
	return allowMatching(sid, reason, []string{anyResource}, actions...)
}

// allowMatching is allow for resources whose names are not known before they are
// there: a pattern of ARNs, as narrow as can be, and why it is one.
func allowMatching(sid, reason string, patterns []string, actions ...string) awsiam.PolicyStatement {
	return reasoned{allowEach(sid, patterns, actions...), sid + ": " + reason}
}

// roleProps is a role: who takes it, and all it may do.
type roleProps struct {
	Service     string // a service principal
	Description string
	// SourceARN, if AWS names the caller's resource when it takes the role, is
	// the only resource that may (the "confused deputy" of IAM's guide).
	SourceARN  string
	Statements []awsiam.PolicyStatement
}

// newRole makes a role whose one policy is what was asked for. The returned
// role takes no additions: constructs that would grant themselves more (tracing
// and logging do, on "*") find that done.
func newRole(scope constructs.Construct, id string, props roleProps) awsiam.IRole {
	principal := &awsiam.ServicePrincipalOpts{}
	if props.SourceARN != "" {
		principal.Conditions = &map[string]any{
			"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Aws_ACCOUNT_ID()},
			"ArnLike":      map[string]any{"aws:SourceArn": props.SourceARN},
		}
	}
	var statements []awsiam.PolicyStatement
	var reasons []string
	for _, s := range props.Statements {
		if r, ok := s.(reasoned); ok {
			s = r.PolicyStatement
			reasons = append(reasons, r.text)
		}
		statements = append(statements, s)
	}
	role := awsiam.NewRole(scope, jsii.String(id), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String(props.Service), principal),
		Description: jsii.String(props.Description),
		// Inline, so that the policy exists as soon as the role does.
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"sitefence": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	for _, text := range reasons {
		role.Node().AddMetadata(jsii.String(reasonMetadata), jsii.String(text), nil)
	}
	return role.WithoutPolicyUpdates(nil)
}

var arnPattern = regexp.MustCompile(`^arn:`)

// readSecrets allows reading exactly the named secrets.
//
// Secrets Manager appends a hyphen and six random characters to a secret's name
// in its ARN, and advises `-??????`, which no longer name can match, for a
// policy that knows the name only. An ARN is taken as it is.
func readSecrets(namesOrARNs ...string) awsiam.PolicyStatement {
	seen := map[string]bool{}
	var arns []string
	named := false
	for _, s := range namesOrARNs {
		if !*awscdk.Token_IsUnresolved(s) && !arnPattern.MatchString(s) {
			s = regionalARN("secretsmanager", "secret:"+s+"-??????")
			named = true
		}
		if !seen[s] {
			seen[s] = true
			arns = append(arns, s)
		}
	}
	if !named {
		return allowEach("ReadSecret", arns, "secretsmanager:GetSecretValue")
	}
	return allowMatching("ReadSecret", "Secrets Manager appends six random characters to a secret's name", arns, "secretsmanager:GetSecretValue")
}

// decryptSecrets allows decrypting with the customer managed keys of existing
// secrets, through Secrets Manager only: what of it the role may read, readSecrets
// says.
func decryptSecrets(tuning config.Tuning) []awsiam.PolicyStatement {
	if len(tuning.SecretKeyARNs) == 0 {
		return nil
	}
	var via []string
	for _, key := range tuning.SecretKeyARNs {
		// A secret and its key are of one Region.
		service := fmt.Sprintf("secretsmanager.%s.amazonaws.com", strings.Split(key, ":")[3])
		if !slices.Contains(via, service) {
			via = append(via, service)
		}
	}
	return []awsiam.PolicyStatement{awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String("DecryptSecret"), Actions: jsii.Strings("kms:Decrypt"), Resources: jsii.Strings(tuning.SecretKeyARNs...),
		Conditions: &map[string]any{"StringEquals": map[string]any{"kms:ViaService": via}},
	})}
}

// bound sets the permissions boundary of every role under scope.
func bound(scope constructs.Construct, tuning config.Tuning) {
	if tuning.PermissionsBoundary == "" {
		return
	}
	policy := awsiam.ManagedPolicy_FromManagedPolicyArn(scope, jsii.String("Boundary"), jsii.String(tuning.PermissionsBoundary))
	awsiam.PermissionsBoundary_Of(scope).Apply(policy)
}

// trace allows sending X-Ray segments, and what else the caller needs.
func trace(more ...string) awsiam.PolicyStatement {
	return allowAny("Trace", "X-Ray has no resource types for segments and sampling",
		append([]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, more...)...)
}
