package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// fields reads a config.json. Every field must be asked for: one that nobody knows may
// change what the model computes, and is an error in the end.
type fields struct {
	path   string
	values map[string]any
	asked  map[string]bool
	wrong  []string
}

// readFields reads the file.
func readFields(path string) (*fields, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the base model's configuration: %w", err)
	}
	f := &fields{path: path, asked: map[string]bool{}}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&f.values); err != nil {
		return nil, fmt.Errorf("%s is not a JSON object: %w: download it again", path, err)
	}
	return f, nil
}

// value returns a field that is there and not null.
func (f *fields) value(name string) (any, bool) {
	f.asked[name] = true
	v, ok := f.values[name]
	return v, ok && v != nil
}

func (f *fields) fail(name, format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf("%s = %s: ", name, show(f.values[name]))+fmt.Sprintf(format, args...))
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// size returns a whole number from least to 2²⁸, or the value for where there is none.
func (f *fields) size(name string, without, least int) int {
	v, ok := f.value(name)
	if !ok {
		if without < least {
			f.wrong = append(f.wrong, name+" is missing")
		}
		return without
	}
	n, isNumber := v.(json.Number)
	i, err := n.Int64()
	if !isNumber || err != nil || i < int64(least) || i > maxWidth {
		f.fail(name, "a whole number from %d is wanted", least)
		return max(without, least)
	}
	return int(i)
}

// number returns a floating-point number.
func (f *fields) number(name string, without float64) float64 {
	v, ok := f.value(name)
	if !ok {
		return without
	}
	n, isNumber := v.(json.Number)
	x, err := n.Float64()
	if !isNumber || err != nil {
		f.fail(name, "a number is wanted")
		return without
	}
	return x
}

// needed returns a number above 0 that must be there.
func (f *fields) needed(name string) float64 {
	if _, ok := f.value(name); !ok {
		f.wrong = append(f.wrong, name+" is missing")
		return 1
	}
	x := f.number(name, 1)
	if !(x > 0) {
		f.fail(name, "a number above 0 is wanted")
		return 1
	}
	return x
}

// flag returns a truth value.
func (f *fields) flag(name string, without bool) bool {
	v, ok := f.value(name)
	if !ok {
		return without
	}
	b, isFlag := v.(bool)
	if !isFlag {
		f.fail(name, "true or false is wanted")
		return without
	}
	return b
}

// text returns a string.
func (f *fields) text(name, without string) string {
	v, ok := f.value(name)
	if !ok {
		return without
	}
	s, isText := v.(string)
	if !isText {
		f.fail(name, "a text is wanted")
		return without
	}
	return s
}

// only accepts a field that is missing, null, or one of some values in JSON; what it would
// mean otherwise is not implemented.
func (f *fields) only(name string, values ...string) {
	if v, ok := f.value(name); ok && !slices.Contains(values, show(v)) {
		f.fail(name, "only %s is implemented", strings.Join(append(values, "null"), " or "))
	}
}

// object returns the fields of an object, nil where there is none.
func (f *fields) object(name string) *fields {
	v, ok := f.value(name)
	if !ok {
		return nil
	}
	o, isObject := v.(map[string]any)
	if !isObject {
		f.fail(name, "an object is wanted")
		return nil
	}
	return &fields{path: f.path + ": " + name, values: o, asked: map[string]bool{}}
}

// ignore names fields that change nothing that is computed here.
func (f *fields) ignore(names ...string) {
	for _, n := range names {
		f.asked[n] = true
	}
}

// err says what is wrong, all of it at once.
func (f *fields) err() error {
	var unknown []string
	for name := range f.values {
		if !f.asked[name] {
			unknown = append(unknown, fmt.Sprintf("%s = %s", name, show(f.values[name])))
		}
	}
	slices.Sort(unknown)
	if len(unknown) > 0 {
		f.wrong = append(f.wrong, "not implemented: "+strings.Join(unknown, ", ")+" (remove what is known to change nothing)")
	}
	if len(f.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", f.path, errors.New(strings.Join(f.wrong, "; ")))
}

// common takes the fields that every config.json may have and that change nothing here:
// who made it, how it was stored, how training with dropout or generation would go.
func (f *fields) common() {
	f.ignore(
		"_name_or_path", "_commit_hash", "architectures", "model_type", "transformers_version", "torch_dtype", "dtype",
		"use_cache", "output_attentions", "output_hidden_states", "output_past", "return_dict", "return_dict_in_generate", "output_scores",
		"id2label", "label2id", "_num_labels", "finetuning_task", "task_specific_params", "prefix", "tokenizer_class", "auto_map", "torchscript",
		"is_encoder_decoder", "gradient_checkpointing", "use_return_dict", "initializer_range", "initializer_factor", "init_std",
		"bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id", "bad_words_ids", "begin_suppress_tokens",
		"suppress_tokens", "forced_bos_token_id", "forced_eos_token_id", "force_bos_token_to_be_generated", "early_stopping",
		"max_length", "min_length", "do_sample", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
		"repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "num_return_sequences",
		"exponential_decay_length_penalty", "remove_invalid_values", "use_bfloat16", "tf_legacy_loss", "gpt2_is_trained",
		"resid_pdrop", "embd_pdrop", "attn_pdrop", "dropout", "attention_dropout", "activation_dropout", "classifier_dropout", "classif_dropout",
		"hidden_dropout_prob", "attention_probs_dropout_prob", "encoder_layerdrop", "decoder_layerdrop", "summary_first_dropout", "embedding_dropout",
		"hidden_dropout", "pretraining_tp", "_attn_implementation", "attn_implementation", "_attn_implementation_autoset",
		"unsloth_version", "unsloth_fixed",
	)
	f.only("is_decoder", "false")
	f.only("add_cross_attention", "false")
	f.only("cross_attention_hidden_size")
	f.only("pruned_heads", "{}", "[]")
	f.only("chunk_size_feed_forward", "0")
	f.only("quantization_config")
}
