// Package secret reads a password from Secrets Manager and keeps it for at most
// a minute (or an hour, see Keep). It never shows one: not in an error, not in a
// log, not in a cache that outlives that time.
package secret

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/sync/singleflight"

	"github.com/sitefence/sitefence/internal/awserr"
	"github.com/sitefence/sitefence/internal/config"
	"github.com/sitefence/sitefence/internal/contract"
)

const (
	// MaxAge is how long a value is used without being read again.
	MaxAge = 60 * time.Second
	// KeptAge is the same for a Reader that Keep returned.
	KeptAge = time.Hour
	// RefreshBurst and RefreshEvery bound Refresh: that many at once, and one
	// more for each interval that passed.
	RefreshBurst = 3
	// RefreshEvery is how long one more Refresh takes to be allowed.
	RefreshEvery = 5 * time.Second
	// LoadTimeout bounds one read with the SDK's retries in it.
	LoadTimeout = 5 * time.Second
)

// Client is the one call of Secrets Manager that is needed.
type Client interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Reader reads one secret. It is safe for concurrent use; reads at the same
// time are one call, and a caller who gives up does not spoil it for the others.
//
// Every error is of the contract's types: Misconfigured for a secret that is
// missing, forbidden, binary, empty or no password, Transient for the rest. A
// value older than MaxAge is never served, not even when Secrets Manager is
// down: a password that was revoked must end to work.
type Reader struct {
	client  Client
	id      string
	options []func(*secretsmanager.Options)
	advice  Advice
	maxAge  time.Duration
	flight  singleflight.Group

	mu       sync.Mutex
	value    Value
	loadedAt time.Time // zero: never, or nothing usable
	failed   bool      // the last load failed: the next one is a retry
	bucket   bucket
}

// Advice is what the errors tell a human to do.
type Advice struct {
	Sort     func(err error, what string) error // of awserr
	Unusable string                             // what is there is no password
	// Check says what is wrong with the text; nil: the rules of a password.
	Check func(plain string) string
}

// New reads the secret of that name or ARN, for a function. A secret that is
// named by ARN is read in the ARN's Region.
func New(client Client, id string) *Reader {
	return NewAdvising(client, id, Advice{Sort: awserr.Sort, Unusable: "put the password there as plain text, then replay what failed"})
}

// NewAuthority reads a secret that holds a CA, for a function: certificates in
// PEM and nothing else, under the rules of a caFile.
func NewAuthority(client Client, id string) *Reader {
	return NewAdvising(client, id, Advice{
		Sort:     awserr.Sort,
		Unusable: "put the CA there as plain text in PEM, then replay what failed",
		Check: func(plain string) string {
			if _, err := config.Authority(plain); err != nil {
				return fmt.Sprintf("holds no CA: %v", err)
			}
			return ""
		},
	})
}

// NewAdvising is New for a program that is no function.
func NewAdvising(client Client, id string, advice Advice) *Reader {
	if advice.Check == nil {
		advice.Check = unusable
	}
	r := &Reader{client: client, id: id, advice: advice, maxAge: MaxAge}
	if a, err := arn.Parse(id); err == nil && a.Region != "" {
		r.options = append(r.options, func(o *secretsmanager.Options) { o.Region = a.Region })
	}
	return r
}

// Keep lets the reader keep its value for KeptAge: for who asks a server, which
// refuses a password that was revoked, every few minutes, day and night. Each
// read of a secret is billed.
func (r *Reader) Keep() *Reader {
	r.maxAge = KeptAge
	return r
}

// Format shows the secret's name, whatever the verb.
func (r *Reader) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "secret "+r.id) }

// Get returns the value, read at most MaxAge ago (KeptAge after Keep).
func (r *Reader) Get(ctx context.Context) (Value, error) {
	if v, ok := r.cached(); ok {
		return v, nil
	}
	return r.load(ctx, r.cached)
}

// Reread reads the value again, whatever is cached: for the one retry after a
// server refused the password.
func (r *Reader) Reread(ctx context.Context) (Value, error) { return r.load(ctx, nothing) }

// Refresh is Reread for a password that a stranger sent and that did not match
// seen; strangers must not be able to hammer Secrets Manager. It is false when
// there is nothing newer to compare with: too many refreshes lately. That the
// bucket is empty means that a refresh was tried less than RefreshEvery ago,
// and that it succeeded: a failed load is tried again without asking the bucket.
func (r *Reader) Refresh(ctx context.Context, seen Value) (Value, bool, error) {
	if v, ok := r.cached(); ok && v.Expose() != seen.Expose() {
		return v, true, nil // somebody else refreshed meanwhile
	}
	if !r.mayRefresh() {
		return Value{}, false, nil
	}
	v, err := r.load(ctx, nothing)
	return v, err == nil, err
}

func (r *Reader) cached() (Value, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loadedAt.IsZero() || time.Since(r.loadedAt) >= r.maxAge {
		r.value, r.loadedAt = Value{}, time.Time{}
		return Value{}, false
	}
	return r.value, true
}

func (r *Reader) mayRefresh() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed || r.bucket.take(time.Now())
}

// nothing is what Reread and Refresh accept of the cache.
func nothing() (Value, bool) { return Value{}, false }

// load reads the secret, together with whoever reads it at this moment, unless
// a read that has ended just now left something acceptable.
func (r *Reader) load(ctx context.Context, acceptable func() (Value, bool)) (Value, error) {
	for again := true; ; again = false {
		mine := false
		done := r.flight.DoChan(r.id, func() (any, error) {
			mine = true
			if v, ok := acceptable(); ok {
				return v, nil
			}
			// The read belongs to all who wait: no one's end may end it.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), LoadTimeout)
			defer cancel()
			return r.read(ctx)
		})
		select {
		case <-ctx.Done():
			return Value{}, contract.TransientF(contract.Unavailable, "reading the secret %s: %v", r.id, context.Cause(ctx))
		case result := <-done:
			// Another's read that failed may be an old one: Lambda freezes a
			// read that nobody waits for, and it wakes up to its timeout.
			if result.Err != nil && !mine && again {
				continue
			}
			v, _ := result.Val.(Value)
			return v, result.Err
		}
	}
}

func (r *Reader) read(ctx context.Context) (Value, error) {
	started := time.Now()
	out, err := r.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &r.id}, r.options...)
	v, err := r.judge(out, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed = err != nil; !r.failed {
		// The age counts from before the call: the answer may be slow.
		r.value, r.loadedAt = v, started
	}
	return v, err
}

// judge makes a value of an answer.
func (r *Reader) judge(out *secretsmanager.GetSecretValueOutput, err error) (Value, error) {
	refuse := func(why string) (Value, error) {
		return Value{}, contract.MisconfiguredF(contract.SecretUnusable,
			"the secret %s %s; %s", r.id, why, r.advice.Unusable)
	}
	switch awserr.Code(err) {
	case "InvalidRequestException", "InvalidParameterException":
		return refuse("cannot be read in its state (is it scheduled for deletion?)")
	case "DecryptionFailure":
		return refuse("cannot be decrypted (look at its KMS key)")
	}
	if err != nil {
		return Value{}, r.advice.Sort(err, "reading the secret "+r.id)
	}
	plain := aws.ToString(out.SecretString)
	if len(out.SecretBinary) > 0 {
		return refuse("is binary")
	}
	if why := r.advice.Check(plain); why != "" {
		return refuse(why)
	}
	return Of(plain), nil
}

// bucket is a token bucket; its zero value is full.
type bucket struct {
	used  int       // tokens that are out
	since time.Time // when the next one began to come back
}

func (b *bucket) take(now time.Time) bool {
	if back := int(now.Sub(b.since) / RefreshEvery); b.used > 0 && back > 0 {
		b.used = max(0, b.used-back)
		b.since = b.since.Add(time.Duration(back) * RefreshEvery)
	}
	if b.used >= RefreshBurst {
		return false
	}
	if b.used == 0 {
		b.since = now
	}
	b.used++
	return true
}

// Password is a Reader for a client that sends the password: its methods give
// the secret itself.
type Password struct{ Reader *Reader }

// Get is Reader.Get, exposed.
func (p Password) Get(ctx context.Context) (string, error) {
	v, err := p.Reader.Get(ctx)
	return v.Expose(), err
}

// Reread is Reader.Reread, exposed.
func (p Password) Reread(ctx context.Context) (string, error) {
	v, err := p.Reader.Reread(ctx)
	return v.Expose(), err
}
