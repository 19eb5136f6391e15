package actito

import "reflect"

// dataCollectionFields are the fields of DataCollectionInfo, in its order.
var dataCollectionFields = [...]*field{
	{name: "dataCollectionInformation.date", quoted: []byte(`"date"`), shape: shape{kind: dateTimeKind}},
	{name: "dataCollectionInformation.source", quoted: []byte(`"source"`)},
	{name: "dataCollectionInformation.way", quoted: []byte(`"way"`)},
}

// DataCollectionInfo tells where and how the data of a profile was collected. Empty fields are not sent.
type DataCollectionInfo struct {
	Date   DateTime
	Source string // such as "webshop"
	Way    string // such as "api_push"
}

// profileExtra is what a profile's body holds besides its row.
type profileExtra struct {
	DataCollection *DataCollectionInfo
	Key            bool // v5: the member "key", which updates by path do not have
}

// appendProfileV4 appends {"attributes":[…],"subscriptions":[…],"segmentations":[…],"dataCollectionInformation":{…}}.
// All but the first are left out when they would be empty.
func (c *codec[T]) appendProfileV4(dst []byte, row *T, extra profileExtra) ([]byte, error) {
	n := notation{loc: c.loc}
	members, err := c.members(row)
	if err != nil {
		return dst, err
	}
	dst = append(dst, `{"attributes":[`...)
	if dst, err = appendMembers(dst, members, attributeSection, n, (*field).appendNameValue); err != nil {
		return dst, err
	}
	dst = append(dst, ']')
	if dst, err = appendSection(dst, `,"subscriptions":[`, ']', members, subscriptionSection, n, (*field).appendSubscription); err != nil {
		return dst, err
	}
	if dst, err = appendSection(dst, `,"segmentations":[`, ']', members, segmentationSection, n, (*field).appendSegmentation); err != nil {
		return dst, err
	}
	return appendEnd(dst, extra, n)
}

// appendProfileV5 appends {"key":{…},"attributes":{…},"subscriptions":{…},"segmentations":{…}}. The last two are left
// out when they would be empty.
func (c *codec[T]) appendProfileV5(dst []byte, row *T, extra profileExtra) ([]byte, error) {
	n := notation{loc: c.loc}
	members, err := c.members(row)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	if extra.Key {
		dst, err = c.appendKey(append(dst, `"key":{`...), row)
		if err != nil {
			return dst, err
		}
		dst = append(dst, '}', ',')
	}
	dst = append(dst, `"attributes":{`...)
	if dst, err = appendMembers(dst, members, attributeSection, n, (*field).appendPair); err != nil {
		return dst, err
	}
	dst = append(dst, '}')
	if dst, err = appendSection(dst, `,"subscriptions":{`, '}', members, subscriptionSection, n, (*field).appendPair); err != nil {
		return dst, err
	}
	// assumed: segmentations are written like subscriptions; the one known body of v5 has none.
	if dst, err = appendSection(dst, `,"segmentations":{`, '}', members, segmentationSection, n, (*field).appendPair); err != nil {
		return dst, err
	}
	// assumed: data collection is written as in v4, for the same reason.
	return appendEnd(dst, extra, n)
}

// appendRecord appends {"properties":[…]}.
func (c *codec[T]) appendRecord(dst []byte, row *T) ([]byte, error) {
	n := notation{loc: c.loc}
	members, err := c.members(row)
	if err != nil {
		return dst, err
	}
	dst = append(dst, `{"properties":[`...)
	if dst, err = appendMembers(dst, members, attributeSection, n, (*field).appendNameValue); err != nil {
		return dst, err
	}
	return append(dst, ']', '}'), nil
}

// appendKey appends the pair of the key.
func (c *codec[T]) appendKey(dst []byte, row *T) ([]byte, error) {
	if c.keyField == nil {
		return dst, &ValidationError{Rule: "no-key", Detail: "the rows have no key: give one field the tag option key, or use KeyedBy"}
	}
	m, err := c.keyMember(row)
	if err != nil {
		return dst, err
	}
	dst, state, err := m.appendPair(dst, m.v, notation{loc: c.loc})
	if err == nil && state == stateUnset {
		err = m.emptyKey()
	}
	return dst, err
}

// appendMember appends one member of a body. What it appended is dropped if the member turns out to be unset.
type appendMember func(f *field, dst []byte, v reflect.Value, n notation) ([]byte, optState, error)

// appendMembers appends a section's members with commas between them.
func appendMembers(dst []byte, members []member, s section, n notation, one appendMember) ([]byte, error) {
	first := len(dst)
	for _, m := range members {
		if m.section != s {
			continue
		}
		before := len(dst)
		if before > first {
			dst = append(dst, ',')
		}
		var state optState
		var err error
		if dst, state, err = one(m.field, dst, m.v, n); err != nil {
			return dst, err
		}
		if state == stateUnset {
			dst = dst[:before]
		}
	}
	return dst, nil
}

// appendSection appends a section between its brackets, or nothing if it is empty.
func appendSection(dst []byte, open string, end byte, members []member, s section, n notation, one appendMember) ([]byte, error) {
	before := len(dst)
	dst = append(dst, open...)
	first := len(dst)
	dst, err := appendMembers(dst, members, s, n, one)
	if err != nil || len(dst) == first {
		return dst[:before], err
	}
	return append(dst, end), nil
}

// appendEnd ends a profile's body.
func appendEnd(dst []byte, extra profileExtra, n notation) ([]byte, error) {
	if extra.DataCollection == nil || *extra.DataCollection == (DataCollectionInfo{}) {
		return append(dst, '}'), nil
	}
	dst = append(dst, `,"dataCollectionInformation":{`...)
	info := reflect.ValueOf(extra.DataCollection).Elem()
	members := make([]member, len(dataCollectionFields))
	for i, f := range dataCollectionFields {
		members[i] = member{f, info.Field(i)}
	}
	dst, err := appendMembers(dst, members, attributeSection, n, (*field).appendPair)
	return append(dst, '}', '}'), err
}

// appendNameValue appends {"name":…,"value":…}.
func (f *field) appendNameValue(dst []byte, v reflect.Value, n notation) ([]byte, optState, error) {
	dst = append(append(dst, `{"name":`...), f.quoted...)
	dst, state, err := f.appendValue(append(dst, `,"value":`...), v, n)
	return append(dst, '}'), state, err
}

// appendPair appends name:value.
func (f *field) appendPair(dst []byte, v reflect.Value, n notation) ([]byte, optState, error) {
	return f.appendValue(append(append(dst, f.quoted...), ':'), v, n)
}

// appendSubscription appends {"name":…,"subscribe":…}.
func (f *field) appendSubscription(dst []byte, v reflect.Value, n notation) ([]byte, optState, error) {
	dst = append(append(dst, `{"name":`...), f.quoted...)
	dst, state, err := f.appendValue(append(dst, `,"subscribe":`...), v, n)
	return append(dst, '}'), state, err
}

// appendSegmentation appends {"name":…}, or for a segmentation that the profile leaves, the nested form.
func (f *field) appendSegmentation(dst []byte, v reflect.Value, n notation) ([]byte, optState, error) {
	content, state := f.content(v)
	if state == stateSet && !content.Bool() {
		// assumed: leaving is written in the form that knows "belongs"; the vendor's samples only show true.
		dst = append(append(dst, `{"belongs":false,"segmentation":{"name":`...), f.quoted...)
		return append(dst, '}', '}'), state, nil
	}
	if state == stateNull {
		return dst, state, f.refuse(errNullConsent)
	}
	return append(append(append(dst, `{"name":`...), f.quoted...), '}'), state, nil
}

var errNullConsent = &ValidationError{Rule: "null-consent", Detail: "a subscription or segmentation cannot be null: use actito.Set(false)"}

// appendValue appends a field's value as JSON.
func (f *field) appendValue(dst []byte, v reflect.Value, n notation) ([]byte, optState, error) {
	v, state := f.content(v)
	switch {
	case state == stateNull && f.section != attributeSection:
		return dst, state, f.refuse(errNullConsent)
	case state == stateNull:
		return append(dst, "null"...), state, nil
	case state == stateUnset:
		return dst, state, nil
	}
	var err error
	if !f.list {
		if dst, state, err = f.appendJSON(dst, v, n); err != nil {
			err = f.refuse(err)
		}
		return dst, state, err
	}
	dst = append(dst, '[') // assumed: a multi-valued attribute is an array; the reference shows none
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		s, e, err := f.element(v, i)
		if err == nil {
			dst, _, err = s.appendJSON(dst, e, n)
		}
		if err != nil {
			return dst, state, f.refuse(err)
		}
	}
	return append(dst, ']'), state, nil
}

// appendJSON appends one value.
func (s *shape) appendJSON(dst []byte, v reflect.Value, n notation) ([]byte, optState, error) {
	if s.kind.quoted() {
		dst = append(dst, '"')
	}
	start := len(dst)
	dst, err := s.appendText(dst, v, n)
	if err == nil {
		err = checkText(dst[start:])
	}
	if err != nil {
		return dst, stateSet, err
	}
	state := stateSet
	if len(dst) == start {
		if state, err = s.empty(); err != nil {
			return dst, state, err
		}
	}
	if s.kind.quoted() {
		dst = append(escapeJSON(dst, start), '"')
	}
	return dst, state, nil
}

func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := len(dst)
	return append(escapeJSON(append(dst, s...), start), '"')
}

// escapeJSON makes the raw text at dst[start:], which is valid UTF-8, the inside of a JSON string.
func escapeJSON(dst []byte, start int) []byte {
	raw := dst[start:]
	clean := 0
	for clean < len(raw) && raw[clean] >= ' ' && raw[clean] != '"' && raw[clean] != '\\' {
		clean++
	}
	if clean == len(raw) {
		return dst
	}
	// The escaped text is built behind the raw text and then moved over it, so that no scratch space is needed.
	const hex = "0123456789abcdef"
	end := len(dst)
	for _, c := range raw[clean:] {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst[:start+clean+copy(dst[start+clean:], dst[end:])]
}
