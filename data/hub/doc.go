// Package hub downloads files of repositories of models and data sets from a Hugging Face
// hub into the cache that Python's huggingface_hub keeps, so that either finds what the
// other has fetched.
//
// A reference names a repository and a revision (a branch, a tag or a commit; main unless
// given):
//
//	hub:org/name
//	hub:org/name@revision
//	hub:datasets/org/name@revision
//
// [Fetch] asks the hub which commit that is and which files it has, and downloads those that
// a pattern names and that are not there yet:
//
//	CACHE/models--org--name/
//	    refs/main                        the commit, 40 hexadecimal digits
//	    blobs/DIGEST                     a file, named by its digest
//	    blobs/DIGEST.incomplete          the first part of one
//	    snapshots/COMMIT/config.json     -> ../../blobs/DIGEST
//	CACHE/.locks/models--org--name/DIGEST.lock
//
// A file is there whole and with the digest that the hub announced (SHA-256 of a large file,
// Git's SHA-1 of a small one), or not at all. What was interrupted, in whatever way, goes on
// where it stopped. All files are of one commit, even where the branch moves meanwhile.
// Processes that fetch the same file wait for each other.
//
// The hub's token goes to the hub, and to no other host: not where it redirects to, and not
// over an unencrypted connection to another machine.
//
// # Caveats
//
// Git's SHA-1 finds damage, and would not hold off somebody who can make collisions. Without
// a connection nobody knows which files a repository has: the cache is taken for complete if
// it has one that a pattern names.
package hub
