package transform

import (
	"encoding/json"
	"maps"
	"sync"
)

// definition is how a kind of this package is made.
type definition struct {
	read    func(params json.RawMessage, form Form) (action, error)
	service bool // it may stand in a definition that the service executes
}

// kinds are all of this package, by their names.
var kinds = sync.OnceValue(func() map[string]definition {
	all := map[string]definition{
		kindConcatenate: {read: readConcatenate},
		kindSplit:       {read: readSplit},
		kindConstant:    {read: readConstant},
		kindDrop:        {read: readDrop},
	}
	for _, group := range []map[string]definition{textKinds(), timeKinds(), wordKinds(), codeKinds()} {
		maps.Copy(all, group)
	}
	return all
})

func builtIn(name string) (definition, bool) {
	d, known := kinds()[name]
	return d, known
}
