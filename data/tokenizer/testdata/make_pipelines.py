"""Writes pipelines.json.gz and normal.json.gz of this folder.

python make_pipelines.py   (needs tokenizers 0.23.3)

pipelines.json.gz has normalisers, pre-tokenizers and added tokens, and the ids of some texts with
each, and the ranges of what \\w is. The model is a WordPiece whose tokens are single characters, "##" before those inside a
piece, so that the ids show where a text is cut. normal.json.gz has texts and their normal forms
NFC, NFD, NFKC and NFKD; most are rows of marks.
"""
import gzip, json, os, random
from tokenizers import Tokenizer, normalizers as N, pre_tokenizers as P

os.chdir(os.path.dirname(os.path.abspath(__file__)))
texts = ["", "a", " ", " a", "a ", "  a  b ", "a-b--c-", "--a", "a, b!c", "!?a", "ab  abab", "abab", "a_b1 2c", "\u0301a", "a\u0301 b", "\u0897a\u0898",
         "a\tb\nc", "A bB", "aXb XX", "a b<m>  c", "<m>a", "  <m>", "<m> <m>", "a.b..c", "1a22", "\u200ba", "-a b", "aab", "é", "\u1e0b\u0323", "ab-a", "\U000107a1b"]
alphabet = sorted({c for t in texts for c in t + t.lower()} | set("▁_xy"))
vocab = {"?": 0}
for c in alphabet:
    vocab.setdefault(c, len(vocab))
    vocab.setdefault("##" + c, len(vocab))
hows = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
split = lambda s, how: {"type": "Split", "pattern": {"String": s}, "behavior": how, "invert": False}
first = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
both = lambda *all: {"type": "Sequence", "pretokenizers": list(all)}
strip = {"type": "Strip", "strip_left": True, "strip_right": False}
replace = lambda old, new: {"type": "Replace", "pattern": {"String": old}, "content": new}
bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": True, "lowercase": False}
added = lambda **flags: [{"id": len(vocab), "content": "<m>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}]
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

cases = [(None, {"type": "Punctuation", "behavior": how}, []) for how in hows]
cases += [(None, split(s, how), []) for s in ("ab", "-", " ") for how in hows]
cases += [(None, {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": how, "invert": how == "Removed"}, []) for how in hows[:4]]
cases += [(None, {"type": "Whitespace"}, []), (None, {"type": "WhitespaceSplit"}, []), (None, {"type": "CharDelimiterSplit", "delimiter": "-"}, [])]
cases += [(None, {"type": "Digits", "individual_digits": each}, []) for each in (True, False)]
# Which piece is the first, if what stands before it is dropped.
cases += [(None, both(p, first), []) for p in ({"type": "WhitespaceSplit"}, {"type": "Whitespace"}, {"type": "BertPreTokenizer"}, split("-", "Removed"), {"type": "Punctuation", "behavior": "Removed"})]
cases += [(n, first, added()) for n in (strip, {"type": "StripAccents"}, bert, replace("a", ""), replace("ab", "x"), replace("a", "xy"),
                                        {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, strip]})]
# Added tokens that eat spaces, and those that normalisation changes.
spaces = lambda **flags: [{"id": len(vocab), "content": " ", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}]
cases += [(None, None, make(**{f: True for f in flags})) for make in (added, spaces) for flags in (["lstrip"], ["rstrip"], ["lstrip", "rstrip"], ["single_word"])]
cases += [(replace("<", "_"), None, added(normalized=True, special=True)), ({"type": "Prepend", "prepend": "▁"}, None, added(normalized=True, special=True))]

rows = []
for normalizer, pre, tokens in cases:
    parts = {"added_tokens": tokens, "normalizer": normalizer, "pre_tokenizer": pre, "post_processor": None, "decoder": None}
    model = {"type": "WordPiece", "unk_token": "?", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab}
    t = Tokenizer.from_str(json.dumps({"version": "1.0", "truncation": None, "padding": None, **parts, "model": model}))
    ids = [t.encode(s).ids for s in texts]
    rows.append({"parts": parts, "ids": ids, "skipped": [t.decode(i, skip_special_tokens=True) for i in ids]})
word, whitespace = [], P.Whitespace()
for c in range(0x110000):
    if not 0xD800 <= c <= 0xDFFF and len(whitespace.pre_tokenize_str("a" + chr(c) + "a")) == 1:
        if word and word[-1][1] == c - 1:
            word[-1][1] = c
        else:
            word.append([c, c])


def write(name, value):
    with open(name, "wb") as f:
        f.write(gzip.compress(json.dumps(value, separators=(",", ":")).encode(), mtime=0))


write("pipelines.json.gz", {"vocab": vocab, "texts": texts, "cases": rows, "word": word})

r = random.Random(5)
HOT = list("\u0301\u0327\u0323\u0307\u034f\u302e\u0344\u0334\u09be\u09c7\u0bbe\u0b92\u0bd7\u0dca\u0dd9\u1161\u11a8\u1100각가가ae ﬁé\u1abf\U00011930\U00011935\U000107a1\U000e0113")
words = ["a\u09be\u0334\u0301", "\U000e0113\u0301", "a" + "\u0301" * 40 + "\u0327", "e" + "\u0323\u0301" * 35, "\U00011935\U00011930"]
words += ["".join(r.choice(HOT) for _ in range(r.randint(2, 12) if r.random() < .9 else 60)) for _ in range(120)]
forms = [N.NFC(), N.NFD(), N.NFKC(), N.NFKD()]
write("normal.json.gz", [[w] + [n.normalize_str(w) for n in forms] for w in words])
