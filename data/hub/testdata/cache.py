"""Holds the cache against Python's huggingface_hub (written for 2.4.0).

Run by TestPythonSharesTheCache where COLA_PYTHON names a Python that has it:

    COLA_PYTHON=python go test -run TestPythonSharesTheCache -v ./data/hub

cache.py find CACHE REPO COMMIT FILE...    checks that the library finds what cola fetched
cache.py fetch CACHE REPO FILE...          fetches with the library, from HF_ENDPOINT
"""

import os
import sys

import huggingface_hub as hub

verb, cache, repo = sys.argv[1:4]
kind, _, repo = repo.rpartition(":")
kind = kind or "model"
if verb == "find":
    commit, files = sys.argv[4], sys.argv[5:]
    for name in files:
        for revision in [None, "main", commit]:
            path = hub.try_to_load_from_cache(repo, name, cache_dir=cache, revision=revision, repo_type=kind)
            assert isinstance(path, str) and os.path.isfile(path), (name, revision, path)
            assert hub.hf_hub_download(repo, name, cache_dir=cache, revision=revision, repo_type=kind, local_files_only=True) == path
        print("found", path)
    assert hub.try_to_load_from_cache(repo, "no such file", cache_dir=cache, repo_type=kind) is None
    info = hub.scan_cache_dir(cache)
    assert not info.warnings, info.warnings
    (found,) = [r for r in info.repos if r.repo_id == repo and r.repo_type == kind]
    (revision,) = found.revisions
    assert revision.commit_hash == commit and revision.refs == {"main"}, revision
    assert {f.file_path.relative_to(revision.snapshot_path).as_posix() for f in revision.files} == set(files)
    print("scanned", found.repo_id, revision.commit_hash, revision.size_on_disk, "bytes")
else:
    for name in sys.argv[4:]:
        print("fetched", hub.hf_hub_download(repo, name, cache_dir=cache, repo_type=kind))
