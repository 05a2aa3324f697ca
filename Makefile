# Everything that is done with this repository. `make` alone prints what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/charthand
LISTEN ?= localhost:8080
FUZZTIME ?= 60s
LDFLAGS := -s -w
DURATION ?= 5m
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
TRAIN_ENV := $(CACHE)/train-env
TRAIN := $(TRAIN_ENV)/bin/python
# Where the corpora are.
DATA := $(abspath $(or $(CHARTHAND_DATA),../shared/data))
# What the design counts in dictated notes.
KINDS := --kind problem=Disease_disorder,Sign_symptom --kind medication=Medication \
  --kind procedure=Therapeutic_procedure --kind test=Diagnostic_procedure

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
	@go build -trimpath -ldflags='$(LDFLAGS)' -o bin/charthand ./cmd/charthand

.PHONY: native
native: ## fetch and build the native libraries (cached)
	@nlp/onnx/native/build.sh

.PHONY: test
test: build ## build, and pass every test
	go test -timeout 20m ./...
	cd deploy && go test ./...
	cd partners/load && go test ./...
	cd training && python3 -m unittest discover -s tests

.PHONY: race
race: native ## pass the Go tests under the race detector
	go test -race -timeout 25m ./...

.PHONY: fuzz
fuzz: native ## fuzz every decoder for FUZZTIME (60s)
	@for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
	  for name in $$(grep -oE '^func Fuzz[A-Za-z]*' $$f | cut -d' ' -f2); do \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$(dirname $$f); \
	  done; \
	done

.PHONY: bench
bench: build train-env ## time charthand: its decoders, its whole path, as a server, and beside Hugging Face's pipeline and hugot (about ten minutes)
	go test ./note ./note/pdf -run '^$$' -bench Decode
	go test ./queue -run '^$$' -bench Queue -benchtime 500x
	CHARTHAND_DATA=$(DATA) go test ./extract -run '^$$' -bench WholePath -benchtime 200x
	CHARTHAND_DATA=$(DATA) go test ./extract -run '^$$' -bench Mapping -benchtime 2000x
	CHARTHAND_DATA=$(DATA) go test ./cmd/charthand -run '^$$' -bench Serve -benchtime 1x
	CHARTHAND_DATA=$(DATA) go test ./nlp -run '^$$' -bench Workers -benchtime 3x
	CHARTHAND_DATA=$(DATA) go test ./terminology -run '^$$' -bench Lookup -benchtime 3s -cpu 1
	CHARTHAND_DATA=$(DATA) go test ./extract -run '^$$' -bench Codes -benchtime 600x
	cd training && for size in default deberta-v3-base bert-base albert-base; do \
	  $(TRAIN) -m charthand_training peers $$size --data $(DATA) --notes $$([ $$size = default ] && echo 200 || echo 20) || exit; \
	done

.PHONY: lint
lint: native $(GOLANGCI) ## gofmt, vet and the linters of .golangci.yml
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted" >&2; exit 1; }
	go vet ./...
	$(GOLANGCI) run ./...
	for module in deploy partners/load; do (cd $$module && go vet ./... && $(GOLANGCI) run ./...) || exit; done
	.ci/check-boundaries $(GOLANGCI)

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION) (a few minutes, once)"
	@GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

.PHONY: train-env
train-env: ## install the training environment (about 6 GB: torch brings CUDA), cached
	@pins=$$(cat training/pyproject.toml training/constraints.txt | sha256sum); \
	if [ "$$(cat $(TRAIN_ENV)/installed 2>/dev/null)" != "$$pins" ]; then \
	  echo "installing the training environment, about 6 GB"; \
	  python3 -m venv $(TRAIN_ENV); \
	  $(TRAIN_ENV)/bin/pip install --quiet --disable-pip-version-check --constraint training/constraints.txt --editable training; \
	  echo "$$pins" >$(TRAIN_ENV)/installed; \
	fi

.PHONY: test-training
test-training: build train-env ## install the training environment, and pass the tests that need it (tiny models, end to end)
	cd training && OMP_NUM_THREADS=1 $(TRAIN) -m unittest discover -t . -s model_tests

.PHONY: test-fhir
test-fhir: build ## validate what is written: R4, US Core, IPS, with HAPI's validator (needs Java 17 and Maven; fetches about 175 MB once)
	partners/validator/run.sh $(CACHE) $(DATA)

.PHONY: hapi
hapi: ## start a HAPI FHIR server on localhost:8090 to try things with, until interrupted (needs Java 17 and Maven; fetches about 330 MB once)
	@partners/hapi/run.sh $(CACHE) out/hapi 8090

.PHONY: test-integration
test-integration: build ## pass the tests beside a real HAPI FHIR server and a real NATS (needs Java 17 and Maven; fetches about 330 MB once)
	@partners/hapi/run.sh --build-only $(CACHE)
	CHARTHAND_INTEGRATION=1 go test ./cmd/charthand -run 'HAPI|NATS' -count 1 -timeout 20m

.PHONY: test-browser
test-browser: build ## pass the tests of the page and the SMART app in Chromium (needs Node.js 20.19 or newer, and as test-integration Java 17 and Maven; installs Debian's chromium if it is not there, and two npm packages)
	@partners/hapi/run.sh --build-only $(CACHE)
	@partners/browser/run.sh

.PHONY: screenshots
screenshots: build ## make the pictures of docs/images anew
	@partners/browser/run.sh --screenshots

.PHONY: soak
soak: build ## 500 notes beside a real HAPI FHIR server while charthand is killed 20 times, and two workers compared with one (about five minutes)
	@partners/hapi/run.sh --build-only $(CACHE)
	CHARTHAND_INTEGRATION=1 CHARTHAND_SOAK=1 go test ./cmd/charthand -run 'KilledBesideHAPI|TwoWorkersOnNATS' -count 1 -v -timeout 60m

.PHONY: load
load: build ## ask a server for up to three times what it can answer, for DURATION (5m) and a third more: out/load.json and docs/load.svg
	cd partners/load && go run . -duration $(DURATION) -plot ../../docs/load.svg

.PHONY: scale
scale: build ## import a generated SNOMED CT of 1.5 million names, and look mentions up in it: time and memory (about a minute, a gigabyte of disk)
	CHARTHAND_SCALE=1 go test ./cmd/charthand -run TerminologyScale -count 1 -v

.PHONY: calibrate
calibrate: ## learn anew how sure the lookup of codes may be, from the corpora
	go run ./terminology/train -data $(DATA)

.PHONY: recipe
recipe: recipe-arguments build train-env ## one recipe from corpus to model: make recipe NAME=n2c2-bert OUT=/tmp/model [BASE=folder of the base model] [FOLD=0]
	cd training && $(TRAIN) -m charthand_training run recipes/$(NAME).yaml --data $(DATA) --out $(abspath $(OUT)) $(if $(BASE),--base $(or $(abspath $(wildcard $(BASE))),$(BASE))) $(if $(FOLD),--fold $(FOLD))

.PHONY: recipe-arguments
recipe-arguments:
	@[ -n "$(OUT)" ] && [ -n "$(NAME)" ] && [ -f "training/recipes/$(NAME).yaml" ] || \
	  { echo "make recipe NAME=$$(cd training/recipes && ls | sed s/.yaml// | paste -sd'|') OUT=folder [BASE=folder] [FOLD=0]" >&2; exit 2; }

.PHONY: folds
folds: NAME := default
folds: build train-env ## cross-validate a recipe, the default one or NAME=baseline, and calibrate its scores (an hour; goes on where it stopped)
	cd training && $(TRAIN) -m charthand_training folds recipes/$(NAME).yaml --data $(DATA) --out $(CACHE)/folds/$(NAME) \
	  --warmed $(CACHE)/models/default-warm-up --summary reports/$(NAME)/folds.json
	cd training && $(TRAIN) -m charthand_training calibrate recipes/$(NAME).yaml --data $(DATA) --folds $(CACHE)/folds/$(NAME) --out reports/$(NAME)

.PHONY: model
model: build train-env ## make the default model and its card anew from the corpora (about two hours on two cores)
	cd training && $(TRAIN) -m charthand_training train recipes/default.yaml --data $(DATA) --out $(CACHE)/models/default \
	  --warmed $(CACHE)/models/default-warm-up
	cd training && $(TRAIN) -m charthand_training export $(CACHE)/models/default --out ../models/default \
	  --calibration reports/default/calibration.json
	cd training && $(TRAIN) -m charthand_training report recipes/default.yaml ../models/default --data $(DATA) --out reports/default
	cd training && $(TRAIN) -m charthand_training card recipes/default.yaml ../models/default --data $(DATA) --out reports/default

.PHONY: accuracy
accuracy: build ## measure the default model and every stage after it; fails below the recorded levels
	@gold=$$(mktemp -d) && trap 'rm -rf $$gold' EXIT && cd training && \
	  python3 -m charthand_training labels --test --data $(DATA) --out $$gold && \
	  ../bin/charthand evaluate --format brat --gold $$gold && \
	  ../bin/charthand evaluate --format brat --gold $$gold $(KINDS) && \
	  CHARTHAND_DATA=$(DATA) python3 -m charthand_training accuracy --data $(DATA)
	CHARTHAND_DATA=$(DATA) go test ./terminology -run Figures -count 1 -v

# Go's build ID hangs on the folder that is built in; without it the same sources make the same binary anywhere.
.PHONY: release
release: LDFLAGS += -buildid=
release: build ## an archive for others with a bill of materials in out/release, and check it
	cd deploy && go run ./release

.PHONY: clean
clean: ## remove what was built here (the cache stays)
	rm -rf bin out nlp/onnx/native/lib
