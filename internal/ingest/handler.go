// Package ingest is the door: it takes Alertmanager's webhook at a Function URL,
// lets in the right user with the right password only, and puts one event on
// the bus for every site that is offline.
package ingest

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/sitefence/sitefence/internal/alert"
	"github.com/sitefence/sitefence/internal/awsenv"
	"github.com/sitefence/sitefence/internal/bus"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
	"github.com/sitefence/sitefence/internal/limit"
	"github.com/sitefence/sitefence/internal/metric"
	"github.com/sitefence/sitefence/internal/secret"
)

const (
	// maxBody bounds a webhook's body in bytes, as sent and decoded.
	maxBody = 1 << 20
	// margin is what is left of the function's time for the answer: a 503 of
	// ours says more than the platform's when it kills the function.
	margin = time.Second
)

// Handler is the ingest URL. It answers 204 only when every alert that fences
// is on the bus; what may pass is answered 503, since Alertmanager drops what
// it gets a 4xx for. It logs neither headers nor bodies, and exactly one line with
// a status for each request: the dashboard counts them.
type Handler struct {
	User        string
	Deployments []config.IngestDeployment
	Secret      Secret
	Bus         interface {
		Put(context.Context, []contract.Event) []bus.Outcome
	}
	// Connect opens the connection to the bus beside the first look at the secret, and
	// does not wait for it; nil: the first call on the bus opens it.
	Connect func()
	Log     *slog.Logger // JSON without groups: it carries metrics
	Now     func() time.Time
}

// New builds the handler from the configuration beside the binary and the AWS
// environment. The log must be JSON without groups.
func New(log *slog.Logger) (*Handler, error) {
	awsenv.ShareCPU()
	awsenv.ReadRoots()
	file, err := config.LoadFunctionFile[config.IngestFile]()
	if err != nil {
		return nil, err
	}
	busName, secretID := os.Getenv(config.EnvBus), os.Getenv(config.EnvWebhookSecret)
	if err := validate(file, busName, secretID); err != nil {
		return nil, err
	}
	cfg := awsenv.Config()
	cfg.HTTPClient = limit.Answers(awsenv.Whole(awshttp.NewBuildableClient()))
	eventBus := eventbridge.NewFromConfig(cfg)
	return &Handler{
		User: file.User, Deployments: file.Deployments,
		Secret: secret.New(secretsmanager.NewFromConfig(cfg), secretID),
		Bus:    bus.New(eventBus, busName), Connect: connector(eventBus),
		Log: log, Now: time.Now,
	}, nil
}

type (
	request  = events.LambdaFunctionURLRequest
	response = events.LambdaFunctionURLResponse
)

// Handle answers one request. Its error is always nil: every failure has a
// status.
func (h *Handler) Handle(ctx context.Context, req request) (response, error) {
	log := h.Log
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With("requestId", lc.AwsRequestID)
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-margin))
		defer cancel()
	}
	return h.handle(ctx, log, req), nil
}

func (h *Handler) handle(ctx context.Context, log *slog.Logger, req request) response {
	if req.RequestContext.HTTP.Method != http.MethodPost {
		log.WarnContext(ctx, "request refused", "reason", "wrong-method", "status", http.StatusMethodNotAllowed,
			"source", req.RequestContext.HTTP.SourceIP)
		return answer(http.StatusMethodNotAllowed, "want POST", "allow", http.MethodPost)
	}
	// Nothing of the body is touched for a stranger.
	if refusal, ok := h.admit(ctx, log, req); !ok {
		return refusal
	}
	body, status := readBody(req)
	if status != 0 {
		countRefused(ctx, log)
		log.WarnContext(ctx, "request refused", "reason", "bad-body", "status", status)
		return answer(status, http.StatusText(status))
	}
	webhook, err := alert.Decode(body)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, alert.ErrTooMany) {
			status = http.StatusRequestEntityTooLarge
		}
		countRefused(ctx, log)
		log.WarnContext(ctx, "request refused", "reason", "no-webhook", "status", status, "error", err)
		return answer(status, err.Error())
	}
	if webhook.Truncated > 0 {
		metric.Count(ctx, log, lambdacontext.FunctionName, metric.TruncatedAlerts, webhook.Truncated,
			"Alertmanager left alerts out of the webhook; raise max_alerts")
	}
	found, refused, beats := alert.Select(webhook, h.Deployments, h.Now())
	logRefused(ctx, log, refused)
	countHeartbeats(ctx, log, beats)
	return h.put(ctx, log, found)
}

// admit is false, with the answer, for a request that is not Alertmanager's.
func (h *Handler) admit(ctx context.Context, log *slog.Logger, req request) (response, bool) {
	source := slog.String("source", req.RequestContext.HTTP.SourceIP)
	unauthorized := func(who caller, reason string) (response, bool) {
		countLogin(ctx, log.With("reason", reason, "status", http.StatusUnauthorized, source), who)
		return answer(http.StatusUnauthorized, "want the webhook's user and password",
			"www-authenticate", `Basic realm="sitefence"`), false
	}
	sent, ok := parseBasic(header(req, "authorization"))
	if !ok {
		return unauthorized(stranger, "no-credentials")
	}
	if h.Connect != nil {
		h.Connect()
	}
	known, err := h.authenticate(ctx, sent)
	if err != nil {
		log.ErrorContext(ctx, "cannot authenticate", "reason", contract.ReasonOf(err), "error", err,
			"status", http.StatusServiceUnavailable, source)
		return answer(http.StatusServiceUnavailable, "cannot authenticate now, try again"), false
	}
	switch known {
	case rightUser:
		return unauthorized(known, "wrong-password")
	case stranger:
		return unauthorized(known, "wrong-user")
	default:
		return response{}, true
	}
}

// put puts the events on the bus, and logs each.
func (h *Handler) put(ctx context.Context, log *slog.Logger, found []contract.Event) response {
	status, text := http.StatusNoContent, ""
	for i, outcome := range h.Bus.Put(ctx, found) {
		e := found[i]
		line := log.With("deployment", e.Deployment, "site", e.Site, "reporter", e.Reporter,
			"fingerprint", e.Alert.Fingerprint, "startsAt", e.Alert.StartsAt)
		if outcome.Err != nil {
			line.ErrorContext(ctx, "event not put", "reason", contract.ReasonOf(outcome.Err), "error", outcome.Err)
			status, text = http.StatusServiceUnavailable, "an event could not be put on the bus, try again"
			continue
		}
		line.InfoContext(ctx, "event put", "event", outcome.EventID)
	}
	log.InfoContext(ctx, "request answered", "status", status, "events", len(found))
	return answer(status, text)
}

// readBody returns the body, or the status of the refusal.
func readBody(req request) ([]byte, int) {
	if !req.IsBase64Encoded {
		if len(req.Body) > maxBody {
			return nil, http.StatusRequestEntityTooLarge
		}
		return []byte(req.Body), 0
	}
	if len(req.Body) > base64.StdEncoding.EncodedLen(maxBody) {
		return nil, http.StatusRequestEntityTooLarge
	}
	body, err := base64.StdEncoding.DecodeString(req.Body)
	if err != nil {
		return nil, http.StatusBadRequest
	}
	if len(body) > maxBody {
		return nil, http.StatusRequestEntityTooLarge
	}
	return body, 0
}

// header returns a header's value. A Function URL gives names in lower case,
// with several values of one name joined by a comma.
func header(req request, name string) string {
	if v, ok := req.Headers[name]; ok {
		return v
	}
	for k, v := range req.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// answer builds a response; text must not repeat anything of the request.
func answer(status int, text string, headers ...string) response {
	r := response{StatusCode: status, Headers: map[string]string{"cache-control": "no-store"}}
	if text != "" {
		r.Headers["content-type"] = "text/plain; charset=utf-8"
		r.Body = text + "\n"
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Headers[headers[i]] = headers[i+1]
	}
	return r
}

// validate refuses a configuration that could serve no one.
func validate(file config.IngestFile, busName, secretID string) error {
	var problems []error
	for _, p := range []struct {
		bad  bool
		text string
	}{
		{busName == "", config.EnvBus + ": got nothing, want the event bus's name"},
		{secretID == "", config.EnvWebhookSecret + ": got nothing, want a secret's name or ARN"},
		{file.User == "", config.FunctionFile + ": user: got nothing, want the webhook's user"},
		{len(file.Deployments) == 0, config.FunctionFile + ": deployments: got none, want at least one"},
	} {
		if p.bad {
			problems = append(problems, errors.New(p.text))
		}
	}
	return errors.Join(problems...)
}
