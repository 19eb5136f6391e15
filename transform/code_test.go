package transform

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/actito-go/actito/internal/isonames"
)

func TestEachNameBelongsToOne(t *testing.T) {
	t.Parallel()
	for kind, records := range map[string][]isonames.Record{"country": isonames.Countries(), "language": isonames.Languages()} {
		table := map[string]*codeTable{"country": countryTable(), "language": languageTable()}[kind]
		owner := map[string]string{}
		for _, r := range records {
			for _, name := range append([]string{}, r.Names...) {
				var b [maxName]byte
				key, word := plain(&b, []byte(name))
				assert.NotEmpty(t, key, "%s %s", kind, name)
				for _, k := range []string{string(key), string(table.withoutArticle(key, word))} {
					if k == "" {
						continue
					}
					if other := owner[k]; other != "" && other != r.Code {
						t.Errorf("%s: %q is %s and %s", kind, k, other, r.Code)
					}
					owner[k] = r.Code
					if c, is := table.codes[k]; is && string(c[:]) != r.Code {
						t.Errorf("%s: name %q of %s is the code %s", kind, k, r.Code, c)
					}
				}
			}
		}
	}
}
