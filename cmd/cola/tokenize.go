package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gradientlearning/cola/data/tokenizer"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/protocol"
)

// tokenizeVerb is cola tokenize.
type tokenizeVerb struct {
	Tokenizer string   `required:"" placeholder:"FOLDER" help:"Folder with tokenizer.json, vocab.json and merges.txt, vocab.txt, tokenizer.model or tok*.bin; or one of these files."`
	Decode    bool     `help:"Make texts of ids, which are separated by spaces or commas."`
	Special   bool     `help:"Put the special tokens around that the model expects; with --decode, show them."`
	Count     bool     `xor:"form" help:"Print how many tokens a text has."`
	Tokens    bool     `xor:"form" help:"Print the tokens as the vocabulary writes them, with tabs between."`
	JSON      bool     `xor:"form" help:"Print one JSON object a text."`
	Texts     []string `arg:"" optional:"" name:"text" help:"Texts; without one the lines of standard input."`
}

// Help is the text of cola tokenize --help.
func (*tokenizeVerb) Help() string {
	return `Prints the token ids of texts, a line a text, as Hugging Face's tokenizers library makes them; or the texts of ids. What a tokenizer's files ask for and cola does not have is refused by name.

Example: cola tokenize --tokenizer gpt2 --tokens "The sea is"`
}

// tokenized is one text and its ids, as --json prints it.
type tokenized struct {
	Text   string   `json:"text"`
	IDs    []int32  `json:"ids"`
	Tokens []string `json:"tokens"`
}

// Run goes through the texts one by one, so that standard input may be of any length.
func (v *tokenizeVerb) Run(env *cli.Env) error {
	t, err := tokenizer.Open(v.Tokenizer)
	if err != nil {
		return protocol.Faultf(protocol.CodeBadData, "point --tokenizer at the folder of a model in Hugging Face layout", "%w", err)
	}
	out := bufio.NewWriter(env.Stdout)
	for _, text := range v.Texts {
		if err := v.one(out, t, text); err != nil {
			return err
		}
	}
	if len(v.Texts) == 0 {
		if err := v.lines(out, t, os.Stdin); err != nil {
			return err
		}
	}
	return out.Flush()
}

// lines goes through the lines of standard input.
func (v *tokenizeVerb) lines(out io.Writer, t *tokenizer.Tokenizer, in io.Reader) error {
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if err := v.one(out, t, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
	}
}

// one prints what becomes of one text, or of the ids that it has with --decode.
func (v *tokenizeVerb) one(out io.Writer, t *tokenizer.Tokenizer, text string) error {
	var ids []int32
	switch {
	case v.Decode:
		var err error
		if ids, err = parseIDs(t, text); err != nil {
			return err
		}
		text = t.Decode(ids, !v.Special)
	case v.Special:
		ids = t.EncodeSpecial(text)
	default:
		ids = t.Encode(text)
	}
	return v.print(out, tokenized{text, ids, tokensOf(t, ids)})
}

func (v *tokenizeVerb) print(out io.Writer, one tokenized) error {
	var err error
	switch {
	case v.JSON:
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		err = enc.Encode(one)
	case v.Count:
		_, err = fmt.Fprintln(out, len(one.IDs))
	case v.Tokens:
		_, err = fmt.Fprintln(out, strings.Join(one.Tokens, "\t"))
	case v.Decode:
		_, err = fmt.Fprintln(out, one.Text)
	default:
		_, err = fmt.Fprintln(out, strings.Trim(fmt.Sprint(one.IDs), "[]"))
	}
	return err
}

func tokensOf(t *tokenizer.Tokenizer, ids []int32) []string {
	tokens := make([]string, len(ids))
	for i, id := range ids {
		tokens[i], _ = t.Token(id)
	}
	return tokens
}

// parseIDs reads ids that the tokenizer has.
func parseIDs(t *tokenizer.Tokenizer, text string) ([]int32, error) {
	ids := []int32{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t,[]", r) }) {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, protocol.Faultf(protocol.CodeUsage, "with --decode a text is ids, as in 15496 995", "%q is not an id", word)
		}
		if _, ok := t.Token(int32(id)); !ok {
			return nil, protocol.Faultf(protocol.CodeBadData, "use the tokenizer that made the ids", "no token has the id %d; the vocabulary ends at %d", id, t.Vocabulary()-1)
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}
