package infinispan

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// StatusError is an answer other than 2xx.
type StatusError struct {
	Status int
	Body   string // cut to 300 characters
}

func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answered %d %s", e.Status, e.Body))
}

// operator implements the part of World that goes through the REST interface.
// It is the same for both worlds, so that a difference between them can only
// be one of the servers.
type operator struct {
	caches []string
	client *http.Client

	mu    sync.RWMutex
	known []Site
}

// operatorAgent marks the calls of this file, which the double exempts from
// faults and records.
const operatorAgent = "sitefence-local-operator"

func newOperator(sites []Site, caches []string) (*operator, error) {
	roots := x509.NewCertPool()
	for _, s := range sites {
		if !roots.AppendCertsFromPEM(s.CA) {
			return nil, fmt.Errorf("reading the CA of %s: no certificate in it", s.Name)
		}
	}
	return &operator{known: sites, caches: caches, client: &http.Client{
		// Servers come and go: a connection kept from before would only add
		// failures that say nothing about the server of now.
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
		Timeout: 30 * time.Second,
	}}, nil
}

func (o *operator) Sites() []Site {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Clone(o.known)
}

// setPassword is for the double, whose passwords can change.
func (o *operator) setPassword(site, password string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.known {
		if o.known[i].Name == site {
			o.known[i].Password = password
		}
	}
}

func (o *operator) Site(name string) Site {
	s, err := o.find(name)
	if err != nil {
		panic(err)
	}
	return s
}

func (o *operator) find(name string) (Site, error) {
	for _, s := range o.Sites() {
		if s.Name == name {
			return s, nil
		}
	}
	return Site{}, fmt.Errorf("%q is not a site of this world", name)
}

// call does one request as the administrator and returns the body.
func (o *operator) call(ctx context.Context, site, method, path, body string) ([]byte, error) {
	s, err := o.find(site)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(s.User, s.Password)
	req.Header.Set("User-Agent", operatorAgent)
	if body != "" {
		req.Header.Set("Content-Type", "text/plain")
	}
	res, err := o.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, &StatusError{Status: res.StatusCode, Body: string(data[:min(len(data), 300)])}
	}
	return data, nil
}

func (o *operator) callJSON(ctx context.Context, site, method, path string, into any) error {
	data, err := o.call(ctx, site, method, path, "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading the answer %.100q: %w", data, err)
	}
	return nil
}

func keyPath(key string) string {
	return "/rest/v2/caches/" + mainCache + "/" + url.PathEscape(key)
}

func (o *operator) Write(ctx context.Context, site, key, value string) error {
	if _, err := o.call(ctx, site, http.MethodPut, keyPath(key), value); err != nil {
		return fmt.Errorf("writing %s at %s: %w", key, site, err)
	}
	return nil
}

func (o *operator) Read(ctx context.Context, site, key string) (string, error) {
	data, err := o.call(ctx, site, http.MethodGet, keyPath(key), "")
	if err != nil {
		return "", fmt.Errorf("reading %s at %s: %w", key, site, err)
	}
	return string(data), nil
}

func (o *operator) View(ctx context.Context, site string) ([]string, error) {
	var container struct {
		SitesView []string `json:"sites_view"`
	}
	if err := o.callJSON(ctx, site, http.MethodGet, "/rest/v2/container", &container); err != nil {
		return nil, fmt.Errorf("reading the sites that %s sees: %w", site, err)
	}
	slices.Sort(container.SitesView)
	return container.SitesView, nil
}

const backupsPath = "/rest/v2/container/x-site/backups/"

func (o *operator) BackupStatus(ctx context.Context, site, other string) (string, error) {
	var backup struct {
		Status string `json:"status"`
	}
	err := o.callJSON(ctx, site, http.MethodGet, backupsPath+url.PathEscape(other), &backup)
	if err != nil {
		return "", fmt.Errorf("reading the backup status of %s at %s: %w", other, site, err)
	}
	return backup.Status, nil
}

func (o *operator) TakeOffline(ctx context.Context, site, other string) error {
	return o.act(ctx, site, other, "take-offline")
}

func (o *operator) BringOnline(ctx context.Context, site, other string) error {
	return o.act(ctx, site, other, "bring-online")
}

// act is a POST whose answer maps each cache to "ok" or to an error text. The
// server answers 200 for both, and 200 with no cache at all.
func (o *operator) act(ctx context.Context, site, other, action string) error {
	var caches map[string]string
	err := o.callJSON(ctx, site, http.MethodPost, backupsPath+url.PathEscape(other)+"?action="+action, &caches)
	if err != nil {
		return fmt.Errorf("%s of %s at %s: %w", action, other, site, err)
	}
	if len(caches) == 0 {
		return fmt.Errorf("%s of %s at %s: no cache has a backup there", action, other, site)
	}
	var errs []error
	for cache, answer := range caches {
		if answer != "ok" {
			errs = append(errs, fmt.Errorf("%s of %s at %s: cache %s: %s", action, other, site, cache, answer))
		}
	}
	return errors.Join(errs...)
}

func (o *operator) PushState(ctx context.Context, site, other string) error {
	// Started while the link is cut, it fails, yet puts the backup online and
	// sticks: writes at the survivor would stop. So look first.
	view, err := o.View(ctx, site)
	if err != nil {
		return err
	}
	if !slices.Contains(view, other) {
		return fmt.Errorf("pushing state to %s: %s does not see it", other, site)
	}
	for _, cache := range o.caches {
		if err := o.clearPush(ctx, site, other, cache); err != nil {
			return fmt.Errorf("clearing an earlier push of %s from %s to %s: %w", cache, site, other, err)
		}
	}
	if err := o.act(ctx, site, other, "start-push-state"); err != nil {
		return err
	}
	for _, cache := range o.caches {
		err := poll(ctx, 50*time.Millisecond, func() error {
			status, err := o.pushStatus(ctx, site, other, cache)
			if err == nil && status != pushOK {
				err = fmt.Errorf("status is %q", status)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("pushing %s from %s to %s: %w", cache, site, other, err)
		}
	}
	return nil
}

func (o *operator) pushStatus(ctx context.Context, site, other, cache string) (pushing, error) {
	var status map[string]pushing
	err := o.callJSON(ctx, site, http.MethodGet, "/rest/v2/caches/"+cache+"/x-site/backups?action=push-state-status", &status)
	return status[other], err
}

// clearPush forgets an earlier push: one that is "OK" would make the next look
// done at once. One that sticks at "SENDING" (it was started while the link
// was cut) makes the other site refuse the next, and clearing does not end it;
// cancelling does.
func (o *operator) clearPush(ctx context.Context, site, other, cache string) error {
	status, err := o.pushStatus(ctx, site, other, cache)
	if err != nil {
		return err
	}
	if status == pushSending {
		if err := o.act(ctx, site, other, "cancel-push-state"); err != nil {
			return err
		}
	}
	_, err = o.call(ctx, site, http.MethodPost, "/rest/v2/caches/"+cache+"/x-site/local?action=clear-push-state-status", "")
	return err
}
