package feedtest

import (
	"cmp"
	"iter"
	"slices"
	"sort"

	"github.com/actito-go/actito/feed"
)

// comparer has an order.
type comparer[E any] interface{ compare(other E) int }

// id orders events by their IDs.
type id int64

func (a id) compare(b id) int { return cmp.Compare(a, b) }

// keyed orders events by their keys, then by their IDs.
type keyed struct {
	key feed.Key
	id  id
}

func (a keyed) compare(b keyed) int { return cmp.Or(cmp.Compare(a.key, b.key), a.id.compare(b.id)) }

// aged orders events by their times, in microseconds, then by their IDs.
type aged struct {
	at int64
	id id
}

func (a aged) compare(b aged) int { return cmp.Or(cmp.Compare(a.at, b.at), a.id.compare(b.id)) }

// chunkSize is how many elements move at an insertion or a deletion.
const chunkSize = 256

// ordered is a set in order, quick with a million elements. Its zero value is empty.
type ordered[E comparer[E]] struct{ chunks [][]E } // none is empty

// find returns the chunk in which e is or would be, and its place in it.
func (o *ordered[E]) find(e E) (chunk, place int, found bool) {
	chunk = sort.Search(len(o.chunks), func(i int) bool { return o.chunks[i][0].compare(e) > 0 }) - 1
	if chunk < 0 {
		return 0, 0, false
	}
	place, found = slices.BinarySearchFunc(o.chunks[chunk], e, E.compare)
	return chunk, place, found
}

func (o *ordered[E]) add(e E) {
	chunk, place, found := o.find(e)
	switch {
	case found:
		return
	case len(o.chunks) == 0:
		o.chunks = [][]E{{e}}
		return
	case len(o.chunks[chunk]) < chunkSize:
		o.chunks[chunk] = slices.Insert(o.chunks[chunk], place, e)
		return
	case place == chunkSize: // chunks stay full where elements come in order
		o.chunks = slices.Insert(o.chunks, chunk+1, []E{e})
		return
	}
	half := slices.Clone(o.chunks[chunk][chunkSize/2:])
	o.chunks[chunk] = slices.Delete(o.chunks[chunk], chunkSize/2, chunkSize)
	o.chunks = slices.Insert(o.chunks, chunk+1, half)
	o.add(e)
}

func (o *ordered[E]) remove(e E) {
	chunk, place, found := o.find(e)
	if !found {
		return
	}
	o.chunks[chunk] = slices.Delete(o.chunks[chunk], place, place+1)
	if len(o.chunks[chunk]) == 0 {
		o.chunks = slices.Delete(o.chunks, chunk, chunk+1)
	}
}

// first is the least element of a set that has any.
func (o *ordered[E]) first() (e E, ok bool) {
	if len(o.chunks) == 0 {
		return e, false
	}
	return o.chunks[0][0], true
}

// after returns the elements that are greater than e. The set must not change meanwhile.
func (o *ordered[E]) after(e E) iter.Seq[E] {
	return func(yield func(E) bool) {
		if o == nil {
			return
		}
		chunk, place, found := o.find(e)
		if found {
			place++
		}
		for ; chunk < len(o.chunks); chunk, place = chunk+1, 0 {
			for _, next := range o.chunks[chunk][place:] {
				if !yield(next) {
					return
				}
			}
		}
	}
}

// of returns the set under a name, which is made if there is none.
func of[K comparable, S any](sets map[K]*S, name K) *S {
	set, ok := sets[name]
	if !ok {
		set = new(S)
		sets[name] = set
	}
	return set
}
