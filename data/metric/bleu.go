package metric

import "math"

// bleuOrder is the length of the longest runs of words that BLEU counts.
const bleuOrder = 4

// BLEU returns the BLEU score (Papineni et al. 2002) of all predictions together, 0 to 100:
//
//	100 · bp · (p_1·p_2·p_3·p_4)^¼    with bp = min(1, exp(1 − reference/prediction words))
//
// where p_n is the part of the predictions' runs of n words that their references have, no
// run counted more often than the reference that has it most; the length of a reference is
// that of the one nearest to its prediction, the shorter of two. An order without a hit gets
// p_n = 1/(2^k·runs), for the k-th such order ("exponential smoothing"). It is 0 where no
// word is right, or where no prediction has four words.
//
// It is sacreBLEU's corpus_bleu with its defaults, signature
// case:mixed|eff:no|tok:13a|smooth:exp. The other tokenizers and smoothings of sacreBLEU,
// and effective order, are not here: do not compare with numbers of those signatures.
func BLEU(predictions []string, references [][]string) (float64, error) {
	if err := referenced(predictions, references); err != nil {
		return 0, err
	}
	var c bleuCounts
	for i, p := range predictions {
		c.add(p, references[i])
	}
	return c.score(), nil
}

// bleuCounts is what BLEU is made from: words on either side, and runs by their length.
type bleuCounts struct {
	said, wanted int
	hits, runs   [bleuOrder]int
}

func (c *bleuCounts) add(prediction string, references []string) {
	words := bleuWords(prediction)
	nearest := 0
	var most [bleuOrder]map[string]int
	for i, reference := range references {
		r := bleuWords(reference)
		off, best := distance(len(r), len(words)), distance(nearest, len(words))
		if i == 0 || off < best || off == best && len(r) < nearest {
			nearest = len(r)
		}
		for n := range most {
			for run, count := range counted(r, n+1) {
				if most[n] == nil {
					most[n] = map[string]int{}
				}
				most[n][run] = max(most[n][run], count)
			}
		}
	}
	c.said += len(words)
	c.wanted += nearest
	for n := range c.hits {
		for run, count := range counted(words, n+1) {
			c.runs[n] += count
			c.hits[n] += min(count, most[n][run])
		}
	}
}

func distance(a, b int) int { return max(a-b, b-a) }

func (c *bleuCounts) score() float64 {
	if c.hits[0] == 0 || c.runs[bleuOrder-1] == 0 {
		return 0
	}
	sum, smooth := 0.0, 1.0
	for n, hits := range c.hits {
		p := 100 * float64(hits) / float64(c.runs[n])
		if hits == 0 {
			smooth *= 2
			p = 100 / (smooth * float64(c.runs[n]))
		}
		sum += math.Log(p)
	}
	brevity := 1.0
	if c.said < c.wanted {
		brevity = math.Exp(1 - float64(c.wanted)/float64(c.said))
	}
	return brevity * math.Exp(sum/bleuOrder)
}
