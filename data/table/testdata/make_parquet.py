"""Writes the Parquet files beside it with pyarrow, the writer of most published data sets.

    pip install pyarrow==26.0.1 && python make_parquet.py

The rows are in expected.json, written from the same Python objects.
"""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq

here = os.path.dirname(os.path.abspath(__file__))

schema = pa.schema(
    [
        ("text", pa.string()),
        ("label", pa.int64()),
        ("small", pa.uint8()),
        ("score", pa.float32()),
        ("wide", pa.float64()),
        ("flag", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("triples", pa.list_(pa.list_(pa.string()))),
        ("sql", pa.struct([("sel", pa.int32()), ("conds", pa.struct([("index", pa.list_(pa.int32())), ("text", pa.list_(pa.string()))]))])),
        ("refs", pa.list_(pa.struct([("source", pa.string()), ("text", pa.string())]))),
    ]
)


def row(i):
    return {
        "text": None if i % 7 == 6 else f"row {i} says \u00e4\U0001f600 {'again ' * (i % 5)}",
        "label": i % 3 - 1,
        "small": (i * 37) % 256,
        "score": i / 4,
        "wide": 1 / (i + 1),
        "flag": None if i % 5 == 4 else i % 2 == 0,
        "tags": None if i % 11 == 10 else [f"t{j}" for j in range(i % 4)],
        "triples": [[f"s{i}", "is", None if j == 2 else f"o{j}"] for j in range(i % 3)] + ([[]] if i % 6 == 5 else []),
        "sql": None if i % 9 == 8 else {"sel": i, "conds": {"index": list(range(i % 2)), "text": ["x"] * (i % 2)}},
        "refs": [{"source": "a" if j else None, "text": f"ref {i} {j}"} for j in range(i % 3)],
    }


rows = [row(i) for i in range(60)]
table = pa.Table.from_pylist(rows, schema=schema)
variants = {
    "plain": dict(compression="none", use_dictionary=False),
    "snappy": dict(compression="snappy", row_group_size=17),
    "gzip_v2": dict(compression="gzip", data_page_version="2.0", data_page_size=64),
    "zstd": dict(compression="zstd", data_page_size=100, write_batch_size=3, row_group_size=25),
}
for name, options in variants.items():
    pq.write_table(table, os.path.join(here, name + ".parquet"), store_schema=False, **options)
few = table.select(["text", "label"]).slice(0, 3)
pq.write_table(few, os.path.join(here, "brotli.parquet"), compression="brotli", store_schema=False)
pq.write_table(few, os.path.join(here, "delta.parquet"), use_dictionary=False, store_schema=False, column_encoding={"label": "DELTA_BINARY_PACKED", "text": "PLAIN"})
required = pa.schema([pa.field("n", pa.uint64(), False), pa.field("when", pa.binary(4), False)])
pq.write_table(
    pa.Table.from_pylist([{"n": 2**64 - 1, "when": b"abcd"}, {"n": 0, "when": b"efgh"}], schema=required),
    os.path.join(here, "required.parquet"),
    store_schema=False,
)
with open(os.path.join(here, "expected.json"), "w", encoding="utf-8") as f:
    json.dump(rows, f, ensure_ascii=False, indent=0)
    f.write("\n")
