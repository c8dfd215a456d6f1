package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Fields that published models carry and that transformers reads nowhere are no obstacle;
// those that would change what is computed are.
func TestPublishedFields(t *testing.T) {
	const bert = `"model_type":"bert","vocab_size":23,"max_position_embeddings":16,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":3`
	const llama = `"vocab_size":23,"max_position_embeddings":16,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":3,"num_key_value_heads":1`
	const bart = `"model_type":"bart","vocab_size":23,"max_position_embeddings":16,"d_model":12,"encoder_layers":1,"decoder_layers":1,"encoder_attention_heads":3,"decoder_attention_heads":2,"encoder_ffn_dim":17,"decoder_ffn_dim":13`
	for fields, want := range map[string]string{
		bert + `,"directionality":"bidi","pooler_fc_size":768,"pooler_num_attention_heads":12,"pooler_num_fc_layers":3,"pooler_size_per_head":128,"pooler_type":"first_token_transform"`: "", // bert-base-chinese
		bart + `,"_num_labels":3,"normalize_before":false,"add_final_layer_norm":false`:                                                                                                  "", //nolint:misspell // bart-large-cnn spells it so
		llama + `,"model_type":"llama","max_sequence_length":2048,"pad_token_id":-1`:                                                                                                     "", // llama-7b-hf
		llama + `,"model_type":"llama","is_llama_config":true,"rope_interleaved":false,"rope_scaling":null`:                                                                              "", // SmolLM2
		llama + `,"model_type":"qwen2","use_mrope":false,"use_sliding_window":false,"sliding_window":9,"max_window_layers":4`:                                                            "", // Qwen2.5
		llama + `,"model_type":"qwen2","use_mrope":true`:                                                                                                                                 "use_mrope = true: only false or null is implemented",
		llama + `,"model_type":"mistral","sliding_window":4096`:                                                                                                                          "", // Mistral 7B v0.1
		bert + `,"id2label":{"0":"a"},"problem_type":"single_label_classification"`:                                                                                                      "one class is a regression",
		bert + `,"id2label":{"0":"a","1":"b","2":"c"},"problem_type":"regression"`:                                                                                                       "a regression of 3 numbers is not implemented",
		bert + `,"id2label":{"0":"a","1":"b"},"problem_type":"multi_label_classification"`:                                                                                               "only single_label_classification and regression are implemented",
		llama + `,"model_type":"qwen2","layer_types":["sliding_attention"]`:                                                                                                              "layer_types = [\"sliding_attention\"]: only \"full_attention\"",
		llama + `,"model_type":"llama","rope_scaling":{"type":"linear"}`:                                                                                                                 "factor is missing",
		llama + `,"model_type":"llama","rope_scaling":{"type":"dynamic","factor":0}`:                                                                                                     "factor = 0: a number above 0 is wanted",
		llama + `,"model_type":"llama","rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1}`:                                                                             "high_freq_factor is missing",
		llama + `,"model_type":"llama","rope_scaling":{"rope_type":"longrope","short_factor":[1],"long_factor":[2]}`:                                                                     "only default, linear, dynamic, llama3 and yarn are implemented",
	} {
		_, err := model.New(linalg.NewCPU(), model.Config{Path: folder(t, "{"+fields+"}"), Random: true})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", fields, err, want)
		}
	}
}

// A window of attention hides nothing in a text that is no longer than it, and there is no other
// text: it bounds the context.
func TestAttentionWindow(t *testing.T) {
	const shape = `{"vocab_size":23,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":3,"max_position_embeddings":`
	for fields, want := range map[string]int{
		`16,"model_type":"mistral","sliding_window":5}`:                                5,
		`16,"model_type":"mistral","sliding_window":null}`:                             16,
		`16,"model_type":"mistral","sliding_window":99}`:                               16,
		`9999,"model_type":"mistral"}`:                                                 4096, // as transformers has it
		`16,"model_type":"qwen2","use_sliding_window":false,"sliding_window":5}`:       16,
		`16,"model_type":"qwen2","use_sliding_window":true,"sliding_window":5}`:        5,
		`16,"model_type":"qwen2","sliding_window":5,"layer_types":["full_attention"]}`: 16,
	} {
		b := newBase(t, model.Config{Path: folder(t, shape+fields), Random: true})
		if got := b.Config().Context; got != want {
			t.Errorf("%s: a context of %d, want %d", fields, got, want)
		}
	}
}

// Where nothing is tied, BART's encoder and decoder have a table each; a checkpoint with one
// for both gives it to both.
func TestUntiedBART(t *testing.T) {
	config := edited(t, tiny["bart"].config, "tie_word_embeddings", "false")
	c := saved(t, model.Config{Path: folder(t, config), Task: "seq2seq-lm", Random: true, Seed: 4})
	const encoder, decoder, shared = "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "model.shared.weight"
	blobs := weightsOf(t, c)
	var names []string
	for _, b := range blobs {
		names = append(names, b.Name)
	}
	if !slices.Contains(names, encoder) || !slices.Contains(names, decoder) || !slices.Contains(names, "lm_head.weight") || slices.Contains(names, shared) {
		t.Fatalf("saved: %v", names)
	}
	batch := newTexts(newBase(t, c), 2)
	own := logits(t, newBase(t, c), batch, model.Unmerged)

	table := func(name string) linalg.Blob { return blobs[slices.Index(names, name)] }
	same := slices.Clone(blobs)
	same[slices.Index(names, decoder)].Data = table(encoder).Data
	write(t, c, "model.safetensors", same)
	want := logits(t, newBase(t, c), batch, model.Unmerged)
	if sameBits(own, want) {
		t.Error("the decoder does not read a table of its own")
	}
	one := slices.DeleteFunc(slices.Clone(same), func(b linalg.Blob) bool { return b.Name == decoder })
	one[slices.IndexFunc(one, func(b linalg.Blob) bool { return b.Name == encoder })].Name = shared
	write(t, c, "model.safetensors", one)
	if !sameBits(logits(t, newBase(t, c), batch, model.Unmerged), want) {
		t.Error("one table for both is read otherwise")
	}
}

// The bias of a masked-LM head is under either name; where nothing is tied and there are
// two, the decoder's is added.
func TestMaskedLMBias(t *testing.T) {
	for tied, used := range map[string]string{"true": "cls.predictions.bias", "false": "cls.predictions.decoder.bias"} {
		config := edited(t, tiny["bert-mlm"].config, "tie_word_embeddings", tied)
		c := saved(t, model.Config{Path: folder(t, config), Task: "masked-lm", Random: true, Seed: 4})
		blobs := weightsOf(t, c)
		at := slices.IndexFunc(blobs, func(b linalg.Blob) bool { return b.Name == used })
		if at < 0 {
			t.Fatalf("tied %s: %s was not saved", tied, used)
		}
		batch := newTexts(newBase(t, c), 2)
		want := logits(t, newBase(t, c), batch, model.Unmerged)
		other := map[string]string{"cls.predictions.bias": "cls.predictions.decoder.bias", "cls.predictions.decoder.bias": "cls.predictions.bias"}[used]
		renamed := slices.Clone(blobs)
		renamed[at].Name = other
		zeros := linalg.New(linalg.F32, blobs[at].Shape...).Blob(other)
		for what, list := range map[string][]linalg.Blob{"the other name": renamed, "both": append(slices.Clone(blobs), zeros)} {
			write(t, c, "model.safetensors", list)
			if !sameBits(logits(t, newBase(t, c), batch, model.Unmerged), want) {
				t.Errorf("tied %s, %s: the logits differ", tied, what)
			}
		}
	}
}
