# Everything that is done with this repository. `make` alone prints what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/charthand
LISTEN ?= localhost:8080
FUZZTIME ?= 10s
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
TRAIN_ENV := $(CACHE)/train-env

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: build ## build, extract the sample documents, then serve on localhost:8080 until interrupted
	@bin/charthand extract --out-dir out fixtures/documents/*.json
	@echo
	@echo "Try it in another terminal:"
	@echo "  curl -s -H 'Content-Type: application/fhir+json' --data-binary @fixtures/documents/cervical-cancer.json 'http://$(LISTEN)/fhir/DocumentReference/\$$extract' | python3 -m json.tool"
	@echo
	@exec bin/charthand serve --listen $(LISTEN)

.PHONY: build
build: native ## build bin/charthand, one file with the library and the model inside
	@go build -trimpath -ldflags='-s -w' -o bin/charthand ./cmd/charthand

.PHONY: native
native: ## fetch and build the native libraries (cached)
	@nlp/onnx/native/build.sh

.PHONY: test
test: build ## build, and pass every test
	go test ./...
	cd training && python3 -m unittest discover -s tests

.PHONY: race
race: native ## pass the Go tests under the race detector
	go test -race ./...

.PHONY: fuzz
fuzz: native ## fuzz every decoder for FUZZTIME (10s)
	@for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
	  for name in $$(grep -oE '^func Fuzz[A-Za-z]*' $$f | cut -d' ' -f2); do \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$f); \
	  done; \
	done

.PHONY: bench
bench: native ## notes/s of the whole path, of the model alone, and their ratio (CHARTHAND_DATA: where the corpora are)
	go test ./extract -run '^$$' -bench WholePath -benchtime 200x

.PHONY: lint
lint: native $(GOLANGCI) ## gofmt, vet and the linters of .golangci.yml
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted" >&2; exit 1; }
	go vet ./...
	$(GOLANGCI) run ./...
	.ci/check-boundaries $(GOLANGCI)

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION) (a few minutes, once)"
	@GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: train-env
train-env: ## install the training environment (about 6 GB: torch brings CUDA), cached
	@[ -x $(TRAIN_ENV)/bin/python ] || { echo "installing the training environment, about 6 GB"; python3 -m venv $(TRAIN_ENV); }
	@$(TRAIN_ENV)/bin/pip install --quiet --disable-pip-version-check --constraint training/constraints.txt --editable training

.PHONY: model
model: train-env ## make the default model anew from the corpora (about 40 minutes on two cores)
	cd training && $(TRAIN_ENV)/bin/python -m charthand_training train recipes/default.yaml \
	  --data $${CHARTHAND_DATA:-../../shared/data} --out $(CACHE)/models/default
	cd training && $(TRAIN_ENV)/bin/python -m charthand_training export $(CACHE)/models/default --out ../models/default

.PHONY: score
score: build train-env ## score the default model on the documents held back from its training
	@cd training && data=$${CHARTHAND_DATA:-../../shared/data} && scratch=$$(mktemp -d) && trap 'rm -rf $$scratch' EXIT && \
	  $(TRAIN_ENV)/bin/python -m charthand_training input ../models/default --data $$data > $$scratch/in.ndjson && \
	  ../bin/charthand annotate --ndjson $$scratch/in.ndjson > $$scratch/out.ndjson && \
	  $(TRAIN_ENV)/bin/python -m charthand_training score $$scratch/out.ndjson --data $$data

.PHONY: clean
clean: ## remove what was built here (the cache stays)
	rm -rf bin out nlp/onnx/native/lib
