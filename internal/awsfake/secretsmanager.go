package awsfake

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// SecretsManager knows GetSecretValue.
type SecretsManager struct {
	Faults
	mu      sync.Mutex
	secrets map[string]any // string, or []byte for a binary secret
}

// Set stores a secret under its name or ARN; value is a string or a []byte.
func (s *SecretsManager) Set(id string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secrets == nil {
		s.secrets = map[string]any{}
	}
	s.secrets[id] = value
}

// ServeHTTP implements the JSON 1.1 protocol.
func (s *SecretsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fault := s.arrive(r, string(body))
	if fault.fails() {
		fault.answer(w, nil)
		return
	}
	var in struct{ SecretId string } //nolint:revive // AWS's spelling
	if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || json.Unmarshal(body, &in) != nil {
		refuse(w, http.StatusBadRequest, "UnknownOperationException")
		return
	}
	s.mu.Lock()
	value, ok := s.secrets[in.SecretId]
	s.mu.Unlock()
	switch v := value.(type) {
	case []byte:
		fault.answer(w, map[string]any{"Name": in.SecretId, "SecretBinary": v})
	default:
		if !ok {
			refuse(w, http.StatusBadRequest, "ResourceNotFoundException")
			return
		}
		fault.answer(w, map[string]any{"Name": in.SecretId, "SecretString": v})
	}
}
