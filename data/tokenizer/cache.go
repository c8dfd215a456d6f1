package tokenizer

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

const (
	cacheSlots  = 1 << 14 // words remembered at most
	cacheLength = 64      // bytes of the longest word worth remembering
)

// cache remembers the ids of words. A word has one place, and the last word to come keeps it:
// the size is bounded whatever the text, and readers never wait.
type cache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cached]
}

type cached struct {
	word string
	ids  []int32
}

func newCache() *cache {
	return &cache{maphash.MakeSeed(), make([]atomic.Pointer[cached], cacheSlots)}
}

// slot returns the place of a word; nil if the word is too long to be remembered.
func (c *cache) slot(word string) *atomic.Pointer[cached] {
	if len(word) > cacheLength {
		return nil
	}
	return &c.slots[maphash.String(c.seed, word)%cacheSlots]
}

// put remembers a word and its ids, of which it makes copies.
func put(slot *atomic.Pointer[cached], word string, ids []int32) {
	slot.Store(&cached{strings.Clone(word), append([]int32(nil), ids...)})
}
