package actito

import (
	"net/url"
	"strings"
)

// Key names one profile: by a unique attribute or by its profile id. See [By] and [ByID].
type Key struct{ attribute, value string }

// profileID is the attribute whose value stands alone in a path.
const profileID = "profileId"

// By names the profile whose unique attribute has this value: By("emailAddress", "ann@example.com"). Any value but
// the empty one can be given: it is escaped, and reaches the server as it is. The attribute's name is case-sensitive.
func By(attribute, value string) Key { return Key{attribute, value} }

// ByID names a profile by its profile id.
func ByID(id string) Key { return Key{profileID, id} }

// String names the attribute and hides the value.
func (k Key) String() string { return k.attribute + "=" + redacted }

// GoString hides the value from %#v.
func (k Key) GoString() string { return k.String() }

// segment is the key as a path segment.
func (k Key) segment() (string, error) {
	switch {
	case k.attribute == "" || strings.Contains(k.attribute, "="):
		return "", &ValidationError{Column: "key", Rule: "key-attribute", Detail: `a key names an attribute, without "=": use By("emailAddress", …), or ByID`}
	case k.value == "":
		return "", &ValidationError{Column: k.attribute, Rule: "empty-key", Detail: "the key is empty: give By or ByID a value"}
	case k.attribute != profileID:
		return escape(k.attribute) + "=" + escape(k.value), nil
	case strings.Contains(k.value, "="):
		return "", &ValidationError{Column: profileID, Rule: "profile-id", Detail: `a profile id holds no "=": name an attribute with By`}
	}
	return escape(k.value), nil
}

// escape is the one place where values become parts of a path. The "=" between a key's attribute and value stays
// literal, as production clients send it; "+" must not be taken for a space.
func escape(s string) string {
	return strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
}

// expand fills the placeholders of a path template: {entity}, and the others in order with escaped segments. A segment
// that would change the path's shape is refused.
func expand(template, entity string, segments []string) (string, error) {
	var b strings.Builder
	b.Grow(2 * len(template))
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, _ := strings.Cut(rest, "}")
		segment := escape(entity)
		if name != "entity" {
			segment, segments = segments[0], segments[1:]
		}
		shape, _, _ := strings.Cut(segment, ";") // servers cut parameters off before they resolve dots
		switch shape {
		case "":
			return "", &ValidationError{Column: name, Rule: "empty-" + name, Detail: "is empty, and the call's path needs it"}
		case ".", "..":
			return "", &ValidationError{Column: name, Rule: "path-segment", Detail: `"." and ".." cannot be part of a path`}
		}
		b.WriteString(segment)
		template = after
	}
}

// unprefixed drops the category: /profiles/v4/… becomes /v4/…. A path that has none stays.
func unprefixed(template string) string {
	if at := strings.Index(template[1:], "/") + 1; at > 0 && isVersion(template[at+1:]) {
		return template[at:]
	}
	return template
}

func isVersion(path string) bool {
	return len(path) > 1 && path[0] == 'v' && '0' <= path[1] && path[1] <= '9'
}
