# Sitefence. `make demo` and `make test` set up what they need.
# KEEP=1 leaves the demo running; DOUBLE=1 runs it without real Infinispan.

GOLANGCI_LINT := v2.15.0
CYCLONEDX     := v1.9.0
BIN           := $(CURDIR)/.cache/bin
GOTEST        := go test -race -shuffle=on
# These start processes, watch clocks or search for minutes: one package at a time.
HEAVY         := ./local/... ./cmd/... ./statemachine/...
# Of these, what needs the processors, and what is held to a time and has to be
# alone; all others mostly wait.
COMPUTING     := ./statemachine/... ./local/simulation
TIMED         := ./local/abuse ./local/alertmanager ./local/bench/... ./local/emulator ./local/lambdaruntime ./local/prometheus

# How long `make fuzz` runs each target.
FUZZTIME      ?= 1m

export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := 1
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1

.PHONY: demo incident bench bench-incident test test-fast test-unit test-bounds test-operator test-computing test-waiting test-timed worlds fuzz \
	setup modules tools prerequisites lint review tidy licences cfn-lint nag synth release release-check ci ci-waiting ci-computing ci-alone clean

demo: setup
	@mkdir -p build && go build -o build/sitefence ./cmd/sitefence
	@exec build/sitefence demo $(if $(KEEP),--keep) $(if $(DOUBLE),--double)

# The demo's story without an alert made by hand: a Prometheus and an Alertmanager
# for each real Infinispan, with the generated files, and the link is cut twice.
incident: setup
	@mkdir -p build && go build -o build/incident ./local/incident/tell
	@exec build/incident

# How long an outage lasts with the guide's settings and with ours, side by side:
# about three minutes a run. Writes docs/img/incident.json and incident.svg.
RUNS          ?= 5
bench-incident: setup
	@mkdir -p build && go build -o build/bench-incident ./local/incident/bench
	@exec build/bench-incident -runs $(RUNS)

# What of an outage is Sitefence's own share: a few minutes, on a machine that has
# nothing else to do. Writes docs/performance.md and its figures in docs/img.
bench: prerequisites
	@mkdir -p build && go build -o build/bench ./local/bench/run
	@build/bench -runs $(RUNS)

test: setup test-fast test-operator test-computing test-waiting test-timed

test-computing: prerequisites
	$(GOTEST) -p 1 -timeout 25m $(COMPUTING)

# All that is in none of the other two, so that a new package is tested.
test-waiting: setup
	packages=$$(go list $(HEAVY) | grep -vxF "$$(go list $(COMPUTING) $(TIMED))") && $(GOTEST) -p 1 -timeout 25m $$packages

# The flood is of 6,000 wrong passwords, and the storm of a hundred deployments, as
# promised, only without the race detector.
test-timed: setup
	go test -p 1 -shuffle=on -run '^Test(Flood|Hundred)$$' ./local/abuse ./local/bench/storm
	$(GOTEST) -p 1 -timeout 14m $(TIMED)

# The manifests against Kubernetes' and the Prometheus operator's own code. Not in
# the workspace: its dependencies must not choose those of what is shipped.
OPERATORTEST := internal/manifests/operatortest
test-operator: export GOWORK := off
test-operator: prerequisites
	cd $(OPERATORTEST) && go vet ./... && $(GOTEST) ./...

# The tests that start nothing: seconds, once compiled.
test-fast: test-unit test-bounds

test-unit: prerequisites
	go vet ./... && go -C infra vet ./...
	$(GOTEST) ./functions/... ./internal/...
	cd infra && $(GOTEST) ./...

# Of time and memory, as built, with nothing beside.
test-bounds: prerequisites
	go test -p 1 -run '^Test(Bounds|Huge)' $$(grep -rlE --include='*_test.go' '^func Test(Bounds|Huge)' internal | xargs -n1 dirname | sort -u | sed 's,^,./,')

# As many random worlds as CI visits, and the whole fault matrix. Without the race
# detector: a world is lived one call at a time, and `make test` visits five
# hundred, and an eighth of the matrix, with it.
WORLDS        ?= 20000
worlds: prerequisites
	cd local/simulation && SITEFENCE_WORLDS=$(WORLDS) GOGC=400 go test -count=1 -timeout 40m -run '^Test(Worlds|FaultMatrix)$$' .

# Every fuzz target that any package has. What a run finds lies in testdata/fuzz of
# its package then: mend it and commit both.
fuzz: prerequisites
	@.ci/fuzz $(FUZZTIME)

setup: prerequisites node_modules/.package-lock.json
	@go run ./local/setup

prerequisites:
	@for tool in go node npm python3; do command -v $$tool >/dev/null || \
		{ echo "$$tool is missing: Sitefence needs Go 1.26, Node 20 or newer with npm, and Python 3.10 or newer with venv" >&2; exit 1; }; done
	@python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
		{ echo "python3 is too old or has no venv module: want 3.10 or newer (Debian: apt-get install python3-venv)" >&2; exit 1; }

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-fund --no-audit
	@touch $@

# The modules that are not in the workspace, where they would choose the versions
# of what is shipped.
EMBEDDED      := examples/embedded
ALONE         := $(OPERATORTEST) tools/licences $(EMBEDDED)

lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT)
	$< run ./...
	cd infra && $< run ./...
	for module in $(ALONE); do (cd $$module && GOWORK=off $< run ./...) || exit 1; done
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w" >&2; exit 1; }

$(BIN)/golangci-lint-$(GOLANGCI_LINT):
	@mkdir -p $(BIN)
	cd / && GOWORK=off GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@mv $(BIN)/golangci-lint $@

# What the field's other tools say: docs/review.md has what each one checks, and
# where a finding is suppressed with its reason.
review: tidy licences cfn-lint nag

tidy: prerequisites
	@for module in . infra $(ALONE); do (cd $$module && GOWORK=off go mod tidy -diff) || \
		{ echo "$$module: run GOWORK=off go mod tidy there" >&2; exit 1; }; done

licences: export GOWORK := off
licences: prerequisites
	cd tools/licences && go vet ./... && $(GOTEST) ./... && go run . ../..

TEMPLATES     := build/cdk.out/sitefence.template.json build/cdk.rich/sitefence.template.json

CFN_LINT      := .cache/cfn-lint
cfn-lint: synth $(CFN_LINT)/installed
	$(CFN_LINT)/bin/cfn-lint --config-file tools/cfn-lint/cfnlintrc.yaml -- $(TEMPLATES)

$(CFN_LINT)/installed: tools/cfn-lint/requirements.txt
	@rm -rf $(CFN_LINT)
	python3 -m venv $(CFN_LINT)
	$(CFN_LINT)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --only-binary=:all: -r $<
	@touch $@

nag: synth tools/nag/node_modules/.package-lock.json
	cd tools/nag && npm test --silent && node nag.js $(TEMPLATES:%=../../%)

tools/nag/node_modules/.package-lock.json: tools/nag/package.json tools/nag/package-lock.json
	cd tools/nag && npm ci --no-fund --no-audit
	@touch $@

synth: setup
	npx cdk synth --quiet -c config=sitefence.example.yaml --output build/cdk.out
	npx cdk synth --quiet -c config=tools/review.yaml --output build/cdk.rich
	cd $(EMBEDDED) && GOWORK=off go vet ./... && GOWORK=off go test -shuffle=on ./... && GOWORK=off ../../node_modules/.bin/cdk synth --quiet

# What a release consists of, in build/release/<version>: see CONTRIBUTING.md.
release: prerequisites node_modules/.package-lock.json $(BIN)/cyclonedx-gomod-$(CYCLONEDX)
	go run ./cmd/release -tool $(BIN)/cyclonedx-gomod-$(CYCLONEDX)

# The same sources make the same release, wherever they lie.
release-check: prerequisites node_modules/.package-lock.json $(BIN)/cyclonedx-gomod-$(CYCLONEDX)
	go run ./cmd/release -tool $(BIN)/cyclonedx-gomod-$(CYCLONEDX) -check

$(BIN)/cyclonedx-gomod-$(CYCLONEDX):
	@mkdir -p $(BIN)
	cd / && GOWORK=off GOBIN=$(BIN) go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX)
	@mv $(BIN)/cyclonedx-gomod $@

# Fetches what the modules need, alone and in the workspace. `tidy` needs more than
# go mod download gives; in the workspace that would write go.work.sum.
modules: tidy
	@go list -deps -test ./... ./infra/... >/dev/null

# All that other targets install or fetch, several at a time: they mostly wait or
# compile.
tools: setup modules $(BIN)/golangci-lint-$(GOLANGCI_LINT) $(BIN)/cyclonedx-gomod-$(CYCLONEDX) $(CFN_LINT)/installed tools/nag/node_modules/.package-lock.json

# Everything that must hold; nothing is skipped for want of a tool. What waits goes
# beside what computes, each side one part after the other; what a part says comes
# when it has ended. What is held to a time comes last and has the machine to
# itself, and so do the fuzz targets, which are given time, not work. `review`
# makes what `synth` does. What comes from the network comes first, and is tried
# three times.
ci-waiting_PARTS   := test-waiting
ci-computing_PARTS := lint review test-unit test-operator test-computing release-check worlds
ci-alone_PARTS     := test-bounds test-timed fuzz

ci: export SITEFENCE_REAL := 1
ci: export FUZZTIME := 10s
ci:
	@rm -f build/ci-parts
	@.ci/part tools .ci/thrice $(MAKE) --no-print-directory -j4 tools
	@$(MAKE) --no-print-directory -j2 $(filter --output-sync,$(.FEATURES:%=--%)) ci-waiting ci-computing
	@$(MAKE) --no-print-directory ci-alone
	@.ci/table

ci-waiting ci-computing ci-alone:
	@for part in $($@_PARTS); do .ci/part $$part $(MAKE) --no-print-directory $$part || exit 1; done

clean:
	rm -rf build cdk.out .cache node_modules tools/nag/node_modules $(EMBEDDED)/build $(EMBEDDED)/cdk.out
