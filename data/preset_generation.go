package data

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gradientlearning/cola/data/table"
)

// phraseBankLabels are the classes of Financial PhraseBank, which are written out as targets.
var phraseBankLabels = []string{"negative", "neutral", "positive"}

// phraseBank reads a sentence of Financial PhraseBank: the target is the name of its label.
func phraseBank(row table.Row) ([]sample, error) {
	sentence, err := row.Text("sentence")
	if err != nil {
		return nil, err
	}
	label, err := oneOf(row, "label", phraseBankLabels)
	if err != nil {
		return nil, err
	}
	return written(sentence, phraseBankLabels[label], label), nil
}

// written returns a sample with one reference, its target.
func written(source, target string, category int) []sample {
	return []sample{{source: source, target: target, references: []string{target}, category: category}}
}

// wikiSQL reads a question: the text is "question: … table: …", without the table where the
// file has none. Table and target, the query, are objects written as Python writes them.
func wikiSQL(row table.Row) ([]sample, error) {
	question, err := row.Text("question")
	if err != nil {
		return nil, err
	}
	source := "question: " + question
	if v, ok := row.Value("table"); ok {
		source += " table: " + asText(v)
	}
	v, ok := row.Value("sql")
	if !ok {
		_, err := row.Text("sql")
		return nil, err
	}
	return written(source, asText(v), 0), nil
}

// asText returns text as it is, and other values as Python writes them.
func asText(v table.Value) string {
	if text, ok := v.(string); ok {
		return text
	}
	return table.Literal(v)
}

// dialogue reads a dialogue of SAMSum or DialogSum and its summary, or summaries.
func dialogue(row table.Row) ([]sample, error) {
	text, err := row.Text("dialogue")
	if err != nil {
		return nil, err
	}
	if row.Has("summary") || !row.Has("summary1") {
		summary, err := row.Text("summary")
		return written(text, summary, 0), err
	}
	s := sample{source: text}
	for i := 1; row.Has(fmt.Sprintf("summary%d", i)); i++ {
		summary, err := row.Text(fmt.Sprintf("summary%d", i))
		if err != nil {
			return nil, err
		}
		s.references = append(s.references, summary)
	}
	s.target = s.references[0]
	return []sample{s}, nil
}

// restaurant reads a meaning representation of the E2E challenge and one text for it.
func restaurant(row table.Row) ([]sample, error) {
	meaning, err := row.Text(either(row, "meaning_representation", "mr"))
	text, err2 := row.Text(either(row, "human_reference", "ref"))
	return written(meaning, text, 0), errors.Join(err, err2)
}

// webNLGCategories are those of WebNLG 1 to 3: the ten that the challenge of 2017 trained
// on, the five that it kept for its test, and what came later.
var webNLGCategories = []string{
	"Airport", "Astronaut", "Building", "City", "ComicsCharacter", "Food", "Monument", "SportsTeam", "University", "WrittenWork",
	"Artist", "Athlete", "CelestialBody", "MeanOfTransportation", "Politician",
	"Company", "Film", "MusicalWork", "Scientist",
}

// webNLG reads a set of triples: "category: …, mtriple_set: a | b | c - d | e | f", one
// example for each good text; all of them are references of each.
func webNLG(row table.Row) ([]sample, error) {
	category, err := row.Text("category")
	if err != nil {
		return nil, err
	}
	number, err := oneOf(row, "category", webNLGCategories)
	if err != nil {
		return nil, err
	}
	triples, err := webNLGTriples(row)
	if err != nil {
		return nil, err
	}
	good, err := webNLGTexts(row)
	if err != nil {
		return nil, err
	}
	samples := make([]sample, len(good))
	for i, text := range good {
		samples[i] = sample{source: "category: " + category + ", mtriple_set: " + triples, target: text, references: good, category: number}
	}
	return samples, nil
}

// webNLGTriples returns the triples of a set joined by " - ", and sets by " ; ".
func webNLGTriples(row table.Row) (string, error) {
	if row.Has("triples") {
		triples, err := row.Texts("triples")
		return strings.Join(triples, " - "), err
	}
	sets, err := row.List(either(row, "modified_triple_sets.mtriple_set", "mtriple_set"))
	if err != nil {
		return "", err
	}
	return joined(row, "modified_triple_sets.mtriple_set", sets)
}

// joined returns lists of texts: each joined by " - ", and all by " ; ".
func joined(row table.Row, column string, lists []table.Value) (string, error) {
	parts := make([]string, len(lists))
	for i, list := range lists {
		values, ok := list.([]table.Value)
		words := make([]string, len(values))
		for j, v := range values {
			var isText bool
			words[j], isText = v.(string)
			ok = ok && isText
		}
		if !ok {
			return "", row.Errorf(column, "entry %d is not a list of texts", i+1)
		}
		parts[i] = strings.Join(words, " - ")
	}
	return strings.Join(parts, " ; "), nil
}

// webNLGTexts returns the texts of a set, without those that are not said to be good.
func webNLGTexts(row table.Row) ([]string, error) {
	if row.Has("refs") {
		return texts(row, "refs", "text")
	}
	all, err := texts(row, "lex", "text")
	if err != nil {
		return nil, err
	}
	comments, err := texts(row, "lex", "comment")
	if err != nil || len(comments) != len(all) {
		return nil, errors.Join(row.Errorf("lex", "there are %d comments on %d texts", len(comments), len(all)), err)
	}
	good := all[:0]
	for i, text := range all {
		if comments[i] == "good" {
			good = append(good, text)
		}
	}
	return good, nil
}

// dart reads a set of triples: "source: …, tripleset: a - b - c ; d - e - f". The target is
// its first text; all are references.
func dart(row table.Row) ([]sample, error) {
	column := either(row, "tripleset", "triples")
	triples, err := row.List(column)
	if err != nil {
		return nil, err
	}
	set, err := joined(row, column, triples)
	if err != nil {
		return nil, err
	}
	annotations := either(row, "annotations", "refs")
	all, err := texts(row, annotations, "text")
	if err != nil {
		return nil, err
	}
	sources, err := texts(row, annotations, "source")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 || len(sources) == 0 {
		return nil, row.Errorf(annotations, "there is no text: leave the row out")
	}
	return []sample{{source: "source: " + sources[0] + ", tripleset: " + set, target: all[0], references: all}}, nil
}

// dollyCategories are the categories of Dolly in the order of the ColA paper, whose
// participant k has category k.
var dollyCategories = []string{
	"classification", "information_extraction", "summarization", "brainstorming",
	"creative_writing", "open_qa", "closed_qa", "general_qa",
}

// dolly reads an instruction: "instruction: … context: … response: ", the context empty or
// not.
func dolly(row table.Row) ([]sample, error) {
	var cells [3]string
	for i, column := range []string{"instruction", "context", "response"} {
		var err error
		if cells[i], err = row.Text(column); err != nil {
			return nil, err
		}
	}
	category, err := oneOf(row, "category", dollyCategories)
	if err != nil {
		return nil, err
	}
	return written("instruction: "+cells[0]+" context: "+cells[1]+" response: ", cells[2], category), nil
}
