"""Writes the tokenizers and vectors of this folder.

python make.py CORPUS  (any English text; the committed files are of tinyshakespeare)

Needs tokenizers 0.23.3 and sentencepiece 0.2.3. Each folder has a small trained tokenizer and
vectors.json: the ids that the tokenizers library gives for each text of texts.json, what it
puts around them, and what it decodes them to. The vectors of llama2c are those of run.c's
encode, written out below. unicode.json is what the library takes each code point for.
"""
import json, os, random, shutil, struct, sys
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models, normalizers as N, pre_tokenizers as P, processors as PP, trainers

here = os.path.dirname(os.path.abspath(__file__))
corpus = open(sys.argv[1]).read()[:300_000].split("\n")
os.chdir(here)

ODD = ["", "a", " ", "  ", "   a", "a  ", "\n", "\n\n a\n", "it's 's 't'' 're're 'RE 'S I'VE", "don''t we'll",
       "1234567 12 1 1806", "a1b2", "Hello, world!  How are you?\n\n\tfine...", "\u00a0x\u00a0 y\u3000 z", "x" * 70,
       "ab" * 60, " " * 30 + "a", "CHAPTER XVIII xxxxxxx", "<|endoftext|>a <|endoftext|>", "a  <mask> b<mask>c", "<s>a</s>", "<pad><unk> y",
       "[CLS] a [SEP][MASK].", "\U0001F600\u200d\U0001F468 é e\u0301 ﷽ ｶﾞ", "'ſ 'K İstanbul ß ẞ ΣΑΣ", "中文字符 日本語 한국어 ไทย",
       "\u0000\u0001\x7f\x85z", "\ufeffa\ufffd\uffff", "a\u00adb\u200bc\u2028d", "$+<=>^`|~ !\"#%&'()*,-./:;?@[\\]_{}", "½ ² Ⅷ ٣ ४ ㊿",
       "_under_ __x__", "\r\n\r\nx\r y", "\t\tif x:\n\t\t\treturn  1\n", "▁▁a ▁ b▁", "<0x41> <0xFF>", "\U0010FFFF\ue000 x", "’s don’t",
       "e\u0301\u0327 n\u0303", "ᄀᄁ각", "aB the THE theabc xyzxy", "do not , stop . it 's n't", "http://a.b/c?d=e&f=g 1e-10 0xFF"]
r = random.Random(7)
POOLS = ["abcdefghij  ' \n\tstrevml's", "ABC xyz'S 123 .,!? ", "éüñçßøåÉ àâ  ", "中日韩文字漢 　。、", "0123456789٠١४५ ½²", "\u200b\u200d\u00a0\u3000\t\n\r\x0b\x85 a1."]
texts = ODD + ["".join(r.choice(r.choice(POOLS)) for _ in range(r.randint(1, 24))) for _ in range(24)]
texts += [line for line in corpus if 20 < len(line) < 70][50:80]


def vectors(folder, encode, frame, decode):
    rows = []
    for s in texts:
        ids, full = encode(s), frame[0] + encode(s) + frame[1]
        row = {"ids": ids}
        for key, skip in ("dec", False), ("skip", True):
            if (d := decode(full, skip)) != s:
                row[key] = d
        rows.append(row)
    with open(folder + "/vectors.json", "w") as f:
        f.write(json.dumps({"before": frame[0], "after": frame[1]}, separators=(",", ":")) + "\n")
        for row in rows:
            f.write(json.dumps(row, separators=(",", ":")) + "\n")


def write(folder, t, vocab=False, wordpiece=False, keep=True):
    os.makedirs(folder, exist_ok=True)
    if vocab:
        t.model.save(folder)
    if keep:
        t.save(folder + "/tokenizer.json", pretty=False)
    a, full = t.encode("a", add_special_tokens=False).ids, t.encode("a").ids
    at = next(i for i in range(len(full)) if full[i:i + len(a)] == a)
    frame = (full[:at], full[at + len(a):])
    for s in texts:
        assert t.encode(s).ids == frame[0] + t.encode(s, add_special_tokens=False).ids + frame[1]
    vectors(folder, lambda s: t.encode(s, add_special_tokens=False).ids, frame, lambda ids, skip: t.decode(ids, skip_special_tokens=skip))


def special(*names):
    return [AddedToken(n, special=True, normalized=False, lstrip=n == "<mask>") for n in names]


json.dump(texts, open("texts.json", "w"))
ALPHABET = P.ByteLevel.alphabet()


def bytelevel(names, size=420):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer, t.decoder = P.ByteLevel(add_prefix_space=False), D.ByteLevel()
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size, special_tokens=special(*names), initial_alphabet=ALPHABET, show_progress=False))
    return t


t = bytelevel(["<|endoftext|>"])
write("gpt2", t, vocab=True)
t = bytelevel(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
t.post_processor = PP.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
write("roberta", t, vocab=True)

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
t = bytelevel(["<|begin_of_text|>", "<|end_of_text|>"])
v = t.get_vocab()
v["Ġtotal"] = len(v)  # no merges lead there: ignore_merges must
merges = json.loads(t.to_str())["model"]["merges"]
t.model = models.BPE(v, [tuple(m) for m in merges], ignore_merges=True)
t.pre_tokenizer = P.Sequence([P.Split(Regex(LLAMA3), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])
t.post_processor = PP.Sequence([PP.ByteLevel(trim_offsets=False), PP.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)])])
write("llama3", t)

# Llama 1 and 2: SentencePiece, and what Hugging Face converts it to.
os.makedirs("llama", exist_ok=True)
sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_prefix="llama/tokenizer", model_type="bpe", vocab_size=400, byte_fallback=True,
                                         normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.999, num_threads=1, minloglevel=2)
os.remove("llama/tokenizer.vocab")
sp = sentencepiece.SentencePieceProcessor(model_file="llama/tokenizer.model")
pieces = [(sp.id_to_piece(i), sp.get_score(i)) for i in range(sp.get_piece_size())]
vocab = {p: i for i, (p, _) in enumerate(pieces)}
merges = []
for piece, score in pieces:
    local = [(piece[:i], piece[i:], score) for i in range(1, len(piece)) if piece[:i] in vocab and piece[i:] in vocab]
    merges += sorted(local, key=lambda m: (vocab[m[0]], vocab[m[1]]))
merges = [m[:2] for m in sorted(merges, key=lambda m: (m[2], len(m[0]), len(m[1])), reverse=True)]


def llama():
    t = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    t.decoder = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    t.add_special_tokens(special("<unk>", "<s>", "</s>"))
    t.post_processor = PP.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return t


write("llama", llama())
# Metaspace, digits, and added tokens with every flag.
t = llama()
t.normalizer = N.Sequence([N.Lowercase(), N.StripAccents(), N.Strip(left=False, right=True), N.Replace("ç", "c")])
t.pre_tokenizer = P.Sequence([P.Metaspace(prepend_scheme="first"), P.Digits(individual_digits=True)])
t.decoder = D.Sequence([D.ByteFallback(), D.Metaspace(prepend_scheme="first"), D.Fuse()])
t.add_tokens([AddedToken("'s", single_word=True), AddedToken("the", single_word=True, lstrip=True), AddedToken("aB", normalized=True, rstrip=True),
              AddedToken("xyz", normalized=False, lstrip=True, rstrip=True), AddedToken("xy", normalized=False), AddedToken("<mask>", lstrip=True)])
write("flags", t)

# llama2.c: the same pieces as its tokenizer.py exports them, and run.c's encode.
os.makedirs("llama2c", exist_ok=True)
scores = [s for _, s in pieces]
names = [(p if i < 259 and i > 2 else "\n%s\n" % p if i in (1, 2) else p.replace("▁", " ")).encode() for i, (p, _) in enumerate(pieces)]
with open("llama2c/tok400.bin", "wb") as f:
    f.write(struct.pack("<i", max(map(len, names))))
    for n, s in zip(names, scores):
        f.write(struct.pack("<fi", s, len(n)) + n)
lookup = {}
for i, n in enumerate(names):
    lookup.setdefault(n, i)


def runc(text):
    out = [lookup[b" "]] if text else []
    for ch in text:
        b = ch.encode()
        out += [lookup[b]] if b in lookup else [x + 3 for x in b]
    while True:
        best, at = -1e10, -1
        for i in range(len(out) - 1):
            m = lookup.get(names[out[i]] + names[out[i + 1]])
            if m is not None and scores[m] > best:
                best, at, to = scores[m], i, m
        if at < 0:
            return out
        out[at:at + 2] = [to]


def undo(ids, skip):
    b = b"".join(bytes([i - 3]) if 3 <= i < 259 else names[i] for i in ids if not (skip and i < 3)).decode()
    return b.removeprefix(" ")


vectors("llama2c", runc, ([1], []), undo)

# BERT
t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
t.normalizer, t.pre_tokenizer, t.decoder = N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece()
t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=420, special_tokens=special("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), show_progress=False))
t.post_processor = PP.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
write("bert", t, vocab=True)

# Unigram: a SentencePiece model with a table of replacements of its own, and a tokenizer.json.
os.makedirs("unigram", exist_ok=True)
with open("rules.tsv", "w") as f:  # full-width letters, accents, spaces; keys of which one begins another
    f.write("FF41\t61\n61 301\tE1\n61 301 327\t61\nE9\t65\n9\t20\nA\t20\n3000\t20\nAD\t\n2026\t2E 2E 2E\n78 78 78\t79\n")


def train(prefix, **more):
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_prefix=prefix, model_type="unigram", vocab_size=380,
                                             num_threads=1, minloglevel=2, **more)
    os.remove(prefix + ".vocab")
    return sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")


sp = train("unigram/tokenizer", normalization_rule_tsv="rules.tsv", user_defined_symbols=["<sep>"])
names3 = [sp.id_to_piece(i) for i in range(3)]
with open("unigram/vectors.json", "w") as f:
    f.write('{"before":[],"after":[]}\n')
    for s in texts:
        # sentencepiece does not look for special tokens, and shows what is unknown in its own way
        row = {}
        if not any(n in s for n in names3) and "\0" not in s:
            row["ids"] = sp.encode(s)
            row["dec"] = sp.decode(row["ids"]).replace(" \u2047 ", "<unk>")
            row["skip"] = sp.decode([i for i in row["ids"] if i > 2])
        f.write(json.dumps(row, separators=(",", ":")) + "\n")
os.remove("rules.tsv")

sp = train("plain", normalization_rule_name="identity", byte_fallback=True)
os.remove("plain.model")
t = Tokenizer(models.Unigram([(sp.id_to_piece(i), round(sp.get_score(i), 4)) for i in range(sp.get_piece_size())], unk_id=0, byte_fallback=True))
t.normalizer, t.pre_tokenizer, t.decoder = N.Sequence([N.Strip(left=True, right=False)]), P.Metaspace(split=False), D.Sequence([D.ByteFallback(), D.Metaspace()])
t.add_special_tokens(special("<unk>", "<s>", "</s>"))
t.post_processor = PP.BertProcessing(("</s>", 2), ("<s>", 1))
write("unigram-json", t)

# What each code point is, as ranges from lo to hi, and what becomes of capitals.
points = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def ranges(hit):
    out = []
    for c in points:
        if hit(chr(c)):
            if out and out[-1][1] == c - 1:
                out[-1][1] = c
            else:
                out.append([c, c])
    return out


def cuts(p, around):
    return ranges(lambda c: len(p.pre_tokenize_str(around + c + around)) > 1)


def becomes(n, to):
    return ranges(lambda c: n.normalize_str("a" + c + "b") == to)


def bert(**on):
    return N.BertNormalizer(**{**dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False), **on})


json.dump({
    "letter": cuts(P.Split(Regex(r"\p{L}"), "isolated"), ","),
    "number": cuts(P.Split(Regex(r"\p{N}"), "isolated"), "a"),
    "space": cuts(P.Split(Regex(r"\s"), "isolated"), "a"),
    "cuts": cuts(P.BertPreTokenizer(), "a"),
    "dropped": becomes(bert(clean_text=True), "ab"),
    "blank": becomes(bert(clean_text=True), "a b"),
    "accent": becomes(bert(strip_accents=True), "ab"),
    "combining": becomes(N.StripAccents(), "ab"),
    "chinese": ranges(lambda c: bert(handle_chinese_chars=True).normalize_str(c) != c),
    "lower": {c: n for c in map(chr, points) if (n := N.Lowercase().normalize_str(c)) != c},
}, open("unicode.json", "w"), ensure_ascii=False, separators=(",", ":"))
