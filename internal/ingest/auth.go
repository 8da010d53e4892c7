package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/sitefence/sitefence/internal/secret"
)

// credentials are what a Basic Authorization header holds. The password is a
// stranger's guess or the secret itself: it is hashed at once and not kept.
type credentials struct{ user, password [sha256.Size]byte }

// parseBasic reads an Authorization header (RFC 7617). It is false for anything
// that is no such header.
func parseBasic(header string) (credentials, bool) {
	scheme, encoded, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return credentials{}, false
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(encoded, " "))
	if err != nil {
		return credentials{}, false
	}
	user, password, ok := strings.Cut(string(plain), ":")
	if !ok {
		return credentials{}, false
	}
	return credentials{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))}, true
}

// match compares in constant time: hashes are of equal length, and both parts
// are compared whatever the other one says. The results are 1 or 0.
func (c credentials) match(user string, password secret.Value) (userOK, passwordOK int) {
	wantUser, wantPassword := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password.Expose()))
	return subtle.ConstantTimeCompare(c.user[:], wantUser[:]), subtle.ConstantTimeCompare(c.password[:], wantPassword[:])
}

// Secret is the password that the right user has.
type Secret interface {
	Get(context.Context) (secret.Value, error)
	Refresh(ctx context.Context, seen secret.Value) (v secret.Value, fresh bool, err error)
}

// caller is who sent a request.
type caller int

const (
	stranger  caller = iota // another user
	rightUser               // with a wrong password
	admitted
)

// authenticate says who sent the credentials. An error means that this cannot
// be told now: the secret could not be read.
func (h *Handler) authenticate(ctx context.Context, sent credentials) (caller, error) {
	password, err := h.Secret.Get(ctx)
	if err != nil {
		return stranger, err
	}
	userOK, passwordOK := sent.match(h.User, password)
	if userOK&passwordOK == 1 {
		return admitted, nil
	}
	if userOK == 0 {
		return stranger, nil
	}
	// The secret may have been rotated since it was read.
	password, fresh, err := h.Secret.Refresh(ctx, password)
	if err != nil || !fresh {
		return rightUser, err
	}
	if userOK, passwordOK = sent.match(h.User, password); userOK&passwordOK == 1 {
		return admitted, nil
	}
	return rightUser, nil
}
