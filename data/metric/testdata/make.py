"""Makes golden.json.gz and stems.txt.gz, which the tests of this package hold it against.

Run by hand, from this folder: python make.py SHARED
with rouge-score 0.1.2, sacrebleu 2.6.0, scikit-learn 1.9.1, scipy 1.17.1, nltk 3.10.4.
SHARED is a folder with data/text/tinyshakespeare_first90.txt (public domain) and, for the
scores of real lines, data/e2e/devset.csv, data/dart/dev.jsonl and data/dolly/dolly15k.jsonl;
of these three only row numbers and scores are written.
"""

import csv
import gzip
import json
import math
import random
import re
import sys
import warnings

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer, tokenize
from sacrebleu.metrics import BLEU
from scipy import stats
from sklearn import metrics

warnings.simplefilter("ignore")
shared = sys.argv[1] + "/data/"
rng = random.Random(20261123)
KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
plain = rouge_scorer.RougeScorer(KINDS)
stemmed = rouge_scorer.RougeScorer(KINDS, use_stemmer=True)
porter = PorterStemmer()
bleu = BLEU()

HOSTILE = [
    "", " ", "\n", "\t \n ", ".", "...", "a", "A", "0", "42", "!?", "-", "--", "a-b", "well-known",
    "3.14", "1,000,000.50", "$1,234.56!", "7-8", "7 - 8", "7-year-old", "x.y", ".5", "5.", ",5", "5,", "1.,2", "a.,b", ".,.,", "..5..",
    "don't", "it's the dogs' bowl", "rock'n'roll", "O'Neill", "\"quoted\"", "``old quotes''",
    "(brackets) [square] {curly} <angle>", "a&b", "&quot;hi&quot;", "AT&amp;T", "&amp;lt;", "&lt;b&gt;", "&amp;quot;", "&nbsp;",
    "<skipped>", "a <skipped> b", "hyphen-\nated", "hyphen- \nated", "end-\n", "a\nb", "a\r\nb", "a\rb", "a\n\nb\n", "\n\na\n",
    "tab\tseparated\twords", "nbsp\u00a0between", "thin\u2009space", "ideographic\u3000space", "line\u2028sep", "para\u2029sep",
    "nel\u0085here", "fs\x1cgs\x1drs\x1eus\x1fend", "vt\x0bff\x0c", "zero\u200bwidth", "bom\ufeff", "nul\x00byte", "\x1c", "trail\x1f",
    "caf\u00e9", "cafe\u0301", "na\u00efve r\u00e9sum\u00e9", "stra\u00dfe STRASSE", "\u0130stanbul I\u0307stanbul istanbul", "\u0131\u0130iI",
    "300 \u212a kelvin K", "\u212aelvin", "\u00c5ngstr\u00f6m", "\ufb01nd \ufb02y", "\uff21\uff22\uff23", "\uff11\uff12\uff13", "\u0661\u0662\u0663", "\u00bd \u00b2",
    "\u4f60\u597d\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f a", "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440", "\u0645\u0631\u062d\u0628\u0627", "\U0001f600 smile \U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001d400\U0001d401",
    "\u2018single\u2019 \u201cdouble\u201d", "em\u2014dash en\u2013dash", "ellipsis\u2026", "20 \u00b0C", "\u20ac5", "\u03a3\u03a3 \u03c3\u03c2",
    "the the the the", "the the the the the the the the", "a a a a b", "b a a a a", "a b a b a b a b", "b a b a b a b a",
    "the cat sat on the mat", "on the mat sat the cat", "The Cat sat on THE mat.", "the cat\nsat on\nthe mat", "the mat\nthe cat sat",
    "the cats were sitting on the mats", "running runner runs ran", "flies died tied skies dying", "organization organizations organizational",
    "generally radically hopefully geologically archaeology", "agreed feed proceeding succeed innings", "yyyyyy yyying toyyed", "eeeee ssss lllll aeiou",
    "aaaaa1ing x9ed 123ies 4444s", "positive", "neutral", "negative", "Positive.", "un_der_score snake_case", "C++ C# F#", "e.g. i.e. U.S.A.", "10:30 a.m.",
    "http://example.org/a-b?c=d&e=f", "user@example.org", "/usr/bin/env", "50% off", "#1", "2*3=6", "a|b", "x^2", "~tilde~", "back\\slash", "semi;colon:",
    "{'human_readable': 'SELECT name FROM table WHERE age > 30'}", "SELECT count(*) FROM t WHERE a = 'b'",
]

lines = [l for l in open(shared + "text/tinyshakespeare_first90.txt", encoding="utf-8").read().split("\n") if 8 < len(l) < 90]
POOL = ("the a cat dog dogs sat sitting on in mat mats quick quickly brown foxes jumped over lazy running restaurant "
        "restaurants near river serves French food , . ; : ! ? - ' \" 3 12 3.5 1,200 priced rated family friendly").split(" ")


def made(longest):
    words = [rng.choice(POOL) for _ in range(rng.randint(1, longest))]
    return "".join(w + rng.choice([" ", " ", " ", "", "  ", "\n"]) for w in words)


def near(text):
    """A text that shares much with the given one."""
    words = text.split(" ")
    for _ in range(rng.randint(0, 3)):
        i = rng.randrange(len(words))
        words[i:i + 1] = rng.choice([[], [words[i], words[i]], [rng.choice(POOL)], [words[i].upper()], [words[i] + ","]])
        if not words:
            break
    return " ".join(words)


def overlaps(scorer, references, prediction):
    s = scorer.score_multi(references, prediction)
    return [list(s[k]) for k in KINDS]


def corpus(predictions, references):
    # sacreBLEU wants the k-th references of all, and None where there is no k-th.
    most = max(map(len, references))
    return bleu.corpus_score(predictions, [[r[k] if k < len(r) else None for r in references] for k in range(most)]).score


pairs = []
for i, t in enumerate(HOSTILE):
    pairs.append((t, [t]))
    pairs.append((t, [rng.choice(HOSTILE)]))
    pairs.append((rng.choice(HOSTILE) + " " + t, [t + " " + rng.choice(HOSTILE), t]))
for _ in range(200):
    t = made(rng.choice([3, 8, 20, 60]))
    pairs.append((near(t), [near(t) for _ in range(rng.randint(1, 4))]))
for _ in range(60):
    i = rng.randrange(len(lines) - 4)
    t = rng.choice([" ", "\n"]).join(lines[i:i + rng.randint(1, 3)])
    pairs.append((near(t), [near(t), lines[i + 3]][:rng.randint(1, 2)]))
texts = [{"prediction": p, "references": r, "plain": overlaps(plain, r, p), "stemmed": overlaps(stemmed, r, p), "bleu": corpus([p], [r])} for p, r in pairs]

corpora = [list(range(len(pairs)))]
for size in [2, 3, 5, 10, 50] * 8:
    corpora.append([rng.randrange(len(pairs)) for _ in range(size)])
corpora = [{"pairs": c, "bleu": corpus([pairs[i][0] for i in c], [pairs[i][1] for i in c]),
            "exact": sum(pairs[i][0] in pairs[i][1] for i in c) / len(c)} for c in corpora]

seen = sorted({t for p, r in pairs for t in [p, *r]})
tokens = [{"text": t, "rouge": tokenize.tokenize(t, None), "stems": tokenize.tokenize(t, porter),
           "bleu": bleu.tokenizer(t.rstrip()).split()} for t in seen]

classes = []
for k in [1, 2, 2, 2, 2, 3, 3, 5, 20]:
    for n in [1, 2, 3, 10, 57, 200]:
        labels = [rng.randrange(k) for _ in range(n)]
        right = rng.random()
        said = [l if rng.random() < right else rng.randrange(-1 if k > 2 else 0, k) for l in labels]
        classes.append((said, labels))
for said, labels in [([0, 0, 0], [0, 0, 0]), ([0, 0], [1, 1]), ([1, 1], [1, 1]), ([0, 1, 0, 1], [1, 0, 1, 0]), ([0, 0, 0, 0], [0, 1, 0, 1]),
                     ([0, 1, 0, 1], [1, 1, 1, 1]), ([7, -3, 7], [7, 7, -3])]:
    classes.append((said, labels))
classes = [{"said": p, "labels": l, "accuracy": metrics.accuracy_score(l, p),
            "f1": metrics.f1_score(l, p) if set(l) | set(p) <= {0, 1} else metrics.f1_score(l, p, labels=[1], average="macro"),
            "macro": metrics.f1_score(l, p, average="macro"), "matthews": metrics.matthews_corrcoef(l, p)} for p, l in classes]

values = []
for n in [2, 3, 4, 10, 60]:
    for noise in [0, 0.1, 1, 10]:
        for rounded in [False, True]:
            for offset, scale in [(0, 1), (1e6, 1), (-3, 1e-200), (0, 1e200)]:
                true = [rng.uniform(0, 5) for _ in range(n)]
                said = [v * rng.choice([1, 1, 1, -1]) + rng.gauss(0, noise) for v in true]
                if rounded:
                    true, said = [float(round(v)) for v in true], [float(round(v)) for v in said]
                values.append(([offset + scale * v for v in said], true))
values += [([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0, 2.0], [0.1, 0.1]), ([0.1] * 10, [0.1] * 10), ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]),
           ([1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 2.0, 3.0]), ([0.0, 0.0, 1.0], [0.0, 1.0, 0.0])]
finite = lambda v: None if math.isnan(v) else float(v)
values = [{"said": p, "true": t, "pearson": finite(stats.pearsonr(p, t).statistic), "spearman": finite(stats.spearmanr(p, t).statistic)} for p, t in values]

real = []
sets = {
    "e2e/devset.csv": [r["ref"] for r in csv.DictReader(open(shared + "e2e/devset.csv", encoding="utf-8", newline=""))],
    "dart/dev.jsonl": [json.loads(l)["refs"][0]["text"] for l in open(shared + "dart/dev.jsonl", encoding="utf-8")],
    "dolly/dolly15k.jsonl": [json.loads(l)["response"] for l in open(shared + "dolly/dolly15k.jsonl", encoding="utf-8")],
}
for name, rows in sets.items():
    for _ in range(25):
        i = rng.randrange(len(rows) - 5)
        while max(map(len, rows[i:i + 5])) > 1000:
            i = rng.randrange(len(rows) - 5)
        p, r = rows[i], rows[i + 1:i + 1 + rng.randint(1, 4)]
        real.append({"file": name, "row": i, "references": len(r), "plain": overlaps(plain, r, p), "stemmed": overlaps(stemmed, r, p), "bleu": corpus([p], [r])})


def pack(path, text):
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
        z.write(text.encode("utf-8"))


pack("golden.json.gz", json.dumps({"texts": texts, "corpora": corpora, "tokens": tokens, "classes": classes, "values": values, "real": real}, allow_nan=False))

# Stems: words of Shakespeare's, endings of every rule behind stems of every shape, and noise.
words = set(re.findall("[a-z]+", open(shared + "text/tinyshakespeare_first90.txt", encoding="utf-8").read().lower()))
words = set(rng.sample(sorted(words), 4000))
ENDINGS = ("s es ies sses ss ed eed ied ing y ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism iveness fulness ousness "
           "aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti "
           "ous ive ize e ll le lle ably ally ently ely ously fully logy ality ivity bility edly ingly alli allialli yed ying ating bling izing").split()
for s in "b a y tr by oat tree hop fil fail toy syzyg control geo archae troubl relat happ enjo x9 ion st ell bow box".split():
    words |= {s + e for e in ENDINGS}
for _ in range(1500):
    words.add("".join(rng.choice("aaeeiioouyyybcdlnstz1") for _ in range(rng.randint(1, 9))) + rng.choice(ENDINGS + [""] * 20))
words |= set(porter.pool) | {"".join("y" * n) for n in range(1, 9)}
pack("stems.txt.gz", "".join(f"{w} {porter.stem(w)}\n" for w in sorted(words)))
print(len(texts), "pairs", len(tokens), "texts", len(corpora), "corpora", len(classes), "classes", len(values), "values", len(real), "real", len(words), "words")
