package cli

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/gradientlearning/cola/data/hub"
	"github.com/gradientlearning/cola/protocol"
)

// What is fetched of a hub's repository.
var (
	// TokenizerFiles are those of a tokenizer.
	TokenizerFiles = []string{"tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json"}
	// dataFiles are tables, as data sets are published.
	dataFiles = []string{
		"*.jsonl*", "*.json*", "*.csv*", "*.tsv*", "*.parquet",
		"*/*.jsonl*", "*/*.json*", "*/*.csv*", "*/*.tsv*", "*/*.parquet",
	}
)

// Resolve returns path itself, or of hub:ORG/NAME[@REVISION] the folder with its files that
// the patterns name, after downloading what is missing; what cannot be had is a fault.
func Resolve(ctx context.Context, log *slog.Logger, path string, patterns []string) (string, error) {
	if !strings.HasPrefix(path, hub.Prefix) {
		return path, nil
	}
	cfg := hub.DefaultConfig()
	told := map[string]bool{}
	cfg.Progress = func(e hub.Event) {
		switch {
		case e.Note != "":
			log.Warn("hub", "from", path, "file", e.File, "note", e.Note)
		case e.File != "" && !told[e.File]:
			told[e.File] = true
			log.Info("downloading", "from", path, "file", e.File, "bytes", e.Size)
		}
	}
	folder, err := hub.Fetch(ctx, cfg, path, patterns)
	switch {
	case err == nil:
		return folder, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, hub.ErrReference), errors.Is(err, hub.ErrConfig):
		return "", protocol.Faultf(protocol.CodeUsage, "write hub:ORG/NAME or hub:ORG/NAME@REVISION, and look at HF_ENDPOINT and HF_TOKEN", "%w", err)
	case errors.Is(err, hub.ErrUnreachable):
		return "", protocol.Faultf(protocol.CodeUnreachable, "try again when there is a connection: what was downloaded is kept", "%w", err)
	}
	return "", protocol.Faultf(protocol.CodeBadData, "check the name, and give a token with HF_TOKEN where the repository asks for one; or download it yourself and give the folder", "%w", err)
}

// FetchData returns what package data downloads data sets with.
func FetchData(ctx context.Context, log *slog.Logger) func(repository string) (folder string, err error) {
	return func(repository string) (string, error) {
		return Resolve(ctx, log, hub.Prefix+"datasets/"+strings.TrimPrefix(repository, "datasets/"), dataFiles)
	}
}
